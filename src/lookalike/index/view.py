"""What an index holds at one moment: its options, its rows and their stamp, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count
from lookalike.arrays import Bool, Float32, Given, Int64, Metric, Rows, as_ids
from lookalike.errors import InputError, UnknownIdError
from lookalike.index.approximate import Estimates, OneSearch
from lookalike.index.base import Ids
from lookalike.index.explain import MEASURED_AT, explain, stats
from lookalike.index.options import Options
from lookalike.index.plan import SearchPlan
from lookalike.index.queries import as_query, as_search, check_padding, padded
from lookalike.index.reports import Explanation, IndexStats
from lookalike.index.row_forms import comparable
from lookalike.index.scan import DISTANCES
from lookalike.index.search import KEPT_PLANS, answer, one_search
from lookalike.index.snapshot import Snapshot, block_rows


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotView:
    """A view of rows that this process holds, or has mapped."""

    options: Options
    snapshot: Snapshot
    stamp: int
    plans: dict[tuple[int, float], SearchPlan] = field(default_factory=dict, repr=False)
    quick: dict[tuple[int, float | None], OneSearch | None] = field(default_factory=dict, repr=False)
    """The quicker way to answer one query, by k and recall as they were asked for."""

    @property
    def dimension(self) -> int:
        """See `IndexView`."""
        return self.options.dimension

    @property
    def metric(self) -> Metric:
        """See `IndexView`."""
        return self.options.metric

    @property
    def trouble(self) -> None:
        """See `IndexView`: what is in this process is always in reach."""
        return None

    def __len__(self) -> int:
        """See `IndexView`."""
        return self.snapshot.count

    def contains(self, ids: Ids) -> Bool:
        """See `IndexView`."""
        return self.snapshot.find(as_ids(ids, repeated=True)) >= 0

    def vectors(self, ids: Ids) -> Rows:
        """Return the rows of these ids as they are kept, (n, d). Raises UnknownIdError."""
        return self.snapshot.gather(self.rows(as_ids(ids, repeated=True)))

    def rows(self, ids: Int64) -> Int64:
        """Return the row of each id. Raises UnknownIdError where there is none."""
        rows = self.snapshot.find(ids)
        if len(rows) and rows.min() < 0:
            raise UnknownIdError(f"id {ids[np.argmin(rows)]} is not in the index")
        return rows

    def search(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> tuple[Int64, Float32]:
        """See `IndexView`."""
        plain = (
            allow is None
            and max_distance is None
            and k.__class__ is int
            and (recall is None or recall.__class__ is float)
            and n_jobs.__class__ is int
            and n_jobs == 1
        )
        if plain and (quick := self.quick.get((k, recall))) is not None:
            found = quick(queries)
            if found is not None:
                return found
        state, settings = self.snapshot, self.options
        compiled = state.base.buckets is not None
        block, k, wanted, limit, threads = as_search(
            queries, k, max_distance, recall, n_jobs, settings, compiled=compiled
        )
        if k <= state.count:
            if plain and (k, recall) not in self.quick and len(self.quick) < KEPT_PLANS:
                self.quick[k, recall] = one_search(state, settings, k, wanted)
            return answer(state, settings, block, k, wanted, limit, allow, threads, self.plans)
        check_padding(k, len(block), state.count)
        found = answer(state, settings, block, max(1, state.count), wanted, limit, allow, threads, self.plans)
        return padded(found, k)

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
        """See `IndexView`."""
        state, settings = self.snapshot, self.options
        compiled = state.base.buckets is not None
        block, k, wanted, limit, threads = as_search(
            queries, k, max_distance, recall, n_jobs, settings, compiled=compiled
        )
        if k > state.count:
            check_padding(k, len(block), state.count)
        recalls: Float32 = np.full(len(block), np.nan, dtype=np.float32)
        estimates = Estimates(recalls, state.base.find)
        k = min(k, max(1, state.count))
        answer(state, settings, block, k, wanted, limit, allow, threads, self.plans, estimates)
        return recalls

    def distances(self, query: Given, ids: Ids) -> Float32:
        """See `IndexView`."""
        vector = as_query(query, self.options)
        rows = self.snapshot.find(as_ids(ids, repeated=True))
        distances: Float32 = np.full(len(rows), np.nan, dtype=np.float32)
        there = np.flatnonzero(rows >= 0)
        for start in range(0, len(there), step := block_rows(self.dimension)):
            block = there[start : start + step]
            vectors = comparable(self.snapshot.gather(rows[block]), self.metric)
            distances[block] = DISTANCES[self.metric](vectors, vector)
        return distances

    def explain(self, query: Given, id: int) -> Explanation:  # noqa: A002
        """See `IndexView`."""
        vector = as_query(query, self.options)
        number = as_count(id, "id", least=0)
        row = self.rows(np.array([number]))[0]
        recall = float(self.estimated_recall(query, MEASURED_AT)[0])
        return explain(self.snapshot, self.options, vector, number, int(row), recall)

    def stats(self) -> IndexStats:
        """See `IndexView`."""
        return stats(self.snapshot, self.options, self.stamp)


class Closed:
    """Stands for the view of an index that was closed: whatever it is asked raises InputError."""

    def __getattr__(self, name: str) -> NoReturn:
        raise InputError("the index is closed; open it again")

    def __len__(self) -> int:  # which is not looked up by `__getattr__`
        self.__getattr__("__len__")
