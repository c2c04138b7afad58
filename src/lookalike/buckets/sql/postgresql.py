"""Bucket stores in PostgreSQL: `postgresql://user@host/database`, in tables whose names begin with `lookalike_`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from psycopg import errors
from psycopg.sql import SQL

from lookalike.arrays import Int64
from lookalike.buckets.packed import Probed
from lookalike.buckets.sql.changes import Changes, Row
from lookalike.buckets.sql.database import COLUMNS, Answer, State, Writer, signed
from lookalike.buckets.sql.pool import Pool
from lookalike.buckets.sql.postgresql_connection import Array, Connection, connect, is_lost, raised
from lookalike.buckets.sql.postgresql_writer import (
    PostgresqlWriter,
    changes_of,
    contents_of,
    named,
    namespaces_table,
    tables_of,
)
from lookalike.buckets.sql.store import SqlBuckets
from lookalike.urls import shown_url

T = TypeVar("T")
CREATE = SQL(
    'CREATE TABLE {} (name text COLLATE "C" PRIMARY KEY, layout integer NOT NULL, generation bigint NOT NULL, '
    "stamp bigint NOT NULL, wide integer NOT NULL, ids bigint NOT NULL, changes bigint NOT NULL, "
    "header text NOT NULL)"
)
LOOK = SQL(
    "SELECT -1::bigint, stamp, NULL::bytea FROM {namespaces} WHERE name = %(name)s AND generation = %(generation)s "
    "UNION ALL SELECT -2, entry, int8send(id) FROM {changes} WHERE number >= %(known)s "
    "UNION ALL SELECT asked.place, NULL, b.entries FROM "
    "unnest(%(tables)s, %(keys)s) WITH ORDINALITY AS asked (number, key, place) "
    "CROSS JOIN LATERAL (SELECT entries FROM {buckets} WHERE number = asked.number AND key = asked.key LIMIT 1) b"
)
"""One statement sees one moment, in one round trip: stamp, newer changes, and buckets by their places from 1.

By a plain join, a planner that takes many keys for most keys would read the whole table.
"""


def open_postgresql(url: str, namespace: str, *, timeout: float) -> SqlBuckets:
    """Return a handle on a namespace of a database, whose tables are made when it is first filled.

    Raises:
        BucketStoreError: wrong password, no such database, a server that is too old.
        BucketStoreUnavailableError: it cannot be reached.
    """
    database = PostgresqlDatabase(url, namespace, timeout)
    database.state()
    return SqlBuckets(database)


class PostgresqlDatabase:
    """A `Database` in the schema that comes first in the connection's `search_path`."""

    def __init__(self, url: str, namespace: str, timeout: float) -> None:
        """Name the database; nothing is opened yet."""
        self.name = f"bucket store {shown_url(url)}"
        self._namespace, self._timeout = namespace, timeout
        self._pool: Pool[Connection] = Pool(lambda: connect(url, self.name, timeout), is_lost)

    def state(self) -> State | None:
        """See `Database`."""

        def state(connection: Connection) -> State | None:
            try:
                return self._state(connection)
            except errors.UndefinedTable:
                return None

        return self._run(state)

    def look(self, state: State, known: int, probed: Probed) -> Answer | None:
        """See `Database`."""
        given = {
            "name": self._namespace,
            "generation": state.generation,
            "known": known,
            "tables": Array.of(probed.tables),
            "keys": Array.of(signed(probed.keys)),
        }
        rows = self._run_generation(
            lambda connection: connection.fetched(named(connection, state, LOOK), given)
        )
        stamp: int | None = None
        changes: list[Row] = []
        contents: list[bytes | None] = [None] * len(probed.keys)
        for place, number, content in rows or ():
            if place > 0:
                contents[place - 1] = content
            elif place == -1:
                stamp = number % 2**64
            else:
                changes.append((number, None if content is None else int.from_bytes(content)))
        return None if stamp is None else Answer(stamp, changes, contents)

    def ids(self, state: State) -> Int64 | None:
        """See `Database`."""
        statement = SQL("SELECT id FROM {ids} ORDER BY id")
        rows = self._run_generation(
            lambda connection: connection.fetched(named(connection, state, statement))
        )
        return None if rows is None else np.array(rows, dtype=np.int64).reshape(-1)

    def sizes(self, state: State, changes: Changes) -> tuple[Int64, int] | None:
        """See `Database`. The bytes are those of the namespace's tables and indexes, as PostgreSQL tells them."""

        def sizes(connection: Connection) -> tuple[Int64, int]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                seen = changes.followed_by(changes_of(connection, state, changes.count))
                size = sum(
                    connection.fetched(
                        SQL("SELECT pg_total_relation_size(%s::regclass)"), [table.as_string()]
                    )[0][0]
                    for table in tables_of(connection, state).values()
                )
                tables = range(len(state.header.tables))
                if seen.count:
                    return np.concatenate(
                        [contents_of(connection, state, i).sizes(state, seen) for i in tables]
                    ), size
                statement = SQL("SELECT octet_length(entries) FROM {buckets}")
                lengths = np.array(connection.fetched(named(connection, state, statement)), dtype=np.int64)
                return lengths.reshape(-1) // state.dtype.itemsize, size

        return self._run_generation(sizes)

    def write(self, work: Callable[[Writer], T]) -> T:
        """See `Database`."""

        def write(connection: Connection) -> T:
            with connection.transaction():
                # A statement that is at work may take longer than a reader would wait; a lock may not.
                connection.execute("SET LOCAL statement_timeout = 0")
                _lock(connection, f"lookalike {self._namespace}")
                if not _is_there(connection):
                    _lock(connection, "lookalike")
                    if not _is_there(connection):
                        connection.execute(CREATE.format(namespaces_table(connection)))
                return work(PostgresqlWriter(connection, self._namespace, self._state(connection)))

        return self._run(write)

    def close(self) -> None:
        """See `Database`."""
        self._pool.close()

    def _state(self, connection: Connection) -> State | None:
        statement = SQL("SELECT {} FROM {} WHERE name = %s").format(
            SQL(COLUMNS), namespaces_table(connection)
        )
        rows = connection.fetched(statement, [self._namespace])
        return State.of_row(rows[0], self.name) if rows else None

    def _run(self, work: Callable[[Connection], T]) -> T:
        with raised(self.name, self._timeout):
            return self._pool.run(work)

    def _run_generation(self, work: Callable[[Connection], T]) -> T | None:
        """Return what `work` does; None if the tables that it names are gone."""

        def run(connection: Connection) -> T | None:
            try:
                return work(connection)
            except (errors.UndefinedTable, errors.InternalError_):
                return None  # taken away before, or while it waited for them

        return self._run(run)


def _lock(connection: Connection, name: str) -> None:
    """Wait for the lock of that name, and hold it until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _is_there(connection: Connection) -> bool:
    rows = connection.fetched(SQL("SELECT to_regclass(%s)::text"), [namespaces_table(connection).as_string()])
    return rows[0][0] is not None
