"""Transactions on the driver's connections, and the connections that are kept for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lookalike.catalogue.database import Database
from lookalike.errors import CollectionError, CollectionUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lookalike.catalogue.dialect import Dialect

KEPT_CONNECTIONS = 8
"""Connections that stay open when nobody uses them; there is no limit to those in use."""


class Session:
    """A connection, for one transaction at a time: to be asked in SQL, or by SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.driver = database.open()
        self._core: Connection | None = None
        self.active = False
        self.kept = False
        """Whether it was open before, for another transaction."""

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query; a list among the parameters is `packed`."""
        return next(self.blocks(sql, None, **parameters))

    def blocks(self, sql: str, size: int | None, **parameters: Any) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, streamed in lists of `size`; None is all in one."""
        try:
            with closing(
                self._database.execute(self.driver, sql, parameters, streamed=size is not None)
            ) as cursor:
                if size is None:
                    yield cursor.fetchall()
                    return
                while block := cursor.fetchmany(size):
                    yield block
        except self._database.errors as error:
            raise self._database.translated(error) from error

    def core(self, dialect: Dialect) -> Connection:
        """SQLAlchemy's connection, in the same transaction."""
        if self._core is None:
            self._core = dialect.core(self.driver)
        return self._core

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction; see `Database.begin`."""
        self._database.begin(self.driver, writes=writes)
        self.active = True

    def end(self) -> bool:
        """End the transaction, rolling back what was not committed; return whether another may begin."""
        self.active = False
        with suppress(*self._database.errors, CollectionError):
            if self._core is not None:
                self._core.rollback()
            self.driver.rollback()
            return self._database.reusable(self.driver)
        return False

    def close(self) -> None:
        """Close the connection."""
        with suppress(*self._database.errors, CollectionError):
            if self._core is not None:
                self._core.close()
            self.driver.close()


class Sessions:
    """Sessions with one database. Safe for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kept: list[Session] = []
        self._closed = False

    @contextmanager
    def begin(self, *, writes: bool = False) -> Iterator[Session]:
        """A session in a transaction, which ends with the block.

        Raises: CollectionError where the catalogue is closed; CollectionLockedError, for one that `writes`.
        """
        session = self._begun(writes)
        try:
            yield session
        finally:
            self._give_back(session)

    def _begun(self, writes: bool) -> Session:
        """A session in a transaction; not one whose server was restarted while nobody used it."""
        while True:
            session = self.take()
            try:
                session.begin(writes=writes)
            except BaseException as error:
                self._give_back(session)
                if not (session.kept and isinstance(error, CollectionUnavailableError)):
                    raise
            else:
                return session

    def take(self) -> Session:
        """A session that nobody uses, or a new one."""
        with self._lock:
            if self._closed:
                raise CollectionError(f"{self._database.name} is closed; open it again")
            if self._kept:
                return self._kept.pop()
        return Session(self._database)

    def _give_back(self, session: Session) -> None:
        if session.end():
            with self._lock:
                if not self._closed and len(self._kept) < KEPT_CONNECTIONS:
                    session.kept = True
                    self._kept.append(session)
                    return
        session.close()

    def close(self) -> None:
        """Close all connections: those in use when they are no longer. Closing twice does no harm."""
        with self._lock:
            self._closed = True
            kept, self._kept = self._kept, []
        for session in kept:
            session.close()
