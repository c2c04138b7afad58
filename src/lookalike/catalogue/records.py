"""What goes into the catalogue and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lookalike.arrays import Float32, Metric

SCHEMA_VERSION = 5

Kind = Literal["picture", "file", "row"]
Metadata = Mapping[str, Any]
"""Field names to JSON values. None and a field that is not there mean the same to a filter."""


class Location(NamedTuple):
    """Where a source lies: a file's path, or `FILE#ROW`.

    `size` (bytes) and `modified_ns` are the file's as it was read, so that an unchanged file is not read
    again; None where that has no meaning.
    """

    path: str
    size: int | None = None
    modified_ns: int | None = None


class StoredLocation(NamedTuple):
    """A place and the number of the source that lies there."""

    path: str
    number: int
    size: int | None
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """A feature of a collection and the extractor that makes it.

    `options` are the extractor's, as JSON. `index` says, as JSON, which index the feature has: `{}` the learned
    buckets, `{"family": NAME, "parameters": {...}}` a hash family as it was asked for. `generation` is that of the
    write which added the feature, given by the catalogue: an index made before it belongs to an earlier feature of
    the same name.
    """

    name: str
    extractor: str
    dimension: int
    metric: Metric
    version: str = ""
    model_hash: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    index: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source to be added.

    `sha256` is the hex digest of its `size` raw bytes: those of the file, or of the vector that was stored last for
    a row. `vectors` are float32 (d,) by feature.
    """

    id: str
    sha256: str
    kind: Kind
    size: int
    width: int | None = None
    height: int | None = None
    metadata: Metadata = field(default_factory=dict)
    places: tuple[Location, ...] = ()
    vectors: Mapping[str, Float32] = field(default_factory=dict)


class Source(NamedTuple):
    """A stored source. `added_at` is ISO 8601 in UTC; `generation` that of the last write of its row."""

    number: int
    id: str
    sha256: str
    kind: Kind
    size: int
    width: int | None
    height: int | None
    added_at: str
    metadata: dict[str, Any]
    generation: int
    places: tuple[Location, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as `lookalike list --json` prints it."""
        return {**self._asdict(), "places": [place._asdict() for place in self.places]}


@dataclass(frozen=True, slots=True)
class FieldSummary:
    """One metadata field: how many sources have it, the JSON types of its values, and a few of them."""

    count: int
    kinds: tuple[str, ...]
    examples: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts, and bytes: of the vectors by feature, and of all files of the catalogue on disk."""

    sources: int
    pictures: int
    places: int
    removals: int
    vectors: Mapping[str, int]
    vector_bytes: Mapping[str, int]
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One piece of damage that `verify` found, where it is, and what to do about it."""

    what: str
    where: str
    advice: str
