"""Bucket stores in an SQLite file: `sqlite:///path` (from here) and `sqlite:////path` (from the root)."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import numpy as np

from lookalike.arrays import Int64
from lookalike.buckets.packed import Probed
from lookalike.buckets.sql.changes import Changes
from lookalike.buckets.sql.database import COLUMNS, Answer, State, Writer, signed
from lookalike.buckets.sql.pool import Pool
from lookalike.buckets.sql.sqlite_writer import (
    SqliteWriter,
    buckets_table,
    changes_of,
    contents_of,
    ids_table,
)
from lookalike.buckets.sql.store import SqlBuckets
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError, OptionError

T = TypeVar("T")
PREFIX = "sqlite:///"
BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")
PROBLEMS = {
    "SQLITE_FULL": "has no room left on its disk; make room",
    "SQLITE_NOMEM": "did not get the memory it needs",
    "SQLITE_READONLY": "may be read, but not written; give it to a user who may",
    "SQLITE_CANTOPEN": "cannot be opened; see that its folder is there and may be written",
    "SQLITE_PERM": "may not be used by this user",
    "SQLITE_NOTADB": "is no SQLite database; give another path",
    "SQLITE_CORRUPT": "is damaged; take the file away and fill the store again",
    "SQLITE_IOERR": "cannot be read or written by the system",
    "SQLITE_TOOBIG": "cannot hold a bucket as large as this; choose a family with more hashes a table",
}
"""By how SQLite's own name of an error begins."""
CREATE = (
    "CREATE TABLE IF NOT EXISTS lookalike_namespaces (name TEXT PRIMARY KEY, layout INTEGER NOT NULL, "
    "generation INTEGER NOT NULL, stamp INTEGER NOT NULL, wide INTEGER NOT NULL, ids INTEGER NOT NULL, "
    "changes INTEGER NOT NULL, header TEXT NOT NULL)"
)
RETRY_SECONDS = 0.01


def open_sqlite(url: str, namespace: str, *, timeout: float) -> SqlBuckets:
    """Return a handle on a namespace of a file, which is made when it is first filled.

    Raises:
        OptionError: the URL names no file.
        BucketStoreError: there is something else than an SQLite database.
    """
    path = url.removeprefix(PREFIX)
    if path == url or not path or path == ":memory:" or "\0" in path:
        raise OptionError(
            f"bucket store {url!r} names no file; give sqlite:///FILE, or sqlite:////FOLDER/FILE from the root"
        )
    database = SqliteDatabase(Path(path).absolute(), namespace, timeout)
    database.state()
    return SqlBuckets(database)


