"""The tables of a bucket store in an SQLite file, and how they are written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

import numpy as np

from lookalike.arrays import Int64
from lookalike.buckets.sql.changes import Row
from lookalike.buckets.sql.database import COLUMNS, Contents, State, buckets_of
from lookalike.buckets.table import Table


class SqliteWriter:
    """A `Writer` within a transaction that is begun and ended elsewhere."""

    def __init__(self, connection: sqlite3.Connection, namespace: str, state: State | None) -> None:
        """Write to a namespace that is in `state`."""
        self._connection, self._namespace = connection, namespace
        self.state = state

    def replace(self, state: State, ids: Int64, tables: Iterable[Table]) -> None:
        """See `Writer`."""
        old, self.state = self.state, state
        self._connection.execute(f"CREATE TABLE {ids_table(state)} (id INTEGER PRIMARY KEY)")
        self._connection.execute(
            f"CREATE TABLE {changes_table(state)} (number INTEGER PRIMARY KEY, entry INTEGER NOT NULL, id INTEGER)"
        )
        self.enter(ids)
        for number, table in enumerate(tables):
            self._connection.execute(
                f"CREATE TABLE {buckets_table(state, number)} (key INTEGER PRIMARY KEY, entries BLOB NOT NULL)"
            )
            self._connection.executemany(
                f"INSERT INTO {buckets_table(state, number)} VALUES (?, ?)", buckets_of(table, state.dtype)
            )
        if old is not None:
            self._forget(old)
        self.keep(state)

    def keep(self, state: State) -> None:
        """See `Writer`."""
        self._connection.execute(
            f"INSERT OR REPLACE INTO lookalike_namespaces (name, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._namespace, *state.row()),
        )

    def changes(self, known: int) -> list[Row]:
        """See `Writer`."""
        return changes_of(self._connection, self._now(), known)

    def change(self, first: int, rows: Iterable[Row]) -> None:
        """See `Writer`."""
        self._connection.executemany(
            f"INSERT INTO {changes_table(self._now())} VALUES (?, ?, ?)",
            ((number, *row) for number, row in enumerate(rows, first)),
        )

    def leave(self, ids: Int64) -> Int64:
        """See `Writer`."""
        given = json.dumps(ids.tolist())
        among = f"{ids_table(self._now())} WHERE id IN (SELECT value FROM json_each(?))"
        left = [row[0] for row in self._connection.execute(f"SELECT id FROM {among}", (given,))]
        self._connection.execute(f"DELETE FROM {among}", (given,))
        return np.array(left, dtype=np.int64)

    def enter(self, ids: Int64) -> None:
        """See `Writer`."""
        self._connection.executemany(
            f"INSERT INTO {ids_table(self._now())} VALUES (?)",
            ((number,) for number in np.sort(ids).tolist()),
        )

    def append(self, number: int, table: Table) -> None:
        """See `Writer`. What `||` gives is text, and would end at the first byte that is none."""
        state = self._now()
        self._connection.executemany(
            f"INSERT INTO {buckets_table(state, number)} AS b VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET entries = CAST(b.entries || excluded.entries AS BLOB)",
            buckets_of(table, state.dtype),
        )

    def contents(self, number: int) -> Contents:
        """See `Writer`."""
        return contents_of(self._connection, self._now(), number)

    def drop(self) -> None:
        """See `Writer`."""
        if self.state is not None:
            self._forget(self.state)
        self._connection.execute("DELETE FROM lookalike_namespaces WHERE name = ?", (self._namespace,))
        self.state = None

    def _forget(self, old: State) -> None:
        numbers = range(len(old.header.tables))
        for table in (
            ids_table(old),
            changes_table(old),
            *(buckets_table(old, number) for number in numbers),
        ):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        ((pages,),) = self._connection.execute("PRAGMA freelist_count")
        for _ in range(pages):  # the driver takes one step of this statement, which is one page
            self._connection.execute("PRAGMA incremental_vacuum(1)")

    def _now(self) -> State:
        assert self.state is not None
        return self.state


def changes_of(connection: sqlite3.Connection, state: State, known: int) -> list[Row]:
    """Return all changes but the first `known`."""
    return connection.execute(
        f"SELECT entry, id FROM {changes_table(state)} WHERE number >= ? ORDER BY number", (known,)
    ).fetchall()


def contents_of(connection: sqlite3.Connection, state: State, table: int) -> Contents:
    """Return all buckets of a table."""
    return Contents.of(
        connection.execute(f"SELECT key, entries FROM {buckets_table(state, table)}").fetchall()
    )


def ids_table(state: State) -> str:
    """Return the name of the table of ids."""
    return f"lookalike_{state.generation:016x}_ids"


def changes_table(state: State) -> str:
    """Return the name of the table of changes."""
    return f"lookalike_{state.generation:016x}_changes"


def buckets_table(state: State, table: int) -> str:
    """Return the name of the table of one hash table's buckets."""
    return f"lookalike_{state.generation:016x}_{table}"
