"""The SQL statements that reach SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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

    take = Sessions.take

    def traced_session(sessions: Sessions) -> Session:
        session = take(sessions)
        assert isinstance(session.driver, sqlite3.Connection)
        session.driver.set_trace_callback(note)
        traced.append(session.driver)
        return session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sessions, "take", traced_session)
        yield sent
    for connection in traced:
        connection.set_trace_callback(None)
