"""Connections that threads share by turns."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from lookalike.errors import BucketStoreError


class Closable(Protocol):
    """A connection of any driver."""

    def close(self) -> None:
        """Let go of it."""
        ...


C = TypeVar("C", bound=Closable)
T = TypeVar("T")


class Pool(Generic[C]):
    """As many connections as threads need at once. One in which anything failed is not used again.

    SQLAlchemy's pools and psycopg_pool's do not try again what was done on an idle connection that had been lost: they
    give one that is, or ask the server before each use, which is a second round trip. Nor does psycopg_pool serve
    SQLite, and it keeps threads of its own, which a fork loses.
    """

    def __init__(self, open: Callable[[], C], lost: Callable[[Exception], bool]) -> None:  # noqa: A002
        """Open connections by `open`; `lost` tells whether an error means that a connection was gone."""
        self._connect, self._lost = open, lost
        self._idle: list[C] = []
        self._abandoned: list[C] = []
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, work: Callable[[C], T]) -> T:
        """Return what `work` does with a connection; tried again, with a new one, where one that was idle is lost.

        Raises:
            BucketStoreError: the pool was closed.
        """
        connection = self._taken()
        if connection is not None:
            try:
                return self._run(connection, work)
            except Exception as error:
                if not self._lost(error):
                    raise
            self.let_go()  # all that were opened before are lost too
        return self._run(self._connect(), work)

    def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._closed = True
        self.let_go()

    def _run(self, connection: C, work: Callable[[C], T]) -> T:
        try:
            result = work(connection)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        if self._closed:
            self.let_go()
        return result

    def _taken(self) -> C | None:
        self.check_open()
        with self._lock:
            if self._process != os.getpid():  # a fork's: to close them would disturb the parent's
                self._abandoned += self._idle
                self._idle, self._process = [], os.getpid()
            return self._idle.pop() if self._idle else None

    def check_open(self) -> None:
        """Raise BucketStoreError if the pool was closed."""
        if self._closed:
            raise BucketStoreError("the bucket store was closed; open it again")

    def let_go(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._process == os.getpid():
            for connection in idle:
                connection.close()
