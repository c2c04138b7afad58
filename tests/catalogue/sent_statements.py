"""The SQL statements that reach SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.pool import Pool


@contextmanager
def sent_statements() -> Iterator[list[str]]:
    """The statements that are sent meanwhile, on any connection, but for the end of transactions."""
    sent: list[str] = []
    traced: list[sqlite3.Connection] = []

    def note(statement: str) -> None:
        if statement not in ("ROLLBACK", "COMMIT"):
            sent.append(statement)

    def trace(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(note)
        traced.append(connection)

    event.listen(Pool, "checkout", trace)
    try:
        yield sent
    finally:
        event.remove(Pool, "checkout", trace)
        for connection in traced:
            connection.set_trace_callback(None)
