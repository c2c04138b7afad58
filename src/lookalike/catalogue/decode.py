"""Rows of the database as records; what is not as it was written is damage, and never an error of Python's own."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import METRICS, Int64, Metric, Rows
from lookalike.catalogue.blobs import fits, from_blobs
from lookalike.catalogue.checksums import is_sound_vector
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.metadata import decoded_all, json_object
from lookalike.catalogue.records import FeatureRecord, Location, Source, StoredLocation
from lookalike.errors import CollectionDamagedError

KINDS = ("picture", "file", "row")

Row = Sequence[Any]
Types = Sequence[Collection[type]]
_INTEGER, _TEXT = (int,), (str,)
_MAYBE_INTEGER, _MAYBE_TEXT = (int, type(None)), (str, type(None))

SOURCE: Types = (
    _INTEGER, _TEXT, _TEXT, _TEXT, _INTEGER, _MAYBE_INTEGER, _MAYBE_INTEGER, _TEXT, _TEXT, _INTEGER, _INTEGER,
)  # fmt: skip
"""The types of the columns of `sources`."""
LOCATION: Types = (_MAYBE_TEXT, _MAYBE_INTEGER, _MAYBE_INTEGER)
"""Path, size and time; all null where a source has no place."""
VERSION: Types = (_INTEGER, _TEXT)
PLACED: Types = (_TEXT, _INTEGER, _MAYBE_INTEGER, _MAYBE_INTEGER)
ID_NUMBER: Types = (_TEXT, _INTEGER)
FEATURE: Types = (
    _INTEGER, _TEXT, _TEXT, _TEXT, _TEXT, _INTEGER, _TEXT, _TEXT, _TEXT, _INTEGER, _INTEGER,
)  # fmt: skip
"""The types of the columns of `features`."""


def checked(rows: Sequence[Row], types: Types, table: str) -> Sequence[Row]:
    """`rows`, each of whose columns is of one of its types.

    Raises: CollectionDamagedError.
    """
    # Column by column, as that takes a tenth of the time.
    for column, (values, allowed) in enumerate(zip(zip(*rows, strict=True), types, strict=bool(rows))):
        if not set(map(type, values)).issubset(allowed):
            row = next(row for row in rows if type(row[column]) not in allowed)
            raise CollectionDamagedError(
                f"the row {row[0]!r} of the table {table} holds a value of the wrong type; run lookalike verify"
            )
    return rows


def matches(row: Row, types: Types) -> bool:
    """Whether each value is of one of its types."""
    return all(type(value) in allowed for value, allowed in zip(row, types, strict=True))


def number_list(written: Any) -> Int64:
    """The numbers (n,) of a JSON list, ascending. Raises CollectionDamagedError."""
    try:
        numbers = np.array(json.loads(written), dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise CollectionDamagedError("a number is not an integer; run lookalike verify") from None
    return np.sort(numbers)


def sources(rows: Sequence[Row]) -> dict[int, Source]:
    """The sources by number, of rows with the columns of `sources` and then those of `LOCATION`, one row a place.

    Raises: CollectionDamagedError.
    """
    checked(rows, (*SOURCE, *LOCATION), "sources")
    places: dict[int, list[Location]] = {}
    firsts: dict[int, Row] = {}
    for row in rows:
        number = row[0]
        if number not in firsts:
            firsts[number] = row
            places[number] = []
        if row[11] is not None:
            places[number].append(Location(row[11], row[12], row[13]))
    metadata = decoded_all([row[8] for row in firsts.values()], [row[1] for row in firsts.values()])
    return {
        number: _source(row, fields, places[number])
        for (number, row), fields in zip(firsts.items(), metadata, strict=True)
    }


def _source(row: Row, metadata: dict[str, Any], places: list[Location]) -> Source:
    number, id_, sha256, kind, size, width, height, added_at, _, generation = row[:10]
    if kind not in KINDS:
        raise CollectionDamagedError(f"source {id_!r} is of no known kind; run lookalike verify")
    if len(places) > 1:
        places.sort(key=lambda place: place.path)
    return Source(
        number, id_, sha256, kind, size, width, height, added_at, metadata, generation, tuple(places)
    )


def placed(rows: Sequence[Row]) -> list[StoredLocation]:
    """Places of rows with the columns of `PLACED`. Raises CollectionDamagedError."""
    return [StoredLocation(*row) for row in checked(rows, PLACED, "places")]


def hit_rows(rows: Sequence[Row]) -> HitRows:
    """What hits tell of their sources, of rows of number, id, width, height, metadata and path, one row a place."""
    found = {row[0]: tuple(row) for row in rows}
    if len(found) < len(rows):  # some have several places
        paths: dict[int, list[Any]] = {}
        for row in rows:
            paths.setdefault(row[0], []).append(row[5])
        found = {number: (*row[:5], *paths[number]) for number, row in found.items()}
    return HitRows(found)


def number(value: object) -> int:
    """The number of a source. Raises CollectionDamagedError."""
    if not isinstance(value, int):
        raise CollectionDamagedError(f"the number {value!r} of a source is no integer; run lookalike verify")
    return value


def features(rows: Sequence[Row]) -> dict[str, tuple[int, FeatureRecord]]:
    """Keys and records of features by name, of whole rows of `features`. Raises CollectionDamagedError."""
    return {row[1]: (row[0], _feature(row)) for row in checked(rows, FEATURE, "features")}


def _feature(row: Row) -> FeatureRecord:
    _, name, extractor, options, index, dimension, metric, version, model_hash, generation, _ = row
    read_options, read_index = json_object(options), json_object(index)
    if read_options is None or read_index is None or metric not in METRICS or dimension < 1:
        raise CollectionDamagedError(
            f"the options, the index, the metric or the dimension of feature {name!r} make no sense; "
            "run lookalike verify"
        )
    return FeatureRecord(
        name, extractor, dimension, metric, version, model_hash, read_options, generation, read_index
    )


def vectors(
    rows: Sequence[Row], feature: str, key: int, dimension: int, metric: Metric
) -> tuple[Int64, Rows]:
    """Numbers (n,) and vectors (n, dimension) of rows of number, generation, checksum and bytes.

    `key` is that of the feature.

    Raises: CollectionDamagedError when a row does not match its checksum, or a vector is not of that dimension.
    """
    for number, generation, checksum, vector in rows:
        sound = is_sound_vector(number, key, generation, checksum, vector)
        if not sound or not fits(vector, dimension, metric):
            raise CollectionDamagedError(
                f"the vector of feature {feature!r} of source {number} does not match its checksum; "
                "run lookalike verify"
            )
    decoded = from_blobs([row[3] for row in rows], dimension, metric)
    return np.array([row[0] for row in rows], np.int64), decoded
