"""The SQL statements that reach the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from lookalike.catalogue.sessions import Session, Sessions


@contextmanager
def sent_statements() -> Iterator[list[str]]:
    """The statements that are sent meanwhile, on any connection, but for the end of transactions."""
    sent: list[str] = []
    traced: list[sqlite3.Connection] = []

    def note(statement: str) -> None:
        if statement not in ("ROLLBACK", "COMMIT"):
            sent.append(statement)

    take, execute = Sessions.take, psycopg.Cursor.execute

    def traced_session(sessions: Sessions) -> Session:
        session = take(sessions)
        if isinstance(session.driver, sqlite3.Connection):
            session.driver.set_trace_callback(note)
            traced.append(session.driver)
        return session

    def traced_execute(cursor: psycopg.Cursor[Any], query: bytes | str, *more: Any, **options: Any) -> Any:
        note(str(query))
        return execute(cursor, query, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sessions, "take", traced_session)
        patch.setattr(psycopg.Cursor, "execute", traced_execute)
        yield sent
    for connection in traced:
        connection.set_trace_callback(None)
