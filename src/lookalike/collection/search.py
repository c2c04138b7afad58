"""Search: filters as allow-lists, several features as one distance, words that narrow or weigh in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import Catalogue, Where
from lookalike.collection.hits import Hit
from lookalike.collection.query import ResolvedQuery
from lookalike.index import Index

RANK_OFFSET = 60
"""The constant of reciprocal-rank fusion; 60 is that of Cormack, Clarke and Buettcher (SIGIR 2009)."""
BLEND_DEPTH = 100
"""Blending looks at this many of the best by looks and by words, or at ten times k if that is more."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Sources by number, the best first, with the weighted distance of each."""

    numbers: Int64
    distances: Float32

    def without(self, number: int | None, k: int) -> Ranking:
        """Return the first `k` that are not `number`."""
        kept = np.flatnonzero(self.numbers != (-1 if number is None else number))[:k]
        return Ranking(self.numbers[kept], self.distances[kept])


def rank(
    catalogue: Catalogue,
    indexes: Mapping[str, Index],
    query: ResolvedQuery,
    weights: Mapping[str, float],
    k: int,
    *,
    text: str | None,
    where: Where | None,
    max_distance: float | None,
    blend: bool,
) -> Ranking:
    """Return the k best sources for a query, as `Collection.search` defines it."""
    k = min(k, max(1, *(len(index) for index in indexes.values())))  # room is made for k
    narrowing = None if blend else text
    allow = None
    if where is not None or narrowing is not None:
        allow = catalogue.select(where, narrowing)
    wanted = k if query.number is None else k + 1  # a stored source is not its own hit
    if blend and text is not None:
        ranking = blended(
            catalogue, indexes, query, weights, wanted, text=text, allow=allow, max_distance=max_distance
        )
    else:
        ranking = nearest(indexes, query, weights, wanted, allow=allow, max_distance=max_distance)
    return ranking.without(query.number, k)


def nearest(
    indexes: Mapping[str, Index],
    query: ResolvedQuery,
    weights: Mapping[str, float],
    k: int,
    *,
    allow: Int64 | None,
    max_distance: float | None,
) -> Ranking:
    """Return the k sources with the smallest weighted mean of the features' distances; equal ones by number.

    With several features this is the threshold algorithm of Fagin, Lotem and Naor (PODS 2001): the lists of all
    features are read deeper and deeper until no unseen source can be closer than the k-th seen. Sources without
    one of the features are not found. Deviation: lists are read in doubling batches, not row by row.
    """
    if len(indexes) == 1:
        ((name, index),) = indexes.items()
        ids, distances = index.search(
            query.vectors[name][np.newaxis], k, allow=allow, max_distance=max_distance
        )
        found = ids[0] >= 0
        return Ranking(ids[0][found], distances[0][found])
    rows = min(len(index) for index in indexes.values()) if allow is None else len(allow)
    depth = max(4 * k, 64)
    while True:
        lists = {
            name: index.search(query.vectors[name][np.newaxis], depth, allow=allow)
            for name, index in indexes.items()
        }
        seen = np.unique(np.concatenate([ids[0][ids[0] >= 0] for ids, _ in lists.values()]))
        ranking = weighted(indexes, query, weights, seen)
        # Where a list has ended, what it has not shown does not exist.
        ended = any(np.isinf(distances[0, -1]) for _, distances in lists.values())
        threshold = sum(weights[name] * float(distances[0, -1]) for name, (_, distances) in lists.items())
        if ended or depth >= rows or (len(ranking.numbers) >= k and ranking.distances[k - 1] <= threshold):
            break
        depth *= 4
    kept = slice(0, k) if max_distance is None else np.flatnonzero(ranking.distances <= max_distance)[:k]
    return Ranking(ranking.numbers[kept], ranking.distances[kept])


def weighted(
    indexes: Mapping[str, Index], query: ResolvedQuery, weights: Mapping[str, float], numbers: Int64
) -> Ranking:
    """Return those of `numbers` that have all features, by weighted distance."""
    for index in indexes.values():
        numbers = numbers[np.isin(numbers, index.ids())]
    total = np.zeros(len(numbers), dtype=np.float64)
    for name, index in indexes.items():
        total += weights[name] * _distances(index, query.vectors[name], numbers)
    order = np.lexsort((numbers, total))
    return Ranking(numbers[order], total[order].astype(np.float32))


def blended(
    catalogue: Catalogue,
    indexes: Mapping[str, Index],
    query: ResolvedQuery,
    weights: Mapping[str, float],
    k: int,
    *,
    text: str,
    allow: Int64 | None,
    max_distance: float | None,
) -> Ranking:
    """Return the k best by reciprocal-rank fusion of the ranking by looks and the ranking by words.

    A source scores 1 / (60 + rank) in each of the rankings that has it, counted from 1.
    """
    depth = max(BLEND_DEPTH, 10 * k)
    by_looks = nearest(indexes, query, weights, depth, allow=allow, max_distance=max_distance).numbers
    by_words, _ = catalogue.text_scores(text, allow, limit=depth)
    scores: dict[int, float] = {}
    for ranking in (by_looks, by_words):
        for rank, number in enumerate(ranking.tolist(), 1):
            scores[number] = scores.get(number, 0.0) + 1 / (RANK_OFFSET + rank)
    candidates = weighted(indexes, query, weights, np.fromiter(scores, dtype=np.int64, count=len(scores)))
    score = np.array([scores[number] for number in candidates.numbers.tolist()])
    near = candidates.distances <= (np.inf if max_distance is None else max_distance)
    best = np.lexsort((candidates.numbers, candidates.distances, -score))
    best = best[near[best]][:k]
    return Ranking(candidates.numbers[best], candidates.distances[best])


def hits_of(
    catalogue: Catalogue,
    indexes: Mapping[str, Index],
    query: ResolvedQuery,
    ranking: Ranking,
    *,
    text: str | None,
) -> tuple[Hit, ...]:
    """Return the sources of a ranking with all that is known of them."""
    scores = {}
    if text is not None and len(ranking.numbers):
        matched, values = catalogue.text_scores(text, ranking.numbers)
        scores = dict(zip(matched.tolist(), values.tolist(), strict=True))
    parts = {
        name: _distances(index, query.vectors[name], ranking.numbers).tolist()
        for name, index in indexes.items()
    }
    return tuple(
        Hit(
            id=source.id,
            path=source.places[0].path if source.places else None,
            distance=distance,
            features={name: distances[row] for name, distances in parts.items()},
            text_score=scores.get(source.number),
            metadata=source.metadata,
            places=tuple(place.path for place in source.places),
            pixels=(source.width or 0) * (source.height or 0),
        )
        for row, (source, distance) in enumerate(
            zip(catalogue.sources(ranking.numbers), ranking.distances.tolist(), strict=True)
        )
    )


def _distances(index: Index, query: Float32, numbers: Int64) -> Float32:
    """Return the exact distance of each of `numbers`, all of which are in the index."""
    if not len(numbers):
        return np.empty(0, dtype=np.float32)
    ids, distances = index.search(query[np.newaxis], len(numbers), allow=numbers, recall=1.0)
    ranks = np.empty(len(numbers), dtype=np.int64)
    ranks[np.argsort(numbers)] = np.argsort(ids[0])
    ordered: Float32 = distances[0][ranks]
    return ordered
