"""Ranking: filters as allow-lists, several features as one distance, words that narrow or weigh in.

Queries are ranked together, so that an index is asked once for all of them. All of it is about one state: that of the
catalogue's snapshot, and of the views of the indexes that are as of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lookalike.arrays import Float32, Float64, Int64, Rows
from lookalike.catalogue import Catalogue
from lookalike.collection.late_recall import Estimate
from lookalike.collection.rankings import Rankings
from lookalike.collection.records import Records
from lookalike.collection.request import SearchRequest
from lookalike.collection.resolve import ResolvedQueries
from lookalike.collection.say import Say
from lookalike.collection.weighing import Weighing
from lookalike.index import IndexView

RANK_OFFSET = 60
"""The constant of reciprocal-rank fusion; 60 is that of Cormack, Clarke and Buettcher (SIGIR 2009)."""
BLEND_DEPTH = 100
"""Blending looks at this many of the best by looks and by words, or at ten times k if that is more."""

DEEPER = 4
"""Where too few of these are near enough, so many times as many by words."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What is searched: one state of a collection, and how much each feature says."""

    catalogue: Catalogue
    indexes: Mapping[str, IndexView]
    say: Say
    lacking: Mapping[str, int]
    """How many sources that have one of the features lack each of them."""
    sample: Int64 | None
    """Some sources that have all features, where others lack some."""

    def weighing(self, queries: ResolvedQueries, row: int) -> Weighing:
        """Return how sources are compared with one of the queries."""
        vectors = {name: rows[row] for name, rows in queries.vectors.items()}
        return Weighing.of(self.indexes, vectors, self.say.shares, self.sample)


def rank(searched: Searched, queries: ResolvedQueries, records: Records, request: SearchRequest) -> Rankings:
    """Return the k best sources for each query, as `Collection.search` defines it.

    Args:
        records: of the request but for k, which may have grown since.
    """
    searched, allow, wanted = _prepared(searched, queries, records, request)
    if request.share_of_words is not None:
        rankings = _blended(
            searched, queries, wanted, records, request.share_of_words, allow, request.max_distance
        )
    else:
        rankings = _nearest(searched, queries, wanted, allow, request.max_distance)
    stored = bool((queries.numbers >= 0).any())
    return rankings.without(queries.numbers, wanted - 1) if stored else rankings


def _prepared(
    searched: Searched, queries: ResolvedQueries, records: Records, request: SearchRequest
) -> tuple[Searched, Int64 | None, int]:
    """Return what is searched, with the views and the allow-list that filters leave, and how many are wanted."""
    views, allow = records.views(searched.indexes)
    searched = replace(searched, indexes=views)
    most = sum(len(index) for index in searched.indexes.values())
    k = min(request.k, max(1, most))  # room is made for k
    return searched, allow, k + bool((queries.numbers >= 0).any())  # a stored source is not its own hit


def rank_by_words(records: Records, request: SearchRequest) -> Rankings:
    """Return the k sources that match the words best."""
    numbers = records.by_words(request.k)
    return Rankings(numbers[np.newaxis], np.full((1, len(numbers)), np.nan, dtype=np.float32), {})


def _nearest(
    searched: Searched,
    queries: ResolvedQueries,
    k: int,
    allow: Int64 | None,
    max_distance: float | None,
) -> Rankings:
    """Return for each query the k sources with the smallest weighted distance; equal ones by number.

    With several features this is the threshold algorithm of Fagin, Lotem and Naor (PODS 2001): the lists of all
    features are read deeper and deeper until no unseen source can be closer than the k-th seen. Deviations: lists are
    read in batches that grow fourfold, not row by row; and a source may lack features, see `Weighing`.

    The recall that is estimated is the least of those of the features' lists, as far as these were read.
    """
    if len(searched.indexes) == 1:
        ((name, index),) = searched.indexes.items()
        ids, distances = index.search(queries.vectors[name], k, allow=allow, max_distance=max_distance)
        estimate = partial(
            index.estimated_recall, queries.vectors[name], k, allow=allow, max_distance=max_distance
        )
        return Rankings(ids, distances, {name: distances}, estimate=estimate)
    weighings = [searched.weighing(queries, row) for row in range(len(queries))]
    found: dict[int, Rankings] = {}
    depths = np.zeros(len(queries), dtype=np.int64)
    left = np.arange(len(queries))
    most = max(len(index) for index in searched.indexes.values()) if allow is None else max(1, len(allow))
    depth = min(max(4 * k, 64), most)
    while len(left):
        lists = {
            name: index.search(queries.vectors[name][left], depth, allow=allow)
            for name, index in searched.indexes.items()
        }
        unfinished = []
        for place, query in enumerate(left.tolist()):
            seen = np.unique(np.concatenate([ids[place][ids[place] >= 0] for ids, _ in lists.values()]))
            ranking = _by_distance(weighings[query], seen)
            ends = {name: float(distances[place, -1]) for name, (_, distances) in lists.items()}
            full = ranking.distances.shape[1] >= k
            if depth >= most or (full and ranking.distances[0, k - 1] <= weighings[query].threshold(ends)):
                found[query] = ranking.first(k, max_distance)
                depths[query] = depth
            else:
                unfinished.append(query)
        left, depth = np.array(unfinished, dtype=np.int64), min(4 * depth, most)
    ranked = Rankings.of([found[query] for query in range(len(queries))], k)
    return replace(ranked, estimate=partial(_least_recall, searched.indexes, queries.vectors, depths, allow))