class SqliteDatabase:
    """A `Database` in one file, in write-ahead mode: readers and the one writer do not wait for one another."""

    def __init__(self, path: Path, namespace: str, timeout: float) -> None:
        """Name the file; nothing is opened yet."""
        self.name = f"bucket store {PREFIX}{path}"
        self._path, self._namespace, self._timeout = path, namespace, timeout
        self._file: tuple[int, int] | None = None
        self._pool = Pool(self._connect, lost=lambda error: False)

    def state(self) -> State | None:
        """See `Database`."""
        return self._read(self._state)

    def look(self, state: State, known: int, probed: Probed) -> Answer | None:
        """See `Database`."""

        def look(connection: sqlite3.Connection, now: State) -> Answer:
            changes = changes_of(connection, state, known)
            contents: list[bytes | None] = []
            tables = range(len(state.header.tables))
            bounds = np.searchsorted(probed.tables, [*tables, len(tables)])
            for table in tables:
                keys = signed(probed.keys[bounds[table] : bounds[table + 1]]).tolist()
                found = dict(
                    connection.execute(
                        f"SELECT key, entries FROM {buckets_table(state, table)} "
                        "WHERE key IN (SELECT value FROM json_each(?))",
                        (json.dumps(keys),),
                    )
                )
                contents += map(found.get, keys)
            return Answer(now.header.stamp, changes, contents)

        return self._read_generation(state, look)

    def ids(self, state: State) -> Int64 | None:
        """See `Database`."""

        def ids(connection: sqlite3.Connection, now: State) -> Int64:
            rows = connection.execute(f"SELECT id FROM {ids_table(state)} ORDER BY id").fetchall()
            return np.array(rows, dtype=np.int64).reshape(-1)

        return self._read_generation(state, ids)

    def sizes(self, state: State, changes: Changes) -> tuple[Int64, int] | None:
        """See `Database`. Files are shared by namespaces, so the bytes are those of keys, entries and ids."""

        def sizes(connection: sqlite3.Connection, now: State) -> tuple[Int64, int]:
            seen = changes.followed_by(changes_of(connection, state, changes.count))
            found, size = [], 8 * now.ids + 24 * seen.count
            for table in range(len(state.header.tables)):
                rows = connection.execute(f"SELECT length(entries) FROM {buckets_table(state, table)}")
                lengths = np.array([row[0] for row in rows], dtype=np.int64)
                size += int(lengths.sum()) + 8 * len(lengths)
                if seen.count:
                    found.append(contents_of(connection, state, table).sizes(state, seen))
                else:
                    found.append(lengths // state.dtype.itemsize)
            return np.concatenate(found), size

        return self._read_generation(state, sizes)

    def write(self, work: Callable[[Writer], T]) -> T:
        """See `Database`."""

        def write(connection: sqlite3.Connection) -> T:
            self._keep_log(connection)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(CREATE)
            result = work(SqliteWriter(connection, self._namespace, self._state(connection)))
            connection.execute("COMMIT")
            return result

        with self._errors():
            self._look_at_file()
            return self._pool.run(write)

    def close(self) -> None:
        """See `Database`."""
        self._pool.close()

    def _read(self, work: Callable[[sqlite3.Connection], T | None]) -> T | None:
        def read(connection: sqlite3.Connection) -> T | None:
            connection.execute("BEGIN")  # all that follows is of one moment
            result = work(connection)
            connection.execute("COMMIT")
            return result

        with self._errors():
            return self._pool.run(read) if self._look_at_file() else None

    def _read_generation(self, state: State, work: Callable[[sqlite3.Connection, State], T]) -> T | None:
        """Return what `work` does with the row of the namespace; None if its generation is another than `state`'s."""

        def read(connection: sqlite3.Connection) -> T | None:
            now = self._state(connection)
            return None if now is None or now.generation != state.generation else work(connection, now)

        return self._read(read)

    def _look_at_file(self) -> bool:
        """Return whether the file is there; let go of connections to another that was in its place."""
        self._pool.check_open()
        try:
            status = self._path.stat()
        except OSError:
            file = None
        else:
            file = status.st_dev, status.st_ino
        if file != self._file:
            self._pool.let_go()
            self._file = file
        return file is not None

    def _state(self, connection: sqlite3.Connection) -> State | None:
        try:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM lookalike_namespaces WHERE name = ?", (self._namespace,)
            ).fetchone()
        except sqlite3.OperationalError as error:
            if str(error) == "no such table: lookalike_namespaces":
                return None
            raise
        return None if row is None else State.of_row(row, self.name)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self._path))}",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=1024,
        )
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep_log(self, connection: sqlite3.Connection) -> None:
        """Have the file written ahead of, whoever else asks for that at the same moment."""
        until = time.monotonic() + self._timeout
        while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded where nothing was written yet
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:  # SQLite does not wait here
                if not error.sqlite_errorname.startswith(BUSY) or time.monotonic() > until:
                    raise
                time.sleep(RETRY_SECONDS)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise the driver's errors as the project's."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "")
            if code.startswith(BUSY):
                raise BucketStoreUnavailableError(
                    f"{self.name} was locked by another writer for {self._timeout:g} s; try again later"
                ) from error
            for beginning, problem in PROBLEMS.items():
                if code.startswith(beginning):
                    raise BucketStoreError(f"{self.name} {problem} ({error})") from error
            raise BucketStoreError(
                f"{self.name} has tables of another shape than Lookalike's ({error}); give another file"
            ) from error
