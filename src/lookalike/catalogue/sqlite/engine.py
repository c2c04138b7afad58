"""SQLAlchemy on connections of the driver's."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import NullPool

from lookalike.catalogue.sqlite.connections import connect
from lookalike.catalogue.sqlite.errors import DRIVER_ERRORS, translated


class Cores:
    """Gives connections of the driver to SQLAlchemy, whatever transaction they are in. Safe for threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._next: sqlite3.Connection | None = None

    def core(self, driver: sqlite3.Connection) -> Connection:
        """SQLAlchemy's connection over that of the driver, which is closed with it."""
        with self._lock:
            if self._engine is None:
                self._engine = self._new_engine()
            self._next = driver
            return self._engine.connect()

    def _new_engine(self) -> Engine:
        engine = create_engine(
            "sqlite+pysqlite://", creator=lambda: self._next, paramstyle="named", poolclass=NullPool
        )
        translate_errors(engine, self._path)
        # Of its first connection SQLAlchemy asks what the database can do, and rolls back.
        self._next = connect(self._path)
        engine.connect().close()
        return engine


def translate_errors(engine: Engine, path: Path) -> None:
    """Let all of SQLite's errors leave `engine` as LookalikeErrors about the file `path`."""

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, DRIVER_ERRORS):
            raise translated(context.original_exception, path) from context.original_exception
