"""A catalogue in one schema of a PostgreSQL database."""

from lookalike.catalogue.postgresql.address import Address
from lookalike.catalogue.postgresql.database import PostgresSchema

__all__ = ["Address", "PostgresSchema"]
