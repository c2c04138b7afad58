"""Why a source is, or is not, among the hits of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lookalike.catalogue import Source
from lookalike.collection.hits import Hits
from lookalike.collection.query import ResolvedQuery
from lookalike.index import Explanation as FeatureExplanation
from lookalike.index import Index


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a source is, or is not, among the hits of a query.

    Attributes:
        id: the source's id.
        is_hit: whether the search with the same options returns it.
        rank: its place among the hits, counted from 1; None if it is not a hit.
        verdict: the answer in one sentence.
        distance: weighted mean of the features' exact distances; None if the source lacks a feature.
        limit: the distance limit, if one was given.
        last_distance: distance of the last hit; None if there are none.
        filters: for each filter, whether the source meets it.
        words: for each word of the text, the parts of the source's text that have it; empty means none.
        features: what each feature's index says: buckets, keys, estimated and exact distance, rank.
        missing_features: features searched that the source lacks.
    """

    id: str
    is_hit: bool
    rank: int | None
    verdict: str
    distance: float | None
    limit: float | None
    last_distance: float | None
    filters: Mapping[str, bool]
    words: Mapping[str, tuple[str, ...]]
    features: Mapping[str, FeatureExplanation]
    missing_features: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as the command line prints it under `--json`."""
        return {**asdict(self), "features": {name: asdict(one) for name, one in self.features.items()}}

    def lines(self) -> list[str]:
        """Return the details for people, a line each."""
        lines = []
        if self.distance is not None:
            lines.append(f"distance {self.distance:.4f}")
        if self.last_distance is not None:
            lines.append(f"distance of the last hit {self.last_distance:.4f}")
        lines += [f"filter {text}: {'met' if met else 'not met'}" for text, met in self.filters.items()]
        lines += [
            f"word {word!r}: {'in ' + ', '.join(parts) if parts else 'not found'}"
            for word, parts in self.words.items()
        ]
        for name, feature in self.features.items():
            lines.append(
                f"feature {name}: exact distance {feature.distance:.4f}, {feature.rank} sources are closer"
            )
            if feature.estimated_distance is not None:
                lines.append(
                    f"  estimated distance {feature.estimated_distance:.4f} (+- {feature.estimate_error or 0:.4f})"
                )
            lines.append(f"  {_PATHS[feature.path]}")
            shared = [table for table in feature.tables if table.shared]
            if feature.tables:
                lines.append(f"  shares a bucket in {len(shared)} of {len(feature.tables)} tables")
            lines += [
                f"  table {table.table}: query {table.query_token}, source {table.row_token}, "
                + (f"probe {table.rank + 1}" if table.rank is not None else "not probed")
                for table in feature.tables
            ]
        lines += [f"feature {name}: the source has none" for name in self.missing_features]
        return lines


_PATHS = {
    "scan": "the index is small, so every source is compared exactly; no buckets are used",
    "tail": "the source was added lately and is compared always",
    "buckets": "reached by buckets",
}


def explanation(
    source: Source,
    hits: Hits,
    query: ResolvedQuery,
    indexes: Mapping[str, Index],
    weights: Mapping[str, float],
    *,
    filters: Mapping[str, bool],
    words: Mapping[str, tuple[str, ...]],
    narrowing: bool,
    limit: float | None,
    k: int,
) -> Explanation:
    """Return why `source` is, or is not, among the `hits` of `query`."""
    rank = next((rank for rank, hit in enumerate(hits, 1) if hit.id == source.id), None)
    missing = tuple(name for name, index in indexes.items() if source.number not in index)
    features = {
        name: index.explain(query.vectors[name], source.number)
        for name, index in indexes.items()
        if name not in missing
    }
    distance = (
        None if missing else sum(weights[name] * feature.distance for name, feature in features.items())
    )
    reasons = [
        (query.number == source.number, "it is the query itself"),
        (bool(missing), f"it has no vector of {', '.join(missing)}"),
        *((not met, f"it does not meet {label}") for label, met in filters.items()),
        *((narrowing and not parts, f"its text has no {word!r}") for word, parts in words.items()),
        (
            limit is not None and distance is not None and distance > limit,
            f"its distance {distance} is above the limit {limit}",
        ),
        (
            bool(features) and not any(feature.candidate for feature in features.values()),
            "it lies in none of the buckets looked into; a higher recall would look into more",
        ),
        (len(hits) == k, f"{k} others come before it"),
    ]
    failing = next((reason for fails, reason in reasons if fails), "other sources come before it")
    return Explanation(
        id=source.id,
        is_hit=rank is not None,
        rank=rank,
        verdict=f"It is hit {rank} of {len(hits)}." if rank else f"It is not a hit: {failing}.",
        distance=distance,
        limit=limit,
        last_distance=hits[-1].distance if hits else None,
        filters=filters,
        words=words,
        features=features,
        missing_features=missing,
    )
