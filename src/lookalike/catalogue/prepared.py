"""Statements that are compiled once and run by the driver itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select

from lookalike.catalogue.dialect import Dialect


class Prepared:
    """A query that is asked again and again.

    SQLAlchemy's preparation of a call costs several times what the database needs for a small query. Here it is done
    once; the rows are the driver's tuples.
    """

    def __init__(self, dialect: Dialect, query: Select[Any]) -> None:
        self._dialect = dialect
        self._query = query
        self._compiled: tuple[str, Mapping[str, Any]] | None = None

    def rows(self, connection: Connection, **parameters: Any) -> Sequence[Sequence[Any]]:
        """All rows; lists among the parameters are packed by the dialect."""
        if self._compiled is None:
            compiled = self._query.compile(dialect=connection.dialect)
            self._compiled = str(compiled), compiled.params
        sql, fixed = self._compiled
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql, {**fixed, **parameters})
            return cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            raise self._dialect.translated(error) from error
        finally:
            cursor.close()
