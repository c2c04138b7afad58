"""Bucket stores in PostgreSQL: `postgresql://user@host/database`, in tables whose names begin with `lookalike_`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, LiteralString, TypeVar

import numpy as np
from psycopg import Cursor, errors
from psycopg.sql import SQL, Composed, Identifier

from lookalike.arrays import Int64
from lookalike.buckets.packed import Probed
from lookalike.buckets.sql.changes import Changes, Row
from lookalike.buckets.sql.database import COLUMNS, Answer, Contents, State, Writer, buckets_of, signed
from lookalike.buckets.sql.pool import Pool
from lookalike.buckets.sql.postgresql_connection import Array, Connection, connect, is_lost, raised
from lookalike.buckets.sql.store import SqlBuckets
from lookalike.buckets.table import Table
from lookalike.buckets.urls import shown_url

T = TypeVar("T")
ROWS = 20_000
"""Rows go to the server so many a statement, which bounds how long one takes."""
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
            lambda connection: connection.fetched(_named(connection, state, LOOK), given)
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
            lambda connection: connection.fetched(_named(connection, state, statement))
        )
        return None if rows is None else np.array(rows, dtype=np.int64).reshape(-1)

    def sizes(self, state: State, changes: Changes) -> tuple[Int64, int] | None:
        """See `Database`. The bytes are those of the namespace's tables and indexes, as PostgreSQL tells them."""

        def sizes(connection: Connection) -> tuple[Int64, int]:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                seen = changes.followed_by(_changes(connection, state, changes.count))
                size = sum(
                    connection.fetched(
                        SQL("SELECT pg_total_relation_size(%s::regclass)"), [table.as_string()]
                    )[0][0]
                    for table in _tables(connection, state).values()
                )
                tables = range(len(state.header.tables))
                if seen.count:
                    return np.concatenate(
                        [_contents(connection, state, i).sizes(state, seen) for i in tables]
                    ), size
                statement = SQL("SELECT octet_length(entries) FROM {buckets}")
                lengths = np.array(connection.fetched(_named(connection, state, statement)), dtype=np.int64)
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
                        connection.execute(CREATE.format(_namespaces(connection)))
                return work(PostgresqlWriter(connection, self._namespace, self._state(connection)))

        return self._run(write)

    def close(self) -> None:
        """See `Database`."""
        self._pool.close()

    def _state(self, connection: Connection) -> State | None:
        statement = SQL("SELECT {} FROM {} WHERE name = %s").format(SQL(COLUMNS), _namespaces(connection))
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


