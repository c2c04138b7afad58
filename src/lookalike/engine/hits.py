"""What a search of an engine finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lookalike.arrays import Float32


@dataclass(frozen=True, slots=True)
class EngineHit:
    """One document."""

    id: str
    distance: float
    """Exact, as `docs/design.md` defines it."""
    document: Mapping[str, Any]
    """Its fields; empty where they were not asked for."""


@dataclass(frozen=True, slots=True)
class EngineHits(Sequence[EngineHit]):
    """The documents nearest to a query, nearest first, equal ones by id; with `text_weight`, the best first."""

    ids: tuple[str, ...]
    distances: Float32
    """(hits,)."""
    documents: tuple[Mapping[str, Any], ...]
    facets: Mapping[str, Sequence[tuple[Any, int]]] = field(default_factory=dict)
    """For each field that was asked for, its ten most frequent values with their counts, among all documents that meet
    filter and words."""
    notes: tuple[str, ...] = ()
    """What was left out or is not exact, in sentences."""

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return EngineHit(self.ids[place], float(self.distances[place]), self.documents[place])

    def __iter__(self) -> Iterator[EngineHit]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, slots=True)
class EngineExplanation:
    """Why a document is near a query, or is not found."""

    id: str
    distance: float
    shared: tuple[tuple[str, float], ...]
    """Tokens that it has and the query asks for, with their boosts, largest first."""
    score: float
    """Their sum by the document's factor, if it has one: what makes it a candidate."""
    tokens: int
    """Of the document."""
    terms: int
    """Of the query."""
