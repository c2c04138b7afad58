"""PostgreSQL behind the contract of `catalogue/dialect.py`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import psycopg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Numeric,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    select,
    type_coerce,
    update,
)

from lookalike.catalogue.cores import Cores, streamed
from lookalike.catalogue.driver import DriverConnection
from lookalike.catalogue.postgresql import connections, structure
from lookalike.catalogue.postgresql import metadata_index as index
from lookalike.catalogue.postgresql.address import Address
from lookalike.catalogue.postgresql.bulk import copied, upserted
from lookalike.catalogue.postgresql.conditions import field_entries, field_values, has_field, meets
from lookalike.catalogue.postgresql.errors import translated
from lookalike.catalogue.postgresql.metadata_index import TOKENS, metadata_index, word_totals
from lookalike.catalogue.postgresql.packed import packed
from lookalike.catalogue.records import Metadata, Problem
from lookalike.catalogue.text import PARTS, Phrase
from lookalike.catalogue.where import Condition
from lookalike.errors import CollectionExistsError

_COLUMNS = ("fields", "words", *PARTS, "length")


class Postgres:
    """A catalogue in a schema of PostgreSQL's: the `Dialect` of PostgreSQL."""

    def __init__(self, address: Address) -> None:
        self._address = address
        translation = ((psycopg.Error,), partial(translated, name=address.name))
        self._cores = Cores(
            "postgresql+psycopg://",
            partial(connections.connect, address),
            translation,
            use_native_hstore=False,
        )

    @property
    def name(self) -> str:
        return self._address.name

    def create(self, fill: Callable[[Connection], None]) -> None:
        try:
            with connections.connect(self._address) as driver:
                driver.execute("BEGIN")
                # Of two that make it at once, the second waits, and finds it made.
                lock = "SELECT pg_advisory_xact_lock(hashtextextended('lookalike create ' || %s, 0))"
                driver.execute(lock, [self._address.schema])
                if connections.look(driver, self._address, expect=False):
                    raise CollectionExistsError(
                        f"there is a collection at {self.name} already; open it or choose another schema"
                    )
                driver.execute(
                    f"CREATE SCHEMA IF NOT EXISTS {connections.quoted(self._address.schema)}".encode()
                )
                with self.core(driver) as connection:
                    structure.make_tables(connection)
                    fill(connection)
                    connection.commit()
        except psycopg.Error as error:
            raise translated(error, self.name) from error

    def core(self, driver: DriverConnection) -> Connection:
        return self._cores.core(driver)

    def members(self, name: str, of: type[int] | type[str]) -> Select[Any]:
        return select(func.unnest(bindparam(name, type_=ARRAY(BigInteger if of is int else Text))))

    def packed(self, values: Sequence[int] | Sequence[str]) -> list[Any]:
        return packed(values)

    def as_list(self, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        listed = columns[0] if len(columns) == 1 else func.json_build_array(*columns)
        return func.coalesce(cast(func.json_agg(listed), Text), "[]")

    def insert(self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            copied(connection, target, rows)
        except psycopg.Error as error:  # of the driver's own, which SQLAlchemy does not see
            raise translated(error, self.name) from error

    def upsert(
        self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        if rows:
            upserted(connection, target, rows, key)

    def stored_bytes(self, column: ColumnElement[bytes]) -> ColumnElement[bytes | None]:
        return type_coerce(column, LargeBinary)

    def is_row_of(self, path: ColumnElement[str], file: str) -> ColumnElement[bool]:
        row = func.substr(path, len(file) + 2)
        # A range, as it is answered by the index: "$" is the character after "#".
        return and_(path > f"{file}#", path < f"{file}$", ~row.regexp_match("[^0-9]"))

    def field_entries(self) -> Any:
        return field_entries()

    def field_values(self, field: str) -> Any:
        return field_values(field)

    def as_number(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(value, Numeric)

    def index_entry(self, metadata: Metadata) -> tuple[Any, ...]:
        return index.entry(metadata)

    def index_metadata(self, connection: Connection, metadata: Iterable[tuple[int, Metadata]]) -> None:
        rows = [
            {"number": number, **dict(zip(_COLUMNS, index.entry(fields), strict=True))}
            for number, fields in metadata
        ]
        if rows:
            self.insert(connection, metadata_index, rows)
            self._count(connection, len(rows), sum(row["length"] for row in rows))

    def forget_metadata(self, connection: Connection, numbers: Iterable[int]) -> None:
        chosen = metadata_index.c.number.in_(self.members("numbers", int))
        gone = delete(metadata_index).where(chosen).returning(metadata_index.c.length)
        lengths = connection.execute(gone, {"numbers": list(numbers)}).scalars().all()
        self._count(connection, -len(lengths), -sum(lengths))

    def _count(self, connection: Connection, sources: int, tokens: int) -> None:
        changed = {"sources": word_totals.c.sources + sources, "tokens": word_totals.c.tokens + tokens}
        connection.execute(update(word_totals).values(changed))

    def clear_index(self, connection: Connection) -> None:
        structure.make_index(connection)
        # Not truncated, which readers of an older state would see.
        connection.execute(delete(metadata_index))
        connection.execute(update(word_totals).values(sources=0, tokens=0))

    def index_entries(self, connection: Connection) -> Generator[tuple[int, tuple[Any, ...]], None, None]:
        columns = metadata_index.c
        query = select(columns.number, *(columns[name] for name in _COLUMNS)).order_by(columns.number)
        for number, *entry in streamed(connection, query):
            yield number, tuple(entry)

    def matching(self, conditions: Sequence[Condition], phrases: Sequence[Phrase] = ()) -> Select[Any]:
        query = select(metadata_index.c.number).where(*map(meets, conditions))
        if not phrases:
            return query
        tokens = sorted({token for phrase in phrases for token in phrase})
        query = query.where(metadata_index.c.words.contains(bindparam(None, tokens, type_=TOKENS)))
        taken_apart = [phrase for phrase in phrases if len(phrase) > 1]
        return query.where(index.has_phrases(taken_apart)) if taken_apart else query

    def with_field(self, field: str) -> Select[Any]:
        return select(metadata_index.c.number).where(has_field(field))

    def text_scores(
        self,
        connection: Connection,
        phrases: Sequence[Phrase],
        numbers: Sequence[int] | None,
        limit: int | None,
    ) -> Sequence[tuple[int, float]]:
        parameters: dict[str, Any] = {"phrases": index.written(phrases)}
        sources, tokens, having = connection.execute(index.HAVING, parameters).one()
        query = self.matching((), phrases).add_columns(metadata_index.c.length, index.FREQUENCIES)
        if numbers is not None:
            query = query.where(metadata_index.c.number.in_(self.members("numbers", int)))
            parameters["numbers"] = list(numbers)
        found = connection.execute(query, parameters).all()
        if not found:
            return []
        found_numbers, lengths = (np.array([row[at] for row in found], np.int64) for at in (0, 1))
        scores = index.bm25(np.array([row[2] for row in found], np.int64), lengths, having, sources, tokens)
        best = np.lexsort((found_numbers, -scores))[:limit]
        return list(zip(found_numbers[best].tolist(), scores[best].tolist(), strict=True))

    def bytes_used(self, connection: Connection) -> int:
        return structure.bytes_used(connection)

    def tables_checksum(self, connection: Connection) -> int:
        return structure.tables_checksum(connection)

    def problems(self, connection: Connection) -> Iterator[Problem]:
        return structure.problems(connection)