class PostgresqlWriter:
    """A `Writer` within a transaction that is begun and ended elsewhere."""

    def __init__(self, connection: Connection, namespace: str, state: State | None) -> None:
        """Write to a namespace that is in `state`."""
        self._connection, self._namespace = connection, namespace
        self.state = state

    def replace(self, state: State, ids: Int64, tables: Iterable[Table]) -> None:
        """See `Writer`."""
        old, self.state = self.state, state
        self._execute("CREATE TABLE {ids} (id bigint PRIMARY KEY)")
        self._execute("CREATE TABLE {changes} (number bigint PRIMARY KEY, entry bigint NOT NULL, id bigint)")
        self._execute(
            "CREATE TABLE {buckets} (number bigint, key bigint, entries bytea NOT NULL, PRIMARY KEY (number, key))"
        )
        # Entries are read and added to as a whole, and would be packed and unpacked each time.
        self._execute("ALTER TABLE {buckets} ALTER entries SET STORAGE EXTERNAL")
        self.enter(ids)
        self._copy(
            "{buckets}",
            ["int8", "int8", "bytea"],
            (
                (number, key, entries)
                for number, table in enumerate(tables)
                for key, entries in buckets_of(table, state.dtype)
            ),
        )
        if old is not None:
            self._forget(old)
        self.keep(state)

    def keep(self, state: State) -> None:
        """See `Writer`."""
        columns = COLUMNS.split(", ")
        self._connection.execute(
            SQL(
                "INSERT INTO {} (name, {}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET {}"
            ).format(
                _namespaces(self._connection),
                SQL(COLUMNS),
                SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(column)) for column in columns),
            ),
            [self._namespace, *state.row()],
        )

    def changes(self, known: int) -> list[Row]:
        """See `Writer`."""
        return _changes(self._connection, self._now(), known)

    def change(self, first: int, rows: Iterable[Row]) -> None:
        """See `Writer`."""
        self._copy("{changes}", ["int8"] * 3, ((number, *row) for number, row in enumerate(rows, first)))

    def leave(self, ids: Int64) -> Int64:
        """See `Writer`."""
        left = self._execute("DELETE FROM {ids} WHERE id = ANY (%s) RETURNING id", [Array.of(ids)])
        return np.array(left.fetchall(), dtype=np.int64).reshape(-1)

    def enter(self, ids: Int64) -> None:
        """See `Writer`."""
        self._copy("{ids}", ["int8"], ((number,) for number in np.sort(ids).tolist()))

    def append(self, number: int, table: Table) -> None:
        """See `Writer`."""
        buckets = buckets_of(table, self._now().dtype)
        while rows := list(itertools.islice(buckets, ROWS)):
            keys, entries = zip(*rows, strict=True)
            self._execute(
                "INSERT INTO {buckets} AS b (number, key, entries) SELECT %s, * FROM unnest(%s::bigint[], %s::bytea[]) "
                "ON CONFLICT (number, key) DO UPDATE SET entries = b.entries || excluded.entries",
                [number, list(keys), list(entries)],
            )

    def contents(self, number: int) -> Contents:
        """See `Writer`."""
        return _contents(self._connection, self._now(), number)

    def drop(self) -> None:
        """See `Writer`."""
        if self.state is not None:
            self._forget(self.state)
        statement = SQL("DELETE FROM {} WHERE name = %s").format(_namespaces(self._connection))
        self._connection.execute(statement, [self._namespace])
        self.state = None

    def _forget(self, old: State) -> None:
        tables = SQL(", ").join(_tables(self._connection, old).values())
        self._connection.execute(SQL("DROP TABLE IF EXISTS {}").format(tables))

    def _execute(self, statement: LiteralString, given: Sequence[Any] = ()) -> Cursor[tuple[Any, ...]]:
        return self._connection.execute(_named(self._connection, self._now(), SQL(statement)), given)

    def _copy(self, table: LiteralString, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        statement = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(
            _named(self._connection, self._now(), SQL(table))
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _now(self) -> State:
        assert self.state is not None
        return self.state


def _lock(connection: Connection, name: str) -> None:
    """Wait for the lock of that name, and hold it until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _is_there(connection: Connection) -> bool:
    rows = connection.fetched(SQL("SELECT to_regclass(%s)::text"), [_namespaces(connection).as_string()])
    return rows[0][0] is not None


def _namespaces(connection: Connection) -> Identifier:
    return Identifier(connection.schema, "lookalike_namespaces")


def _tables(connection: Connection, state: State) -> dict[str, Identifier]:
    return {
        kind: Identifier(connection.schema, f"lookalike_{state.generation:016x}_{kind}")
        for kind in ("ids", "changes", "buckets")
    }


def _named(connection: Connection, state: State, statement: SQL) -> Composed:
    """Return a statement with the names of tables."""
    return statement.format(namespaces=_namespaces(connection), **_tables(connection, state))


def _changes(connection: Connection, state: State, known: int) -> list[Row]:
    statement = SQL("SELECT entry, id FROM {changes} WHERE number >= %s ORDER BY number")
    return [
        (entry, number) for entry, number in connection.fetched(_named(connection, state, statement), [known])
    ]


def _contents(connection: Connection, state: State, table: int) -> Contents:
    statement = SQL("SELECT key, entries FROM {buckets} WHERE number = %s")
    return Contents.of(connection.fetched(_named(connection, state, statement), [table]))
