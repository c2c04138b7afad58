"""SQLAlchemy on connections of a driver's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import NullPool

from lookalike.catalogue.driver import DriverConnection
from lookalike.errors import CollectionError

BLOCK_ROWS = 1000

Translation = tuple[tuple[type[Exception], ...], Callable[[Exception], CollectionError]]
"""What a driver raises, and what each of it means in Lookalike's words."""


class Cores:
    """Gives connections of the driver to SQLAlchemy, whatever transaction they are in. Safe for threads."""

    def __init__(
        self, url: str, connect: Callable[[], DriverConnection], translation: Translation, **options: Any
    ) -> None:
        """`url` says which dialect and driver of SQLAlchemy's; `connect` makes a connection of that driver."""
        self._url = url
        self._connect = connect
        self._translation = translation
        self._options = options
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._next: DriverConnection | None = None

    def core(self, driver: DriverConnection) -> Connection:
        """SQLAlchemy's connection over that of the driver, which is closed with it."""
        with self._lock:
            if self._engine is None:
                self._engine = self._new_engine()
            self._next = driver
            return self._engine.connect()

    def _new_engine(self) -> Engine:
        engine = create_engine(self._url, creator=lambda: self._next, poolclass=NullPool, **self._options)
        translate_errors(engine, self._translation)
        # Of its first connection SQLAlchemy asks what the database can do, and rolls back.
        self._next = self._connect()
        engine.connect().close()
        return engine


def translate_errors(engine: Engine, translation: Translation) -> None:
    """Let all errors of the driver leave `engine` as LookalikeErrors."""
    errors, translated = translation

    @event.listens_for(engine, "handle_error")
    def handle_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, errors):
            raise translated(context.original_exception) from context.original_exception


def streamed(connection: Connection, query: Select[Any]) -> Generator[Any, None, None]:
    """The rows of a query as they are read."""
    with connection.execute(query, execution_options={"yield_per": BLOCK_ROWS}) as rows:
        yield from rows
