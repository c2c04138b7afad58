"""The tables of a bucket store in PostgreSQL, and how they are written."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import numpy as np
from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

from lookalike.arrays import Int64
from lookalike.buckets.sql.changes import Row
from lookalike.buckets.sql.database import COLUMNS, Contents, State, buckets_of
from lookalike.buckets.sql.postgresql_connection import Array, Connection
from lookalike.buckets.table import Table

ROWS = 20_000
"""Rows go to the server so many a statement, which bounds how long one takes."""


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
                namespaces_table(self._connection),
                SQL(COLUMNS),
                SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(column)) for column in columns),
            ),
            [self._namespace, *state.row()],
        )

    def changes(self, known: int) -> list[Row]:
        """See `Writer`."""
        return changes_of(self._connection, self._now(), known)

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
        return contents_of(self._connection, self._now(), number)

    def drop(self) -> None:
        """See `Writer`."""
        if self.state is not None:
            self._forget(self.state)
        statement = SQL("DELETE FROM {} WHERE name = %s").format(namespaces_table(self._connection))
        self._connection.execute(statement, [self._namespace])
        self.state = None

    def _forget(self, old: State) -> None:
        tables = SQL(", ").join(tables_of(self._connection, old).values())
        self._connection.execute(SQL("DROP TABLE IF EXISTS {}").format(tables))

    def _execute(self, statement: LiteralString, given: Sequence[Any] = ()) -> Cursor[tuple[Any, ...]]:
        return self._connection.execute(named(self._connection, self._now(), SQL(statement)), given)

    def _copy(self, table: LiteralString, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        statement = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(
            named(self._connection, self._now(), SQL(table))
        )
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _now(self) -> State:
        assert self.state is not None
        return self.state


def namespaces_table(connection: Connection) -> Identifier:
    """Return the name of the table of namespaces."""
    return Identifier(connection.schema, "lookalike_namespaces")


def tables_of(connection: Connection, state: State) -> dict[str, Identifier]:
    """Return the names of a generation's tables, by what they hold."""
    return {
        kind: Identifier(connection.schema, f"lookalike_{state.generation:016x}_{kind}")
        for kind in ("ids", "changes", "buckets")
    }


def named(connection: Connection, state: State, statement: SQL) -> Composed:
    """Return a statement with the names of tables."""
    return statement.format(namespaces=namespaces_table(connection), **tables_of(connection, state))


def changes_of(connection: Connection, state: State, known: int) -> list[Row]:
    """Return all changes but the first `known`."""
    statement = SQL("SELECT entry, id FROM {changes} WHERE number >= %s ORDER BY number")
    return [
        (entry, number) for entry, number in connection.fetched(named(connection, state, statement), [known])
    ]


def contents_of(connection: Connection, state: State, table: int) -> Contents:
    """Return all buckets of a table."""
    statement = SQL("SELECT key, entries FROM {buckets} WHERE number = %s")
    return Contents.of(connection.fetched(named(connection, state, statement), [table]))
