"""Looks and words as two rankings, which are fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.engine.filters import Clause
from lookalike.engine.multi_search import RETURNED, Neighbours, returned, search_words, send_searches
from lookalike.engine.query import MOST_HITS, count_body, hits_body
from lookalike.engine.rescore import exact_distances
from lookalike.engine.target import Target

BLEND_DEPTH = 100
"""Blending looks at this many of the best by looks and by words, or at ten times k if that is more."""
RANK_OFFSET = 60
"""The constant of reciprocal-rank fusion; 60 is that of Cormack, Clarke and Buettcher (SIGIR 2009)."""
MARGIN = 50
"""Documents beyond those that are wanted, among which equally good ones are ordered by id."""
DEEPER = 4
"""Where too few are near enough, so many times the documents are looked at."""
FETCHED_TOGETHER = 200
"""Documents that are fetched by one search."""

TIED = (
    f"more than {MOST_HITS:,} documents have the words, and too many of them equally well to be ordered by id"
)
CUT = f"of the documents that have the words, only the best {MOST_HITS:,} could be looked at"


class ByWords:
    """The documents that match words, best first, equally good ones by id; as deep as it was asked for."""

    def __init__(
        self, target: Target, words: Sequence[Clause], filters: Sequence[Clause], *, documents: bool
    ) -> None:
        """Take words, and filters that are to be met; `documents` says whether these are returned, too."""
        self._target, self._words, self._filters, self._documents = target, words, filters, documents
        self._known: dict[str, tuple[Float32, Mapping[str, Any]]] = {}
        self.ids: list[str] = []
        self.ended = False
        """Whether there are no more."""
        self.notes: tuple[str, ...] = ()

    def deepen(self, count: int) -> None:
        """Look at the best `count`."""
        size = min(MOST_HITS, count + MARGIN)
        ids, scores = self._best(size)
        while size == len(ids) < MOST_HITS and scores[count - 1] == scores[-1]:
            size = min(MOST_HITS, DEEPER * size)
            ids, scores = self._best(size)
        cut = count < MOST_HITS == len(ids) and scores[count - 1] == scores[-1]
        self.notes = (TIED,) if cut else ()
        self.ended = len(ids) <= count < MOST_HITS
        self._fetch([one for one in ids[:count] if one not in self._known])
        self.ids = [one for one in ids[:count] if one in self._known]

    def found(self, query: Float32) -> Neighbours:
        """Return them, with their distances to `query` (d,)."""
        if not self.ids:
            return Neighbours((), np.empty(0, dtype=np.float32), ())
        vectors = np.array([self._known[one][0] for one in self.ids], dtype=np.float32)
        distances = exact_distances(query, vectors, self._target.header.metric)
        return Neighbours(tuple(self.ids), distances, tuple(self._known[one][1] for one in self.ids))

    def _best(self, size: int) -> tuple[list[str], list[float]]:
        """Return ids and scores of the best, of which the engine chooses those that are as good as the last."""
        narrowed = count_body(self._filters, self._target.feature)["query"]["bool"]
        query = {"bool": {**narrowed, "must": list(self._words)}}
        body = {"size": size, "_source": False, "track_total_hits": False, "query": query}
        hits = search_words(self._target.engine, self._target.index, body)["hits"]["hits"]
        best = sorted((-hit["_score"], hit["_id"]) for hit in hits)
        return [one for _, one in best], [-score for score, _ in best]

    def _fetch(self, ids: Sequence[str]) -> None:
        """Read vectors and documents of `ids`; those that are gone by now are left out."""
        target = self._target
        binary = target.header.form.binary
        parts = [ids[start : start + FETCHED_TOGETHER] for start in range(0, len(ids), FETCHED_TOGETHER)]
        bodies = [
            {
                **hits_body(target.feature, len(part), documents=self._documents, binary=binary),
                "query": {"ids": {"values": list(part)}},
            }
            for part in parts
        ]
        costs = [float(RETURNED * target.header.dimension * len(part)) for part in parts]
        for answer in send_searches(target.engine, target.index, bodies, costs):
            names, vectors, documents, _ = returned(answer, target.feature, target.header.form)
            self._known |= dict(zip(names, zip(vectors, documents, strict=True), strict=True))


def within(near: Neighbours, limit: float | None) -> Neighbours:
    """Return those that are no farther than `limit`, which float32 holds as it holds distances."""
    if limit is None:
        return near
    with np.errstate(over="ignore"):
        return near.take(np.flatnonzero(near.distances <= np.float32(limit)).tolist())


def by_words_within(words: ByWords, queries: Float32, k: int, depth: int, limit: float | None) -> None:
    """Look at the best `depth` by words; with `limit`, at as many as have k for each query that are no farther."""
    words.deepen(depth)
    while limit is not None and not words.ended:
        if all(len(within(words.found(query), limit).ids) >= k for query in queries):
            return
        if depth == MOST_HITS:
            words.notes += (CUT,)
            return
        depth = min(MOST_HITS, DEEPER * depth)
        words.deepen(depth)


def fused(near: Neighbours, by_words: Neighbours, weight: float) -> Neighbours:
    """Return all documents of a ranking by looks and of one by words, of which the latter has the weight `weight`.

    Each scores 1 / (60 + rank) in each ranking that has it, counted from 1, times that one's share; equal ones are
    ordered by distance and id.
    """
    scores = {one: (1 - weight) / (RANK_OFFSET + rank) for rank, one in enumerate(near.ids, 1)}
    for rank, one in enumerate(by_words.ids, 1):
        scores[one] = scores.get(one, 0.0) + weight / (RANK_OFFSET + rank)
    known: dict[str, tuple[float, Mapping[str, Any]]] = {}
    for ranking in (near, by_words):
        told = zip(ranking.distances.tolist(), ranking.documents, strict=True)
        known |= dict(zip(ranking.ids, told, strict=True))
    best = sorted(scores, key=lambda one: (-scores[one], known[one][0], one))
    return Neighbours(
        tuple(best),
        np.array([known[one][0] for one in best], dtype=np.float32),
        tuple(known[one][1] for one in best),
    )
