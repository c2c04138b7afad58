"""What creating, reading and writing share, on a connection."""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, insert, select
from sqlalchemy import Row as SqlRow

from lookalike.arrays import Float32, Int64, as_metric
from lookalike.catalogue import schema, sqlite
from lookalike.catalogue.records import FeatureRecord, Location, Source
from lookalike.errors import CollectionDamagedError, UnknownFeatureError


def column(connection: Connection, query: Select[Any]) -> Int64:
    """The numbers (n,) that a query of one column gives, ascending."""
    gathered = connection.execute(sqlite.gathered(query)).scalar_one()
    return np.sort(np.array(json.loads(gathered), dtype=np.int64))


def features(connection: Connection) -> dict[str, FeatureRecord]:
    """The features by name, in the order in which they were added."""
    rows = connection.execute(select(schema.features).order_by(schema.features.c.feature))
    return {row.name: _feature(row) for row in rows}


def feature(connection: Connection, name: str) -> tuple[int, FeatureRecord]:
    """Key and record of a feature. Raises UnknownFeatureError."""
    row = connection.execute(select(schema.features).where(schema.features.c.name == name)).one_or_none()
    if row is None:
        known = ", ".join(features(connection)) or "none"
        raise UnknownFeatureError(f"there is no feature {name!r}; the collection has: {known}")
    return row.feature, _feature(row)


def numbers(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The numbers of those of `ids` that are there."""
    table = schema.sources
    query = select(table.c.id, table.c.number).where(table.c.id.in_(sqlite.members(ids)))
    return {row.id: row.number for row in connection.execute(query)}


def sources(connection: Connection, wanted: Sequence[int]) -> dict[int, Source]:
    """Those of the sources `wanted` that are there, by number.

    Raises: CollectionDamagedError when metadata are no JSON object.
    """
    places: dict[int, list[Location]] = {}
    table = schema.places
    query = select(table).where(table.c.number.in_(sqlite.members(wanted))).order_by(table.c.path)
    for path, number, size, modified_ns in connection.execute(query):
        places.setdefault(number, []).append(Location(path, size, modified_ns))
    rows = connection.execute(
        select(schema.sources).where(schema.sources.c.number.in_(sqlite.members(wanted)))
    )
    return {
        row.number: Source(
            row.number,
            row.id,
            row.sha256,
            row.kind,
            row.size,
            row.width,
            row.height,
            row.added_at,
            _metadata(row.id, row.metadata),
            row.generation,
            tuple(places.get(row.number, ())),
        )
        for row in rows
    }


def stored(feature: int) -> Select[Any]:
    """The vectors of a feature as `decoded` wants them."""
    table = schema.vectors
    vector = sqlite.bytes_of(table.c.vector).label("vector")
    return select(table.c.number, table.c.checksum, vector).where(table.c.feature == feature)


def decoded(rows: Sequence[SqlRow[Any]], name: str, dimension: int) -> tuple[Int64, Float32]:
    """Numbers (n,) and vectors (n, dimension) of rows of `stored`, of the feature `name`.

    Raises: CollectionDamagedError when a vector does not match its checksum, or is not of that dimension.
    """
    for row in rows:
        if row.vector is None or len(row.vector) != 4 * dimension or zlib.crc32(row.vector) != row.checksum:
            raise CollectionDamagedError(
                f"the vector of feature {name!r} of source {row.number} does not match its checksum; "
                "run verify"
            )
    joined = bytearray().join(row.vector for row in rows)
    vectors = np.frombuffer(joined, dtype="<f4").reshape(len(rows), dimension)
    return np.array([row.number for row in rows], dtype=np.int64), vectors.astype(np.float32, copy=False)


def put_stamp(connection: Connection, generation: int) -> None:
    """Give the state that the write `generation` makes a stamp of its own."""
    stamp = secrets.randbits(62)  # fits int64 with room to spare
    connection.execute(insert(schema.writes).values(generation=generation, stamp=stamp))


def _metadata(id_: str, written: str) -> dict[str, Any]:
    try:
        metadata = json.loads(written)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise CollectionDamagedError(
            f"the metadata of source {id_!r} are no JSON object; run lookalike verify"
        )
    return metadata


def _feature(row: SqlRow[Any]) -> FeatureRecord:
    return FeatureRecord(
        row.name,
        row.extractor,
        row.dimension,
        as_metric(row.metric),
        row.version,
        row.model_hash,
        json.loads(row.options),
        row.generation,
    )
