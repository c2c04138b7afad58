"""SQLite behind the contract of `catalogue/dialect.py`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as insert_or_update

from lookalike.catalogue import text
from lookalike.catalogue.cores import Cores, streamed
from lookalike.catalogue.driver import DriverConnection
from lookalike.catalogue.records import Metadata, Problem
from lookalike.catalogue.schema import sources
from lookalike.catalogue.sqlite import creation, structure, words
from lookalike.catalogue.sqlite.conditions import field_entries, field_values, has_field, meets
from lookalike.catalogue.sqlite.connections import connect
from lookalike.catalogue.sqlite.errors import translation
from lookalike.catalogue.text import Phrase
from lookalike.catalogue.where import Condition


class Sqlite:
    """A catalogue in the SQLite file `path`: the `Dialect` of SQLite."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cores = Cores(
            "sqlite+pysqlite://", partial(connect, path), translation(path), paramstyle="named"
        )

    @property
    def name(self) -> str:
        return str(self._path)

    def create(self, fill: Callable[[Connection], None]) -> None:
        def fill_with_words(connection: Connection) -> None:
            structure.put_settings(connection)
            connection.exec_driver_sql(words.CREATE)
            fill(connection)

        creation.create(self._path, fill_with_words)

    def core(self, driver: DriverConnection) -> Connection:
        assert isinstance(driver, sqlite3.Connection)
        return self._cores.core(driver)

    def members(self, name: str, of: type[int] | type[str]) -> Select[Any]:
        # One parameter, JSON text, as SQLite limits the number of parameters.
        values = func.json_each(bindparam(name, type_=Text))
        return select(values.table_valued("value", name=name).c.value)

    def packed(self, values: Sequence[int] | Sequence[str]) -> str:
        return json.dumps(values)

    def as_list(self, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        return func.json_group_array(columns[0] if len(columns) == 1 else func.json_array(*columns))

    def insert(self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(insert(target), rows)

    def upsert(
        self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        if rows:
            statement = insert_or_update(target)
            changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
            connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)

    def stored_bytes(self, column: ColumnElement[bytes]) -> ColumnElement[bytes | None]:
        # SQLite stores anything anywhere, and the driver fails on it.
        return case((func.typeof(column) == "blob", column))

    def is_row_of(self, path: ColumnElement[str], file: str) -> ColumnElement[bool]:
        row = func.substr(path, len(file) + 2)
        # A range, as it is answered by the index: "$" is the character after "#".
        return and_(path > f"{file}#", path < f"{file}$", row.op("NOT GLOB", is_comparison=True)("*[^0-9]*"))

    def field_entries(self) -> Any:
        return field_entries()

    def field_values(self, field: str) -> Any:
        return field_values(field)

    def as_number(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return value

    def index_entry(self, metadata: Metadata) -> tuple[str, ...]:
        return tuple(map(" ".join, text.indexed(metadata)))

    def index_metadata(self, connection: Connection, metadata: Iterable[tuple[int, Metadata]]) -> None:
        rows = [
            {"rowid": number, **dict(zip(text.PARTS, self.index_entry(fields), strict=True))}
            for number, fields in metadata
        ]
        if rows:
            connection.execute(insert(words.text_index), rows)

    def forget_metadata(self, connection: Connection, numbers: Iterable[int]) -> None:
        chosen = words.text_index.c.rowid.in_(self.members("numbers", int))
        connection.execute(delete(words.text_index).where(chosen), {"numbers": self.packed(list(numbers))})

    def clear_index(self, connection: Connection) -> None:
        # SQLite does not drop an index of words whose version it cannot read.
        connection.exec_driver_sql("REPLACE INTO text_index_config VALUES ('version', 4)")
        connection.exec_driver_sql("DROP TABLE IF EXISTS text_index")
        connection.exec_driver_sql(words.CREATE)

    def index_entries(self, connection: Connection) -> Generator[tuple[int, tuple[str, ...]], None, None]:
        index = words.text_index.c
        query = select(index.rowid, *(index[part] for part in text.PARTS)).order_by(index.rowid)
        for number, *parts in streamed(connection, query):
            yield number, tuple(parts)

    def matching(self, conditions: Sequence[Condition], phrases: Sequence[Phrase] = ()) -> Select[Any]:
        query = select(sources.c.number).where(*map(meets, conditions))
        if phrases:
            having = select(words.text_index.c.rowid).where(words.match(phrases))
            query = query.where(sources.c.number.in_(having))
        return query

    def with_field(self, field: str) -> Select[Any]:
        return select(sources.c.number).where(has_field(field))

    def text_scores(
        self,
        connection: Connection,
        phrases: Sequence[Phrase],
        numbers: Sequence[int] | None,
        limit: int | None,
    ) -> Sequence[tuple[int, float]]:
        number = words.text_index.c.rowid
        query = select(number, words.score).where(words.match(phrases))
        parameters = {}
        if numbers is not None:
            # The sum keeps SQLite from asking the full text for each number by itself.
            query = query.where((number + 0).in_(self.members("numbers", int)))
            parameters["numbers"] = self.packed(numbers)
        rows = connection.execute(query.order_by(words.score.desc(), number).limit(limit), parameters)
        return [(row[0], row[1]) for row in rows]

    def bytes_used(self, connection: Connection) -> int:
        files = (self._path.with_name(self._path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return sum(file.stat().st_size for file in files if file.exists())

    def tables_checksum(self, connection: Connection) -> int:
        return structure.tables_checksum(connection)

    def problems(self, connection: Connection) -> Iterator[Problem]:
        return structure.problems(connection, self._path)
