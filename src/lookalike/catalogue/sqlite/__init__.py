"""A catalogue in one SQLite file."""

from lookalike.catalogue.sqlite.dialect import Sqlite

__all__ = ["Sqlite"]