def _least_recall(
    indexes: Mapping[str, IndexView], vectors: Mapping[str, Rows], depths: Int64, allow: Int64 | None
) -> Float32:
    """Return the least estimated recall (q,) of each query's lists, which were read to `depths` (q,)."""
    least: Float32 = np.ones(len(depths), dtype=np.float32)
    for depth in np.unique(depths).tolist():
        rows = np.flatnonzero(depths == depth)
        for name, index in indexes.items():
            recalls = index.estimated_recall(vectors[name][rows], depth, allow=allow)
            least[rows] = np.minimum(least[rows], recalls)
    return least


def _by_distance(weighing: Weighing, numbers: Int64) -> Rankings:
    """Return sources that have at least one of the features, by weighted distance, then number."""
    total, parts = weighing.distances(numbers)
    order = np.lexsort((numbers, total))[: np.count_nonzero(~np.isnan(total))][np.newaxis]
    distances = total.astype(np.float32)
    return Rankings(numbers[order], distances[order], {name: part[order] for name, part in parts.items()})


@dataclass(frozen=True, slots=True)
class Blend:
    """The rankings by looks and by words of one query, as far down as they are fused: numbers, best first."""

    by_looks: Int64
    by_words: Int64
    share: float
    """How much words weigh."""
    estimate: Estimate | None
    """Of the recall of the rankings by looks, those of all queries."""

    def scores(self) -> dict[int, float]:
        """Return the fused score of each source: 1 / (60 + rank) in each ranking that has it, times its share."""
        scores: dict[int, float] = {}
        for numbers, share in ((self.by_looks, 1 - self.share), (self.by_words, self.share)):
            for rank, number in enumerate(numbers.tolist(), 1):
                scores[number] = scores.get(number, 0.0) + share / (RANK_OFFSET + rank)
        return scores


def blends(
    searched: Searched,
    queries: ResolvedQueries,
    k: int,
    records: Records,
    share: float,
    allow: Int64 | None,
    max_distance: float | None,
) -> list[Blend]:
    """Return the two rankings of each query that are fused for k hits."""
    depth = max(BLEND_DEPTH, 10 * k)
    weighings = [searched.weighing(queries, row) for row in range(len(queries))]
    by_words = _by_words(weighings, k, records, depth, max_distance)
    by_looks = _nearest(searched, queries, depth, allow, max_distance)
    return [Blend(near[near >= 0], by_words, share, by_looks.estimate) for near in by_looks.numbers]


def blend_of(
    searched: Searched, queries: ResolvedQueries, records: Records, request: SearchRequest
) -> Blend | None:
    """Return the two rankings of a lone query; None where words do not weigh in."""
    if request.share_of_words is None:
        return None
    searched, allow, wanted = _prepared(searched, queries, records, request)
    share, limit = request.share_of_words, request.max_distance
    return blends(searched, queries, wanted, records, share, allow, limit)[0]


def _blended(
    searched: Searched,
    queries: ResolvedQueries,
    k: int,
    records: Records,
    share: float,
    allow: Int64 | None,
    max_distance: float | None,
) -> Rankings:
    """Return the k best by reciprocal-rank fusion of the ranking by looks and the ranking by words, see `Blend`.

    Those that are farther than `max_distance` count in the ranking by words, and are left out then.
    """
    fused: list[Rankings] = []
    blended = blends(searched, queries, k, records, share, allow, max_distance)
    for row, blend in enumerate(blended):
        scores = blend.scores()
        weighing = searched.weighing(queries, row)
        candidates = _by_distance(weighing, np.fromiter(scores, dtype=np.int64, count=len(scores)))
        score: Float64 = np.array([scores[number] for number in candidates.numbers[0].tolist()])
        best = np.lexsort((candidates.numbers[0], candidates.distances[0], -score))
        fused.append(candidates.take(best[np.newaxis]).first(k, max_distance))
    return replace(Rankings.of(fused, k), estimate=blended[0].estimate if blended else None)


def _by_words(
    weighings: Sequence[Weighing], k: int, records: Records, depth: int, max_distance: float | None
) -> Int64:
    """Return the `depth` best by words, best first; or as many more as it takes to have k near enough for each query.

    Else those who match best might all be far away, and the others never be looked at.
    """
    while True:
        numbers = records.by_words(depth)
        if max_distance is None or len(numbers) < depth:
            return numbers
        near = (np.count_nonzero(_by_distance(one, numbers).distances <= max_distance) for one in weighings)
        if all(count >= k for count in near):
            return numbers
        depth *= DEEPER
