"""Damage of what is SQLite's own: its pages, its tables and the index of words."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from lookalike.catalogue.advice import REBUILD, RESTORE
from lookalike.catalogue.records import Problem
from lookalike.catalogue.sqlite import words
from lookalike.errors import CollectionDamagedError, CollectionLockedError, CollectionReadOnlyError


def problems(connection: Connection) -> Iterator[Problem]:
    """What SQLite itself finds: pages, rows without the row they refer to, words that do not match their text."""
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem(message, "the database file", RESTORE)
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Problem(f"refers to a row of {parent} that is not there", f"table {table}, row {row}", RESTORE)
    try:
        connection.exec_driver_sql(words.CHECK)  # It writes nothing, though SQLite has it as an insert.
    except (CollectionReadOnlyError, CollectionLockedError):
        pass  # SQLite refuses where nothing can be written now; the texts can be compared all the same
    except CollectionDamagedError:
        yield Problem("the index does not match its own text", "full text", REBUILD)
