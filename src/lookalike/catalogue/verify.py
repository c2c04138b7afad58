"""Looking for damage in a catalogue."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from shlex import quote

import numpy as np
from sqlalchemy import Connection, Engine, func, select

from lookalike.catalogue import queries, schema, sqlite
from lookalike.catalogue.records import Problem
from lookalike.catalogue.text import PARTS, parts
from lookalike.errors import CollectionDamagedError, CollectionReadOnlyError

RESTORE = "restore the file from a copy, or add everything to a new collection"
REBUILD = "run lookalike rebuild, which makes the index of words anew too"

_first_place = (
    select(func.min(schema.places.c.path))
    .where(schema.places.c.number == schema.sources.c.number)
    .scalar_subquery()
)
_named = (schema.sources.c.id, schema.sources.c.kind, _first_place)
"""What `_where` and `_advice` say of a source."""


def problems(engine: Engine, path: Path) -> Iterator[Problem]:
    """All damage in the catalogue of `engine`, in the file `path`, streamed. Reads every byte that is stored.

    Looks into: SQLite's own structures; references between tables; the counters; that metadata are JSON; each
    vector's length, checksum and finiteness; that the full text is that of the metadata; sources without any
    vector.
    """
    checks: tuple[Callable[[Connection], Iterator[Problem]], ...] = (
        _structure,
        _references,
        _counters,
        _metadata,
        _vectors,
        _text,
        _without_vectors,
    )
    for check in checks:
        try:
            with engine.connect().execution_options(yield_per=1000) as connection:
                yield from check(connection)
        except CollectionDamagedError as error:
            yield Problem(str(error), str(path), RESTORE)


def _structure(connection: Connection) -> Iterator[Problem]:
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem(message, "the database file", RESTORE)


def _references(connection: Connection) -> Iterator[Problem]:
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Problem(f"refers to a row of {parent} that is not there", f"table {table}, row {row}", RESTORE)


def _counters(connection: Connection) -> Iterator[Problem]:
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


def _metadata(connection: Connection) -> Iterator[Problem]:
    for metadata, *named in connection.execute(select(schema.sources.c.metadata, *_named)):
        try:
            sound = isinstance(json.loads(metadata), dict)
        except ValueError:
            sound = False
        if not sound:
            yield Problem("metadata are no JSON object", _where(*named), _advice(*named))


def _vectors(connection: Connection) -> Iterator[Problem]:
    table = schema.vectors
    for name in queries.features(connection):
        key, record = queries.feature(connection, name)
        query = (
            select(table.c.checksum, sqlite.bytes_of(table.c.vector), *_named)
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
            yield Problem(what, f"feature {name} of {_where(*named)}", _advice(*named, feature=name))


def _text(connection: Connection) -> Iterator[Problem]:
    index = sqlite.text_index.c
    try:
        # Under one snapshot with the comparison below. It writes nothing, though SQLite has it as an insert.
        connection.exec_driver_sql(sqlite.CHECK_TEXT_INDEX)
    except CollectionReadOnlyError:
        pass  # which SQLite then refuses; the texts can be compared all the same
    except CollectionDamagedError:
        yield Problem("the index does not match its own text", "full text", REBUILD)
        return
    stored = connection.execute(
        select(schema.sources.c.number, schema.sources.c.metadata, *_named).order_by(schema.sources.c.number)
    )
    indexed = connection.execute(select(index.rowid, *(index[part] for part in PARTS)).order_by(index.rowid))
    for source, row in zip_longest(stored, indexed):
        if row is None or (source is not None and source[0] < row[0]):
            yield Problem("the text is missing", f"full text of {_where(*source[2:])}", REBUILD)
            return
        if source is None or source[0] > row[0]:
            yield Problem("the text is of no source", f"full text, row {row[0]}", REBUILD)
            return
        try:
            expected = parts(json.loads(source[1]))
        except (ValueError, AttributeError):
            continue  # `_metadata` tells of it
        if expected != tuple(row[1:]):
            where = f"full text of {_where(*source[2:])}"
            yield Problem("the text is not that of the metadata", where, REBUILD)


def _without_vectors(connection: Connection) -> Iterator[Problem]:
    has = select(schema.vectors.c.number).where(schema.vectors.c.number == schema.sources.c.number)
    query = select(*_named).where(~has.exists()).order_by(schema.sources.c.number)
    for named in connection.execute(query):
        what = "has no vector of any feature, so that no search finds it"
        yield Problem(what, _where(*named), _advice(*named))


def _where(id_: str, kind: str, place: str | None) -> str:
    return f"source {id_}" if place is None else f"source {id_} ({place})"


def _advice(id_: str, kind: str, place: str | None, *, feature: str | None = None) -> str:
    """The commands that make a source anew."""
    remove = f"run lookalike remove {'-- ' if id_.startswith('-') else ''}{quote(id_)}"
    if place is None:
        return f"{remove}, then add its vectors again"
    if kind == "picture":
        return f"{remove}, then lookalike add {quote(place)}"
    into = f" --feature {quote(feature)}" if feature else ""
    file = quote(place.rpartition("#")[0])
    return f"{remove}, then lookalike import {file}{into} --on-duplicate skip"
