"""Looking for damage in a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table, func, select

from lookalike.arrays import METRICS
from lookalike.catalogue import schema
from lookalike.catalogue.advice import REBUILD, RESTORE, make_anew, place_of_source
from lookalike.catalogue.blobs import fits, is_meant
from lookalike.catalogue.checksums import is_sound, is_sound_vector
from lookalike.catalogue.cores import streamed
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.metadata import json_object
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.records import Problem
from lookalike.errors import CollectionDamagedError, CollectionError

_first_place = (
    select(func.min(schema.places.c.path))
    .where(schema.places.c.number == schema.sources.c.number)
    .scalar_subquery()
)
_named = (schema.sources.c.id, schema.sources.c.kind, _first_place)
"""What messages say of a source."""


def problems(reading: Callable[[], AbstractContextManager[Queries]], name: str) -> Iterator[Problem]:
    """All damage in a catalogue, streamed; `reading` gives sessions. Reads every byte that is stored.

    Looks into: the database's own structures; the checksum of each row; the counters; what features and metadata say;
    the length of each vector, and that it is finite; that the index of words has the words of the metadata; sources
    without any vector. A check that damage keeps from going on says so, and the next one begins.
    """
    checks = (_structure, _tables, _rows, _counters, _sources, _features, _vectors, _text, _without_vectors)
    for check in checks:
        with reading() as queries:
            try:
                yield from check(queries.connection, queries)
            except CollectionError as error:
                yield Problem(str(error), name, RESTORE)


def _structure(connection: Connection, queries: Queries) -> Iterator[Problem]:
    return queries.dialect.problems(connection)


def _state(connection: Connection) -> RowMapping:
    """The one row of `state`, sound or not."""
    found = connection.execute(select(schema.state)).mappings().all()
    if len(found) != 1:
        raise CollectionDamagedError(f"the table state has {len(found)} rows, and not one")
    return found[0]


def _tables(connection: Connection, queries: Queries) -> Iterator[Problem]:
    if _state(connection)["tables_checksum"] != queries.dialect.tables_checksum(connection):
        yield Problem("the definitions of the tables are not those that were made", "the tables", RESTORE)


def _rows(connection: Connection, queries: Queries) -> Iterator[Problem]:
    for table in schema.tables.sorted_tables:
        if table in (schema.sources, schema.vectors):  # which have checks of their own
            continue
        for row in streamed(connection, select(table)):
            if not is_sound(row):
                yield Problem(
                    "the row does not match its checksum", f"table {table.name}, row {row[0]!r}", RESTORE
                )


def _counters(connection: Connection, queries: Queries) -> Iterator[Problem]:
    state = _state(connection)
    if not is_sound(list(state.values())):  # `_rows` tells of it
        return
    stamped = select(schema.writes.c.stamp).where(schema.writes.c.generation == state["generation"])
    if connection.execute(stamped).first() is None:
        yield Problem(f"generation {state['generation']} has no stamp", "table writes", RESTORE)
    for table in (schema.sources, schema.removals):
        number, generation = _largest(connection, table)
        if number >= state["next_number"]:
            yield Problem(f"number {number} has not been given yet", f"table {table.name}", RESTORE)
        if generation > state["generation"]:
            yield Problem(f"generation {generation} is still to come", f"table {table.name}", RESTORE)


def _largest(connection: Connection, table: Table) -> tuple[int, int]:
    largest = select(func.max(table.c.number), func.max(table.c.generation))
    number, generation = (value or 0 for value in connection.execute(largest).one())
    if not isinstance(number, int) or not isinstance(generation, int):
        raise CollectionDamagedError(f"table {table.name} has a number that is none")
    return number, generation


def _sources(connection: Connection, queries: Queries) -> Iterator[Problem]:
    query = select(schema.sources, _first_place)
    for *source, place in streamed(connection, query):
        if is_sound(source):
            continue
        _, id_, _, kind, *_, metadata, _, _ = source
        what = "the row does not match its checksum"
        if json_object(metadata) is None:
            what = "metadata are no JSON object"
        yield Problem(what, place_of_source(id_, kind, place), make_anew(id_, kind, place))


def _features(connection: Connection, queries: Queries) -> Iterator[Problem]:
    queries.features()  # raises for one that makes no sense
    return iter(())


def _vectors(connection: Connection, queries: Queries) -> Iterator[Problem]:
    table = schema.vectors
    kinds = select(*(schema.features.c[column] for column in ("feature", "name", "dimension", "metric")))
    for key, name, dimension, metric in connection.execute(kinds).all():
        query = (
            select(table.c.number, table.c.generation, table.c.checksum)
            .add_columns(queries.dialect.stored_bytes(table.c.vector), *_named)
            .outerjoin(schema.sources, schema.sources.c.number == table.c.number)
            .where(table.c.feature == key)
            .order_by(table.c.number)
        )
        for number, generation, checksum, vector, *named in streamed(connection, query):
            what = _of_vector((number, key, generation, checksum, vector), dimension, metric)
            if what is not None:
                where = f"feature {name} of {place_of_source(*named)}"
                yield Problem(what, where, make_anew(*named, feature=str(name)))


def _of_vector(row: Sequence[Any], dimension: object, metric: object) -> str | None:
    """What is wrong with a row of `vectors`."""
    vector = row[-1]
    if vector is None:
        return "vector is not stored as bytes"
    if metric not in METRICS or not isinstance(dimension, int) or not fits(vector, dimension, metric):
        return f"vector has {len(vector)} bytes, and not those of {dimension} numbers"
    if not is_sound_vector(*row):
        return "vector does not match its checksum"
    if not is_meant(vector, dimension, metric):
        return "set is not in order" if metric == "jaccard" else "vector has NaN or infinity"
    return None


def _text(connection: Connection, queries: Queries) -> Iterator[Problem]:
    query = select(schema.sources, _first_place).order_by(schema.sources.c.number)
    with (
        closing(streamed(connection, query)) as stored,
        closing(queries.dialect.index_entries(connection)) as entries,
    ):
        yield from _differences(stored, entries, queries.dialect)


def _differences(
    stored: Iterable[Row[Any]], entries: Iterable[tuple[int, tuple[Any, ...]]], dialect: Dialect
) -> Iterator[Problem]:
    """Where the index of metadata, in order of number, first lacks a source or has another, and what it has wrong."""
    for source, indexed in zip_longest(stored, entries):
        if source is None or (indexed is not None and source.number > indexed[0]):
            yield Problem("the text is of no source", f"full text, row {indexed[0]}", REBUILD)
            return
        where = f"full text of {place_of_source(source.id, source.kind, source[-1])}"
        if indexed is None or source.number < indexed[0]:
            yield Problem("the text is missing", where, REBUILD)
            return
        # What is wrong with the source itself, `_sources` tells.
        entry = dialect.index_entry(json_object(source.metadata) or {})
        if is_sound(source[:-1]) and entry != indexed[1]:
            yield Problem("the text is not that of the metadata", where, REBUILD)


def _without_vectors(connection: Connection, queries: Queries) -> Iterator[Problem]:
    has = select(schema.vectors.c.number).where(schema.vectors.c.number == schema.sources.c.number)
    query = select(*_named).where(~has.exists()).order_by(schema.sources.c.number)
    for named in streamed(connection, query):
        what = "has no vector of any feature, so that no search finds it"
        yield Problem(what, place_of_source(*named), make_anew(*named))
