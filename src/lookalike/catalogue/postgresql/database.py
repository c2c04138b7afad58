"""PostgreSQL behind the contract of `catalogue/database.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import psycopg

from lookalike.catalogue.driver import DriverConnection
from lookalike.catalogue.postgresql import connections
from lookalike.catalogue.postgresql.address import Address
from lookalike.catalogue.postgresql.errors import translated
from lookalike.catalogue.postgresql.packed import packed
from lookalike.errors import CollectionError

if TYPE_CHECKING:
    from lookalike.catalogue.dialect import Dialect

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = {}; SELECT FROM state FOR UPDATE"
"""Who has the row of `state` is the only one who writes, and sees all that was committed until then; so each statement
sees the same state, though a snapshot is taken for each. One for all would be taken before the wait for the row."""


class PostgresSchema:
    """A catalogue in one schema of a database."""

    def __init__(self, address: Address) -> None:
        self.address = address

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (psycopg.Error,)

    @property
    def name(self) -> str:
        return self.address.name

    def dialect(self) -> Dialect:
        return self._dialect

    @cached_property
    def _dialect(self) -> Dialect:
        from lookalike.catalogue.postgresql.dialect import Postgres

        return Postgres(self.address)

    def open(self) -> DriverConnection:
        try:
            return connections.connect_catalogue(self.address)
        except psycopg.Error as error:
            raise self.translated(error) from error

    def reusable(self, connection: DriverConnection) -> bool:
        assert isinstance(connection, psycopg.Connection)
        return not connection.closed

    def begin(self, connection: DriverConnection, *, writes: bool) -> None:
        assert isinstance(connection, psycopg.Connection)
        try:
            milliseconds = int(1000 * connections.BUSY_SECONDS)
            connection.execute((_WRITE.format(milliseconds) if writes else _READ).encode())
        except psycopg.Error as error:
            raise self.translated(error) from error

    def translated(self, error: Exception) -> CollectionError:
        return translated(error, self.name)

    def upgrade(self) -> None:
        from lookalike.catalogue import migrations

        connection = self.open()
        try:
            self.begin(connection, writes=True)
            with self._dialect.core(connection) as core:
                migrations.upgrade(core, self._dialect)
                core.commit()
        finally:
            connection.close()

    def execute(
        self, connection: DriverConnection, statement: str, parameters: Mapping[str, Any], *, streamed: bool
    ) -> Any:
        assert isinstance(connection, psycopg.Connection)
        cursor = connection.cursor("lookalike", binary=True) if streamed else connection.cursor(binary=True)
        try:
            return cursor.execute(_with_names(statement).encode(), parameters)
        except BaseException:
            cursor.close()
            raise

    def members(self, name: str, of: type[int] | type[str]) -> str:
        return f"SELECT unnest(CAST(:{name} AS {'bigint' if of is int else 'text'}[]))"

    def packed(self, values: Sequence[int] | Sequence[str]) -> list[Any]:
        return packed(values)

    def as_list(self, *columns: str) -> str:
        written = ", ".join(columns)
        listed = written if len(columns) == 1 else f"json_build_array({written})"
        return f"coalesce(CAST(json_agg({listed}) AS text), '[]')"

    def stored_bytes(self, column: str) -> str:
        return column


@lru_cache(maxsize=256)
def _with_names(statement: str) -> str:
    """The statement with parameters as psycopg has them."""
    return re.sub(r":(\w+)", r"%(\1)s", statement.replace("%", "%%"))
