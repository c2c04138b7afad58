"""Why a source is, or is not, among the hits of a query."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue
from lookalike.collection.rankings import Rankings
from lookalike.collection.request import SearchRequest
from lookalike.collection.resolve import ResolvedQueries
from lookalike.collection.search import Blend, Searched
from lookalike.errors import UnknownIdError
from lookalike.index import Explanation as FeatureExplanation
from lookalike.index.reports import TableExplanation


@dataclass(frozen=True, slots=True)
class Part:
    """What one feature says of a source.

    Attributes:
        distance: exact.
        comparable: the distance in standard deviations of the distances in the collection, so that it can be compared
            with those in other features; of a lone feature, the distance itself.
        weight: how much the feature says; the weights of all that are searched sum to 1.
        rank: its place among all sources that have the feature, counted from 1, whatever filters say.
    """

    distance: float
    comparable: float
    weight: float
    rank: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a source is, or is not, among the hits of a query.

    Attributes:
        id: the source's id.
        is_hit: whether the search with the same options returns it.
        rank: its place among the hits, counted from 1; None if it is not a hit.
        verdict: the answer in one sentence.
        distance: weighted mean of the features' exact distances, as `Hit.distance`; None if it has none of them.
        limit: the distance limit, if one was given.
        last_distance: distance of the last hit; None if there are none.
        filters: for each filter, whether the source meets it.
        words: for each word of the text, the parts of the source's text that have it; empty means none.
        features: what each feature's index says: buckets, keys, estimated and exact distance, rank.
        missing_features: features searched that the source lacks.
        parts: what each of `features` adds to the distance.
        looks_rank: where words weigh in, its place in the ranking by looks, counted from 1; None if it is farther down
            than is looked at (100 or ten times k). The query's own source counts.
        words_rank: the same of the ranking by words.
        score: the fused score, the higher the better; None where words do not weigh in.
        last_score: that of the last hit.
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
    parts: Mapping[str, Part] = field(default_factory=dict)
    looks_rank: int | None = None
    words_rank: int | None = None
    score: float | None = None
    last_score: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as the command line prints it under `--json`."""
        return {**asdict(self), "features": {name: asdict(one) for name, one in self.features.items()}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return the explanation that `to_json` told of, which may have been written as JSON since."""
        features = {}
        for name, one in told["features"].items():
            tables = tuple(
                TableExplanation(**{**table, "probed_tokens": tuple(table["probed_tokens"])})
                for table in one["tables"]
            )
            tokens = tuple((token, weight) for token, weight in one["tokens"])
            features[name] = FeatureExplanation(**{**one, "tables": tables, "tokens": tokens})
        words = {word: tuple(parts) for word, parts in told["words"].items()}
        missing = tuple(told["missing_features"])
        parts = {name: Part(**one) for name, one in told.get("parts", {}).items()}
        made = {"words": words, "features": features, "missing_features": missing, "parts": parts}
        return cls(**{**told, **made})

    def lines(self) -> list[str]:
        """Return the details for people, a line each."""
        lines = []
        if self.distance is not None:
            lines.append(f"distance {self.distance:.4f}")
        if self.last_distance is not None:
            lines.append(f"distance of the last hit {self.last_distance:.4f}")
        if self.score is not None:
            last = "" if self.last_score is None else f", that of the last hit {self.last_score:.6f}"
            lines.append(f"score {self.score:.6f}{last}: {_place('looks', self.looks_rank)}, ")
            lines[-1] += _place("words", self.words_rank)
        lines += [f"filter {text}: {'met' if met else 'not met'}" for text, met in self.filters.items()]
        lines += [
            f"word {word!r}: {'in ' + ', '.join(parts) if parts else 'not found'}"
            for word, parts in self.words.items()
        ]
        for name, feature in self.features.items():
            lines.append(
                f"feature {name}: exact distance {feature.distance:.4f}, {feature.rank} sources are closer"
            )
            if name in self.parts and len(self.parts) + len(self.missing_features) > 1:
                part = self.parts[name]
                lines.append(f"  weight {part.weight:.4f}, comparable distance {part.comparable:.4f}")
            if feature.estimated_distance is not None:
                lines.append(
                    f"  estimated distance {feature.estimated_distance:.4f} (+- {feature.estimate_error or 0:.4f})"
                )
            lines.append(f"  {_PATHS[feature.path]}")
            if feature.path != "scan" and feature.estimated_recall is not None:
                lines.append(f"  {feature.estimated_recall:.0%} of the ten nearest are found, as estimated")
            tables = [table for table in feature.tables if table.shared]
            if feature.tables:
                lines.append(f"  shares a bucket in {len(tables)} of {len(feature.tables)} tables")
            if feature.tokens:
                shared = ", ".join(f"{token} ({weight:.3f})" for token, weight in feature.tokens)
                plural = "s" if len(feature.tokens) > 1 else ""
                lines.append(f"  shares {len(feature.tokens)} token{plural}: {shared}")
            lines += [
                f"  table {table.table}: query {table.query_token}, source {table.row_token}, "
                + (f"probe {table.rank + 1}" if table.rank is not None else "not probed")
                for table in feature.tables
            ]
        lines += [f"feature {name}: the source has none" for name in self.missing_features]
        return lines


def _place(ranking: str, rank: int | None) -> str:
    return f"rank {rank} by {ranking}" if rank is not None else f"too far down by {ranking} to count"


_PATHS = {
    "scan": "the index is small, so every source is compared exactly; no buckets are used",
    "tail": "the source was added lately and is compared always",
    "buckets": "reached by buckets",
}


def explanation(
    searched: Searched,
    queries: ResolvedQueries,
    rankings: Rankings,
    blend: Blend | None,
    id_or_path: str,
    request: SearchRequest,
) -> Explanation:
    """Return why a source, by its id or the path of one of its files, is, or is not, in the ranking of one query.

    Raises:
        UnknownIdError: there is no such source.
    """
    catalogue = searched.catalogue
    number = _number_of(catalogue, id_or_path)
    (source,) = catalogue.sources([number])
    filters = {label: part.matches(source.metadata) for label, part in request.filters.items()}
    words = {} if request.text is None else catalogue.text_matches(request.text, number)
    say = searched.say
    features = {
        name: index.explain(queries.vectors[name][0], number)
        for name, index in searched.indexes.items()
        if index.contains(np.array([number]))[0]
    }
    missing = tuple(name for name in searched.indexes if name not in features)
    weighted = float(searched.weighing(queries, 0).distances(np.array([number]))[0][0]) if features else None
    parts = {
        name: Part(feature.distance, feature.distance / say.spread[name], say.weights[name], feature.rank + 1)
        for name, feature in features.items()
    }
    position = np.flatnonzero(rankings.numbers[0] == number)
    rank = int(position[0]) + 1 if len(position) else None
    hits, limit = int(rankings.counts()[0]), request.max_distance
    scores = {} if blend is None else blend.scores()
    last = scores.get(int(rankings.numbers[0, hits - 1])) if hits else None
    reasons = [
        (int(queries.numbers[0]) == number, "it is the query itself"),
        (not features, f"it has no vector of {', '.join(missing)}"),
        *((not met, f"it does not meet {label}") for label, met in filters.items()),
        *(
            (request.narrowing is not None and not parts, f"its text has no {word!r}")
            for word, parts in words.items()
        ),
        (
            limit is not None and weighted is not None and weighted > limit,
            f"its distance {weighted} is above the limit {limit}",
        ),
        (
            bool(features) and not any(feature.candidate for feature in features.values()),
            _missed(features.values()),
        ),
        (hits == request.k, f"{hits} others come before it" + _behind(blend, number, scores, last)),
    ]
    failing = next((reason for fails, reason in reasons if fails), "other sources come before it")
    return Explanation(
        id=source.id,
        is_hit=rank is not None,
        rank=rank,
        verdict=f"It is hit {rank} of {hits}." if rank else f"It is not a hit: {failing}.",
        distance=weighted,
        limit=limit,
        last_distance=float(rankings.distances[0, hits - 1]) if hits else None,
        filters=filters,
        words=words,
        features=features,
        missing_features=missing,
        parts=parts,
        looks_rank=None if blend is None else _rank_in(blend.by_looks, number),
        words_rank=None if blend is None else _rank_in(blend.by_words, number),
        score=None if blend is None else scores.get(number, 0.0),
        last_score=last,
    )


def _rank_in(numbers: Int64, number: int) -> int | None:
    place = np.flatnonzero(numbers == number)
    return int(place[0]) + 1 if len(place) else None


def _behind(blend: Blend | None, number: int, scores: Mapping[int, float], last: float | None) -> str:
    """Return how a source that others come before stands by looks and words."""
    if blend is None or last is None:
        return ""
    looks, words = _rank_in(blend.by_looks, number), _rank_in(blend.by_words, number)
    return (
        f": it scores {scores.get(number, 0.0):.6f} ({_place('looks', looks)}, {_place('words', words)}), "
        f"the last of them {last:.6f}"
    )


def _missed(features: Iterable[FeatureExplanation]) -> str:
    if any(feature.tables for feature in features):
        return "it lies in none of the buckets that were probed; a higher recall would probe more"
    return "it shares no token with the query"


def _number_of(catalogue: Catalogue, id_or_path: str) -> int:
    number = catalogue.numbers([id_or_path]).get(id_or_path)
    if number is None and id_or_path:
        number = next((place.number for place in catalogue.places([os.path.abspath(id_or_path)])), None)
    if number is None:
        raise UnknownIdError(f"{id_or_path!r} is neither the id nor the path of a source (lookalike list)")
    return number
