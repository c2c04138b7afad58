"""What an index whose buckets are kept elsewhere holds at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count
from lookalike.arrays import Bool, Float32, Given, Int64, Metric, Rows, as_array, as_ids
from lookalike.buckets import BucketStats
from lookalike.errors import BucketStoreError, EngineError, LookalikeError, UnknownIdError
from lookalike.index.approximate import Answer
from lookalike.index.base import Ids, VectorReader
from lookalike.index.explain import MEASURED_AT
from lookalike.index.fetched_rows import FetchedRows
from lookalike.index.finder import Finder
from lookalike.index.options import Options
from lookalike.index.plan import SearchPlan, within_limit
from lookalike.index.queries import as_query, as_search, check_padding
from lookalike.index.reports import Explanation, IndexStats, Path, TableExplanation
from lookalike.index.scan import DISTANCES, merge, pair_distances, scan
from lookalike.index.snapshot import Snapshot, block_rows

MANY = 1_000
"""For no more neighbours than this, the number of rows is not asked before a search."""


@dataclass(frozen=True, slots=True, eq=False)
class StoreState:
    """What a process knows of the buckets, and of what has changed since they were written."""

    options: Options
    store: str
    """What people call the namespace of the store."""
    probing: Finder | None
    """None where every row is compared."""
    seen: int
    """The stamp of the buckets."""
    stamp: int
    """The stamp of the rows."""
    tail: Snapshot
    """Rows that are newer than the buckets, and compared always."""
    hidden: Int64
    """Ids, ascending, that have changed since the buckets were written: removed, or in the tail."""
    trouble: LookalikeError | None = None
    """Why there is nothing to probe."""


@dataclass(frozen=True, slots=True, eq=False)
class StoreView:
    """A view of rows whose buckets are in a store and whose vectors are read; both by others, at any time.

    Every answer is of the state `stamp`: the buckets tell with each answer of which state they are, and where that is
    not the one seen, StaleBucketsError is raised instead of an answer.
    """

    state: StoreState
    reader: VectorReader
    """Of the very state."""

    @property
    def dimension(self) -> int:
        """See `IndexView`."""
        return self.state.options.dimension

    @property
    def metric(self) -> Metric:
        """See `IndexView`."""
        return self.state.options.metric

    @property
    def stamp(self) -> int:
        """See `IndexView`."""
        return self.state.stamp

    @property
    def trouble(self) -> LookalikeError | None:
        """See `IndexView`."""
        return self.state.trouble

    def __len__(self) -> int:
        """See `IndexView`."""
        return len(self.reader)

    def reading(self, reader: VectorReader) -> StoreView:
        """Return the same view, which takes vectors from `reader`."""
        return replace(self, reader=reader)

    def contains(self, ids: Ids) -> Bool:
        """See `IndexView`."""
        wanted = as_ids(ids, repeated=True)
        return np.isin(wanted, self._rows().fetch(np.unique(wanted))[0])

    def vectors(self, ids: Ids) -> Rows:
        """See `IndexView`."""
        wanted = as_ids(ids, repeated=True)
        numbers, vectors = self._rows().fetch(np.unique(wanted))
        missing = wanted[~np.isin(wanted, numbers)]
        if len(missing):
            raise UnknownIdError(f"id {missing[0]} is not in the index")
        return vectors[np.searchsorted(numbers, wanted)]

    def search(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> Answer:
        """See `IndexView`.

        Raises:
            StaleBucketsError: the buckets cannot be read, or are of another state.
        """
        state, options = self.state, self.state.options
        block, k, wanted, limit, threads = as_search(
            queries, k, max_distance, recall, n_jobs, options, compiled=state.probing is not None
        )
        if k > MANY:
            check_padding(k, len(block), len(self))
        shown = None if allow is None else _allowed(allow)
        plan = SearchPlan.of(state.probing, options, k, wanted, shown=None if shown is None else len(shown))
        rows = self._rows(shown)
        found: Answer | None = None
        if plan.chosen is not None and state.probing is not None:
            share = 1.0
            if shown is not None or len(state.hidden):
                visible = state.probing.rows - len(state.hidden) if shown is None else len(shown)
                share = min(1.0, max(0, visible) / max(1, state.probing.rows))
            found = state.probing.search(rows, block, k, wanted, share, shown, threads)
        if found is None:
            rows.check()
            found = rows.scanned(block, k, shown)
        if len(state.tail.tail_order):
            found = merge(found, self._tail(block, k, shown))
        return within_limit(found, limit)

    def estimated_recall(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> Float32:
        """See `IndexView`: it is known only where there is nothing to probe, and so every row is compared."""
        state = self.state
        compiled = state.probing is not None
        block, k, *_ = as_search(queries, k, max_distance, recall, n_jobs, state.options, compiled=compiled)
        if k > MANY:
            check_padding(k, len(block), len(self))
        return np.full(len(block), np.nan if compiled else 1, dtype=np.float32)

    def distances(self, query: Given, ids: Ids) -> Float32:
        """See `IndexView`."""
        vector, wanted = as_query(query, self.state.options), as_ids(ids, repeated=True)
        distances: Float32 = np.full(len(wanted), np.nan, dtype=np.float32)
        different = np.unique(wanted)
        for start in range(0, len(different), step := block_rows(self.dimension)):
            numbers, vectors = self._rows().fetch(different[start : start + step])
            if not len(numbers):
                continue
            places = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
            here = numbers[places] == wanted
            distances[here] = DISTANCES[self.metric](vectors, vector)[places[here]]
        return distances

    def explain(self, query: Given, id: int) -> Explanation:  # noqa: A002
        """See `IndexView`."""
        state, vector = self.state, as_query(query, self.state.options)
        number = as_count(id, "id", least=0)
        row = self.vectors([number])
        distance = float(pair_distances(vector, row, np.array([0]), np.array([0]), self.metric)[0])
        in_tail = bool(state.tail.find(np.array([number]))[0] >= 0)
        plan = SearchPlan.of(state.probing, state.options, MEASURED_AT, state.options.recall)
        path: Path = "tail" if in_tail else "scan" if plan.chosen is None else "buckets"
        tables: tuple[TableExplanation, ...] = ()
        tokens: tuple[tuple[str, float], ...] = ()
        if state.probing is not None and not in_tail:
            tables = state.probing.tables(vector, row, MEASURED_AT, state.options.recall)
            tokens = state.probing.tokens(vector, row)
        return Explanation(
            id=number,
            path=path,
            candidate=path != "buckets" or bool(tokens) or any(table.shared for table in tables),
            distance=distance,
            estimated_distance=None,
            estimate_error=None,
            rank=self._rank(vector, distance, number),
            tables=tables,
            tokens=tokens,
            estimated_recall=1.0 if state.probing is None else None,
        )

    def stats(self) -> IndexStats:
        """See `IndexView`. Where the store cannot be asked, its counts are 0."""
        state, options = self.state, self.state.options
        plan = SearchPlan.of(state.probing, options, MEASURED_AT, options.recall)
        trouble, buckets = state.trouble, BucketStats(0, 0, 0, 0, 0.0)
        try:
            if state.probing is not None:
                buckets = state.probing.stats()
        except (BucketStoreError, EngineError) as error:
            trouble = error
        chosen = plan.chosen
        family, parameters = (None, {}) if state.probing is None else state.probing.described()
        return IndexStats(
            rows=len(self),
            dimension=options.dimension,
            metric=options.metric,
            dtype=options.dtype,
            stamp=state.stamp,
            path="scan" if chosen is None else "buckets",
            reason=plan.reason if trouble is None else str(trouble),
            base_rows=buckets.ids,
            tail_rows=state.tail.tail_rows,
            removed_rows=len(state.hidden) - state.tail.tail_rows,
            recall=options.recall,
            probes=None if chosen is None else chosen.probes,
            rerank=None,
            measured_recall=None if chosen is None else chosen.recall,
            measurements=() if state.probing is None else state.probing.measured,
            family=family,
            parameters=parameters,
            tables=buckets.tables,
            buckets=buckets.buckets,
            largest_bucket=buckets.largest_bucket,
            median_bucket=buckets.median_bucket,
            vector_bytes=0,
            index_bytes=buckets.bytes,
            store=state.store,
            notes=buckets.notes,
            histogram=buckets.histogram,
        )

    def _rows(self, allow: Int64 | None = None) -> FetchedRows:
        state = self.state
        return FetchedRows(state.options, self.reader, state.hidden, state.probing, state.seen, allow)

    def _tail(self, queries: Rows, k: int, allow: Int64 | None) -> Answer:
        """Return the nearest rows of the tail."""
        tail = self.state.tail
        there = tail.alive if allow is None else tail.alive & np.isin(tail.tail_ids, allow)
        rows = None if there.all() else np.flatnonzero(there)
        return scan(queries, tail.tail_vectors, tail.tail_ids, k, self.metric, rows, tail.tail_squares)

    def _rank(self, query: Rows, distance: float, id: int) -> int:  # noqa: A002
        """Return how many rows come before the one of this distance and id."""
        closer, ids, rows = 0, self.reader.ids(), self._rows()
        for start in range(0, len(ids), step := block_rows(self.dimension)):
            numbers, vectors = rows.fetch(ids[start : start + step])
            if len(numbers):
                distances = DISTANCES[self.metric](vectors, query).astype(np.float32)
                before = (distances < distance) | ((distances == distance) & (numbers < id))
                closer += int(np.count_nonzero(before))
        return closer


def _allowed(allow: npt.NDArray[Any] | Sequence[int]) -> Int64:
    """Return the ids that may be found, ascending; see `IndexReader.search`."""
    mask = as_array(allow, "allow")
    if mask.dtype == np.bool_ and mask.ndim == 1:
        return np.flatnonzero(mask)
    return np.sort(as_ids(mask, name="allow"))
