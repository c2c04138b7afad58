"""Counts and sizes of an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.engine.asked import Asked
from lookalike.engine.client import path_of
from lookalike.engine.search import Search
from lookalike.engine.target import Target


@dataclass(frozen=True, slots=True)
class EngineStats:
    """An index, as its engine counts it."""

    engine: str
    """Name and version."""
    index: str
    """Its own name, of which the public one is an alias."""
    documents: int
    vectors: int
    """Documents that have one of the feature."""
    bytes: int
    """On disk, of primary shards."""
    shards: int
    scheme: Mapping[str, Any]
    forecast: Mapping[str, Any] | None
    """What was predicted for the scheme `now` and, at ten times the documents, `grown`; None where it was given."""


def read_stats(target: Target) -> EngineStats:
    """Return what the engine counts of an index. Raises EngineError."""
    engine = target.engine
    told = engine.call("GET", path_of(target.index, "_stats", "docs,store"))["_all"]["primaries"]
    settings = engine.call("GET", path_of(target.index, "_settings"))[target.index]["settings"]["index"]
    return EngineStats(
        f"{engine.name} {'.'.join(map(str, engine.version))}",
        target.index,
        int(told["docs"]["count"]),
        Search(target, Asked.of()).count(),
        int(told["store"]["size_in_bytes"]),
        int(settings["number_of_shards"]),
        target.header.scheme,
        target.header.forecast,
    )
