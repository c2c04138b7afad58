"""Finds the rows of a catalogue's state in a search engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import numpy as np

from lookalike.arrays import Bool, Float32, Int64
from lookalike.buckets import BucketStats
from lookalike.catalogue.facets import Facet
from lookalike.engine.asked import Asked
from lookalike.engine.client import Engine
from lookalike.engine.filters import MOST_TERMS, Clause
from lookalike.engine.followed import GONE, NUMBER, Followed, StateReader, follows_now, having
from lookalike.engine.multi_search import search_words, send_searches
from lookalike.engine.query import MOST_HITS
from lookalike.engine.records import facet_aggregations, facet_counts
from lookalike.engine.search import Search
from lookalike.engine.stats import read_stats
from lookalike.errors import EngineError
from lookalike.index.approximate import Answer
from lookalike.index.base import VectorReader
from lookalike.index.fetched_rows import FetchedRows
from lookalike.index.finder import StaleBucketsError
from lookalike.index.reports import RecallMeasurement, TableExplanation

MOST_NEIGHBOURS = MOST_HITS // 2
SIFTED = 2
"""Where a filter leaves too many numbers to name them, so many times the neighbours are asked for that should do."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenFinder:
    """A `Finder` of rows by their tokens in a search engine, which compares them exactly."""

    store: object
    followed: Followed
    clauses: tuple[Clause, ...] | None = None
    """What else is to be met, as the engine decides it: documents have to be of the very state then."""
    way: Literal["tokens", "knn"] = "tokens"
    """How candidates are found."""

    @property
    def rows(self) -> int:
        """See `Finder`."""
        return self.followed.follows.rows

    @property
    def measured(self) -> tuple[RecallMeasurement, ...]:
        """See `Finder`: what was predicted when tokens were chosen."""
        scheme, forecast = self.followed.target.scheme, self.followed.target.header.forecast
        now: Mapping[str, Any] = {} if forecast is None else forecast["now"]
        candidates = scheme.candidates
        recall = float(now.get("recall", 1.0))
        return (RecallMeasurement(10, scheme.probes, candidates, recall, 0.0, float(candidates)),)

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """See `Measured`: an engine returns so many neighbours and no more."""
        return self.measured[0] if k <= MOST_NEIGHBOURS or self.clauses is not None else None

    def search(
        self,
        rows: FetchedRows,
        queries: Float32,
        k: int,
        recall: float,
        share: float,
        allow: Int64 | None,
        threads: int,
    ) -> Answer | None:
        """See `Finder`; StaleBucketsError, too, where `clauses` are to be met by more than an engine returns."""
        if k > MOST_NEIGHBOURS:
            raise StaleBucketsError(self)
        try:
            answer = self._found(rows, queries, k, allow)
        except EngineError as error:
            raise StaleBucketsError(self, None if error.kind in GONE else error) from error
        rows.check()  # afterwards, as what was found may be of a later state already
        return answer

    def is_current(self, seen: int, reader: VectorReader) -> bool:
        """See `Finder`: no document is of a state before that seen, or after that of the vectors.

        Between these, whatever has changed is hidden, and compared in the tail. Where documents have come to the state
        of the vectors, there is no need for that, and the index looks at them anew. Raises EngineError.
        """
        now = follows_now(self.followed.target)
        if now is None:
            return False
        others = {now.stamp, now.writing} - {seen, None}
        if not others:
            return True
        states = cast(StateReader, reader)
        if self.clauses is not None or (now.writing is None and now.stamp == states.stamp()):
            return False
        known = states.generation_of(seen)
        generations = [states.generation_of(cast(int, stamp)) for stamp in others]
        return known is not None and all(one is not None and one >= known for one in generations)

    def tables(self, query: Float32, vector: Float32, k: int, recall: float) -> tuple[TableExplanation, ...]:
        """See `Finder`: `tokens` tells more."""
        return ()

    def tokens(self, query: Float32, vector: Float32) -> tuple[tuple[str, float], ...]:
        """See `Finder`."""
        scheme = self.followed.target.scheme
        own = set(scheme.documents(vector)[0][0])
        return tuple((token, boost) for token, boost in scheme.query_terms(query)[0] if token in own)

    def described(self) -> tuple[str, Mapping[str, Any]]:
        """See `Finder`."""
        scheme = self.followed.target.scheme
        return scheme.family.name, {**scheme.family.parameters(), "ranks": scheme.ranks}

    def stats(self) -> BucketStats:
        """See `Finder`: buckets are the tokens that there can be. Raises EngineError."""
        target = self.followed.target
        told = read_stats(target)
        tables, centroids = target.scheme.family.tables, target.scheme.family.centroids
        buckets = tables * centroids * target.scheme.ranks
        return BucketStats(told.documents, tables, buckets, 0, 0.0, told.bytes)

    def text_scores(
        self, seen: int, words: Sequence[Clause], numbers: Int64 | None, limit: int
    ) -> tuple[Int64, Float32]:
        """Return the `limit` best by the engine's own BM25 (of `numbers`, if given), best first, and their scores.

        Raises:
            StaleBucketsError: the engine cannot be asked, or documents are not of the state `seen`.
        """
        among = [*(self.clauses or ())]
        if numbers is not None:
            among.append({"terms": {NUMBER: numbers.tolist()}})
        body = {
            "size": min(limit, MOST_HITS),
            "_source": False,
            "track_total_hits": False,
            "query": {"bool": {"must": list(words), "filter": among}},
            "sort": [{"_score": "desc"}, {NUMBER: "asc"}],
        }
        hits = self._answer(seen, partial(search_words, body=body))["hits"]["hits"]
        found = [int(hit["_id"]) for hit in hits]
        return np.array(found, np.int64), np.array([hit["sort"][0] for hit in hits], np.float32)

    def facets(self, seen: int, fields: Sequence[str]) -> tuple[dict[str, Facet], tuple[str, ...]]:
        """Return the most frequent values of fields with their counts, and the fields whose counts are not exact.

        Raises:
            StaleBucketsError: see `text_scores`.
        """
        body = {
            "size": 0,
            "track_total_hits": False,
            "query": {"bool": {"filter": list(self.clauses or ())}},
            "aggs": facet_aggregations(fields),
        }
        (answer,) = self._answer(seen, partial(send_searches, bodies=[body]))
        return facet_counts(answer, fields)

    def _answer(self, seen: int, ask: Callable[[Engine, str], Any]) -> Any:
        """Return what the index answers in the state `seen`. Raises StaleBucketsError."""
        target = self.followed.target
        try:
            answer = ask(target.engine, target.index)
            now = follows_now(target)
        except EngineError as error:
            raise StaleBucketsError(self, None if error.kind in GONE else error) from error
        if now is None or now.stamp != seen or now.writing is not None:
            raise StaleBucketsError(self)
        return answer

    def _found(self, rows: FetchedRows, queries: Float32, k: int, allow: Int64 | None) -> Answer:
        """Return the nearest of the rows that are not hidden; numbers are named where a clause takes them all."""
        if self.clauses is not None:
            answer, short = self._nearest(queries, k, self.clauses)
            if short.any():
                raise StaleBucketsError(self)
            return answer
        hidden: list[Clause] = []
        if len(rows.hidden):
            hidden = [{"bool": {"must_not": having(rows.hidden)}}]
        visible = None if allow is None else allow[~np.isin(allow, rows.hidden)]
        if visible is not None and not len(visible):
            return _nothing(len(queries), k)
        if visible is not None and len(visible) > MOST_TERMS:
            return self._sifted(rows, queries, k, visible, hidden)
        answer, short = self._nearest(queries, k, hidden if visible is None else having(visible))
        return _completed(answer, short, rows, queries, k, visible)

    def _sifted(
        self, rows: FetchedRows, queries: Float32, k: int, visible: Int64, hidden: Sequence[Clause]
    ) -> Answer:
        """Return the nearest of many that a filter leaves: more are asked for, until k of each query's are visible.

        There are more than k of these, so that who finds fewer has not seen all.
        """
        answer = _nothing(len(queries), k)
        left = np.arange(len(queries))
        deep = math.ceil(SIFTED * k * max(1.0, self.rows / len(visible)))
        while len(left) and deep <= MOST_NEIGHBOURS:
            (ids, distances), _ = self._nearest(queries[left], deep, hidden)
            seen = np.isin(ids, visible)
            done = np.count_nonzero(seen, axis=1) >= k
            for row in np.flatnonzero(done).tolist():
                first = np.flatnonzero(seen[row])[:k]
                answer[0][left[row]], answer[1][left[row]] = ids[row, first], distances[row, first]
            left, deep = left[~done], 4 * deep
        return _completed(answer, np.isin(np.arange(len(queries)), left), rows, queries, k, visible)

    def _nearest(self, queries: Float32, k: int, clauses: Sequence[Clause]) -> tuple[Answer, Bool]:
        """Return the nearest that meet the clauses, and which queries found fewer of them than there are."""
        answer, short = _nothing(len(queries), k), np.zeros(len(queries), dtype=np.bool_)
        asked = replace(Asked.of(k, documents=False, candidates=self.way), to_the_bit=True)
        search = Search(self.followed.target, asked, clauses)
        for row, hits in enumerate(search.run(queries)):
            answer[0][row, : len(hits)] = [int(one) for one in hits.ids]
            answer[1][row, : len(hits)] = hits.distances
            short[row] = len(hits) < k and len(hits) < search.count()
        return answer, short


def _completed(
    answer: Answer, short: Bool, rows: FetchedRows, queries: Float32, k: int, visible: Int64 | None
) -> Answer:
    """Return an answer in which all rows were compared for those queries that found too few of them."""
    if short.any():
        answer[0][short], answer[1][short] = rows.scanned(queries[short], k, visible)
    return answer


def _nothing(queries: int, k: int) -> Answer:
    return np.full((queries, k), -1, dtype=np.int64), np.full((queries, k), np.inf, dtype=np.float32)
