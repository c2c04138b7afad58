"""Looking for damage in a catalogue."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest

import numpy as np
from sqlalchemy import Connection, func, select

from lookalike.catalogue import schema
from lookalike.catalogue.advice import REBUILD, RESTORE, make_anew, place_of_source
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.records import Problem
from lookalike.catalogue.text import parts
from lookalike.errors import CollectionDamagedError

_first_place = (
    select(func.min(schema.places.c.path))
    .where(schema.places.c.number == schema.sources.c.number)
    .scalar_subquery()
)
_named = (schema.sources.c.id, schema.sources.c.kind, _first_place)
"""What messages say of a source."""


def problems(
    reading: Callable[[], AbstractContextManager[Connection]], queries: Queries
) -> Iterator[Problem]:
    """All damage in a catalogue, streamed; `reading` gives connections. Reads every byte that is stored.

    Looks into: the database's own structures; the counters; that metadata are JSON; each vector's length, checksum
    and finiteness; that the full text is that of the metadata; sources without any vector.
    """
    checks = (_structure, _counters, _metadata, _vectors, _text, _without_vectors)
    for check in checks:
        try:
            with reading() as connection:
                yield from check(connection, queries)
        except CollectionDamagedError as error:
            yield Problem(str(error), queries.dialect.name, RESTORE)


def _structure(connection: Connection, queries: Queries) -> Iterator[Problem]:
    return queries.dialect.problems(connection)


def _counters(connection: Connection, queries: Queries) -> Iterator[Problem]:
    state = connection.execute(select(schema.state)).one()
    stamped = select(schema.writes.c.stamp).where(schema.writes.c.generation == state.generation)
    if connection.execute(stamped).first() is None:
        yield Problem(f"generation {state.generation} has no stamp", "table writes", RESTORE)
    for table in (schema.sources, schema.removals):
        number, generation = connection.execute(
            select(func.coalesce(func.max(table.c.number), 0), func.coalesce(func.max(table.c.generation), 0))
        ).one()
        if number >= state.next_number:
            yield Problem(f"number {number} has not been given yet", f"table {table.name}", RESTORE)
        if generation > state.generation:
            yield Problem(f"generation {generation} is still to come", f"table {table.name}", RESTORE)


def _metadata(connection: Connection, queries: Queries) -> Iterator[Problem]:
    for metadata, *named in connection.execute(select(schema.sources.c.metadata, *_named)):
        try:
            sound = isinstance(json.loads(metadata), dict)
        except ValueError:
            sound = False
        if not sound:
            yield Problem("metadata are no JSON object", place_of_source(*named), make_anew(*named))


def _vectors(connection: Connection, queries: Queries) -> Iterator[Problem]:
    table = schema.vectors
    for name, (key, record) in queries.features(connection).items():
        query = (
            select(table.c.checksum, queries.dialect.stored_bytes(table.c.vector), *_named)
            .join(schema.sources, schema.sources.c.number == table.c.number)
            .where(table.c.feature == key)
            .order_by(table.c.number)
        )
        for checksum, vector, *named in connection.execute(query):
            if vector is None:
                what = "vector is not stored as bytes"
            elif len(vector) != 4 * record.dimension:
                what = f"vector has {len(vector)} bytes, not {4 * record.dimension}"
            elif zlib.crc32(vector) != checksum:
                what = "vector does not match its checksum"
            elif not np.isfinite(np.frombuffer(vector, "<f4")).all():
                what = "vector has NaN or infinity"
            else:
                continue
            yield Problem(
                what, f"feature {name} of {place_of_source(*named)}", make_anew(*named, feature=name)
            )


def _text(connection: Connection, queries: Queries) -> Iterator[Problem]:
    stored = connection.execute(
        select(schema.sources.c.number, schema.sources.c.metadata, *_named).order_by(schema.sources.c.number),
        execution_options={"yield_per": 1000},
    )
    indexed = queries.dialect.indexed_text(connection)
    for source, row in zip_longest(stored, indexed):
        if row is None or (source is not None and source[0] < row[0]):
            yield Problem("the text is missing", f"full text of {place_of_source(*source[2:])}", REBUILD)
            return
        if source is None or source[0] > row[0]:
            yield Problem("the text is of no source", f"full text, row {row[0]}", REBUILD)
            return
        try:
            expected = parts(json.loads(source[1]))
        except (ValueError, AttributeError):
            continue  # `_metadata` tells of it
        if expected != row[1]:
            where = f"full text of {place_of_source(*source[2:])}"
            yield Problem("the text is not that of the metadata", where, REBUILD)


def _without_vectors(connection: Connection, queries: Queries) -> Iterator[Problem]:
    has = select(schema.vectors.c.number).where(schema.vectors.c.number == schema.sources.c.number)
    query = select(*_named).where(~has.exists()).order_by(schema.sources.c.number)
    for named in connection.execute(query):
        what = "has no vector of any feature, so that no search finds it"
        yield Problem(what, place_of_source(*named), make_anew(*named))
