"""SQLite behind the contract of `catalogue/database.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.catalogue.driver import DriverConnection
from lookalike.catalogue.sqlite import connections
from lookalike.catalogue.sqlite.errors import DRIVER_ERRORS, translated
from lookalike.errors import CollectionError, CollectionMissingError

if TYPE_CHECKING:
    from lookalike.catalogue.dialect import Dialect


class SqliteFile:
    """A catalogue in the SQLite file `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return DRIVER_ERRORS

    @property
    def name(self) -> str:
        return str(self._path)

    def dialect(self) -> Dialect:
        return self._dialect

    @cached_property
    def _dialect(self) -> Dialect:
        from lookalike.catalogue.sqlite.dialect import Sqlite

        return Sqlite(self._path)

    def open(self) -> DriverConnection:
        if not self._path.is_file():
            raise CollectionMissingError(f"{self._path} is not there; create a collection first")
        try:
            return connections.connect(self._path)
        except DRIVER_ERRORS as error:
            raise self.translated(error) from error

    def reusable(self, connection: DriverConnection) -> bool:
        # Somebody else may write before it is used again.
        return not isinstance(connection, connections.Frozen)

    def begin(self, connection: DriverConnection, *, writes: bool) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        except DRIVER_ERRORS as error:
            raise self.translated(error) from error
        finally:
            cursor.close()

    def translated(self, error: Exception) -> CollectionError:
        return translated(error, self._path)

    def upgrade(self) -> None:
        from lookalike.catalogue.sqlite.upgrade import upgrade

        upgrade(self._path, self._dialect)

    def execute(
        self, connection: DriverConnection, statement: str, parameters: Mapping[str, Any], *, streamed: bool
    ) -> Any:
        cursor = connection.cursor()
        try:
            return cursor.execute(statement, parameters)
        except BaseException:
            cursor.close()
            raise

    def members(self, name: str, of: type[int] | type[str]) -> str:
        # One parameter, JSON text, as SQLite limits the number of parameters.
        return f"SELECT value FROM json_each(:{name})"

    def packed(self, values: Sequence[int] | Sequence[str]) -> str:
        return json.dumps(values)

    def as_list(self, *columns: str) -> str:
        written = ", ".join(columns)
        return f"json_group_array({written if len(columns) == 1 else f'json_array({written})'})"

    def stored_bytes(self, column: str) -> str:
        # SQLite stores anything anywhere, and the driver fails on it.
        return f"CASE WHEN typeof({column}) = 'blob' THEN {column} END"
