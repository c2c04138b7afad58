"""A catalogue in one SQLite file."""

from lookalike.catalogue.sqlite.database import SqliteFile

__all__ = ["SqliteFile"]
