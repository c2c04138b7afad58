"""Buckets of a hash family that the user chose: its candidates, ordered by sketches, compared exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.buckets import MemoryBuckets
from lookalike.errors import IndexFormatError, OptionError
from lookalike.hashing import Family, family_from_parts, token
from lookalike.index.approximate import Answer, ApproximateSearch, Array, Bool, RowMask
from lookalike.index.lsh.tuning import RERANKED, RERANKED_SHARE, SAMPLED_QUERIES, measured
from lookalike.index.options import LARGEST_SHARE
from lookalike.index.reports import RecallMeasurement, TableExplanation, restored
from lookalike.index.row_forms import comparable
from lookalike.index.sketches.sketched_rows import SketchedRows

QUERY_BLOCK = 256


@dataclass(frozen=True, eq=False)
class LshSearch(ApproximateSearch):
    """The buckets of a family, and sketches of the rows about their mean.

    Families hash for Euclidean distance or angle. Under "dot" a row v becomes (v, sqrt(radius^2 - |v|^2)), on the
    sphere of the longest row's length, and a query (q, 0) of that length: the nearest row then is that of the
    largest inner product (Bachrach et al., RecSys 2014).
    """

    kind = "hashed"

    family: Family
    store: MemoryBuckets
    sketched: SketchedRows
    """In one group about the mean."""
    radius: float
    """Length of the longest row, under "dot"."""
    measured: tuple[RecallMeasurement, ...] = ()
    """At growing probes for each k."""

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        return self.sketched.metric

    def search(
        self,
        queries: Float32,
        k: int,
        recall: float,
        visible: RowMask | None,
        max_distance: float,
        threads: int,
    ) -> Answer | None:
        """See `ApproximateSearch`.

        Where only some rows are visible, the k nearest of them are about the k / density nearest of all, where
        density is the visible share of the rows near the query. So each query is probed until it has the
        probes measured for that many; its own candidates tell the density, whether or not the filter has to do
        with the query. Where that takes too many probes, every visible row is a candidate.
        """
        density = 1.0 if visible is None else visible.share
        first = self.probes_for(int(np.ceil(k / max(density, 1e-9))), recall)
        if first is None:
            return None
        found_ids = np.full((len(queries), k), -1, dtype=np.int64)
        found = np.full((len(queries), k), np.inf, dtype=np.float32)
        everything = np.arange(len(self.sketched)) if visible is None else np.flatnonzero(visible.rows)
        for start in range(0, len(queries), QUERY_BLOCK):
            waiting: dict[int | None, Int64] = {
                first: np.arange(start, min(start + QUERY_BLOCK, len(queries)))
            }
            while waiting:
                probes = min(waiting, key=lambda probes: (probes is None, probes or 0))
                these = waiting.pop(probes)
                if probes is None:
                    for query in these:
                        self._answer(queries, int(query), k, everything, found_ids, found)
                    continue
                offsets, rows, looked_at = self.candidates(
                    queries[these], probes, None if visible is None else visible.rows
                )
                for place, query in enumerate(these.tolist()):
                    own = rows[offsets[place] : offsets[place + 1]]
                    needed = self._needed(len(own), int(looked_at[place]), k, recall, probes)
                    if needed is not None and needed <= probes:
                        self._answer(queries, query, k, own, found_ids, found)
                    else:
                        waiting[needed] = np.append(waiting.get(needed, np.empty(0, dtype=np.int64)), query)
        far = found > max_distance
        found_ids[far], found[far] = -1, np.inf
        return found_ids, found

    def tuned(self, seed: int, threads: int) -> Self:
        """See `ApproximateSearch`. Queries are rows drawn without repetition; each leaves itself out."""
        rows = len(self.sketched)
        random = np.random.default_rng(seed)
        drawn = np.sort(random.choice(rows, min(SAMPLED_QUERIES, rows), replace=False))
        return replace(self, measured=measured(self, drawn))

    def trial(self, queries: Float32, ks: Sequence[int], probes: int) -> tuple[list[Int64], float]:
        """Return the ids (q, k) that so many probes find, for each k, and the mean number of candidates a query."""
        offsets, rows, _ = self.candidates(queries, probes, None)
        answers = []
        for k in ks:
            found_ids, _ = self.sketched.nearest(queries, offsets, rows, k, max(RERANKED, RERANKED_SHARE * k))
            answers.append(found_ids)
        return answers, len(rows) / len(queries)

    def probes_for(self, k: int, recall: float) -> int | None:
        """Return the fewest probes measured to reach `recall` at `k`; None where comparing every row is better."""
        found = self.measurement(k, recall)
        if found is None:
            return None
        growth = max(1.0, k / found.k)
        share = growth * found.candidates / max(1, len(self.sketched))
        return int(np.ceil(found.probes * growth)) if share <= LARGEST_SHARE else None

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """See `ApproximateSearch`.

        The measurement is of rows of the index itself, so one standard error and a little more are held back.
        Beyond the largest k that was measured, probes grow in proportion to k.
        """
        known = sorted({m.k for m in self.measured})
        if not known:
            return None
        at = next((measured for measured in known if measured >= k), known[-1])
        wanted = recall + (1 - recall) * 0.1
        reached = (m for m in self.measured if m.k == at and m.recall - m.error >= wanted)
        return next((m for m in reached if m.candidates <= LARGEST_SHARE * len(self.sketched)), None)

    def measurements(self) -> tuple[RecallMeasurement, ...]:
        """See `ApproximateSearch`."""
        return self.measured

    def candidates(self, queries: Float32, probes: int, visible: Bool | None) -> tuple[Int64, Int64, Int64]:
        """Return offsets (q + 1,) and visible rows, and how many there were of all, (q,)."""
        keys = self.family.probe_keys(self._lifted_queries(queries), probes)
        rows_of = len(self.sketched)
        offsets, rows = self.store.members(keys)
        if len(rows) and (rows.min() < 0 or rows.max() >= rows_of):
            raise IndexFormatError("buckets name rows that are not there; verify the index, and rebuild it")
        if self.family.tables > 1:  # a row may be met in several
            met = np.sort(np.repeat(np.arange(len(queries)) * rows_of, np.diff(offsets)) + rows)
            met = met[np.diff(met, prepend=-1) > 0]
            offsets = np.searchsorted(met, np.arange(len(queries) + 1) * rows_of)
            rows = met % max(1, rows_of)
        looked_at = np.diff(offsets)
        if visible is None:
            return offsets, rows, looked_at
        kept = visible[rows]
        query = np.repeat(np.arange(len(queries)), looked_at)[kept]
        return np.searchsorted(query, np.arange(len(queries) + 1)), rows[kept], looked_at

    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """See `ApproximateSearch`."""
        chosen = self.measurement(k, recall)
        probes = 1 if chosen is None else chosen.probes
        probed = self.family.probe_keys(self._lifted_queries(query), probes)[0]
        row_keys = self.family.keys(lifted(vector, self.radius, self.metric))[0]
        explained = []
        for table, uuid in enumerate(self.family.table_uuids()):
            keys, own = probed[table].tolist(), int(row_keys[table])
            explained.append(
                TableExplanation(
                    table=table,
                    uuid=uuid,
                    query_token=token(table, keys[0]),
                    row_token=token(table, own),
                    probed_tokens=tuple(token(table, key) for key in keys),
                    shared=own in keys,
                    rank=keys.index(own) if own in keys else None,
                )
            )
        return tuple(explained)

    def sizes(self) -> tuple[str, int, Int64]:
        """See `ApproximateSearch`."""
        return self.family.name, self.family.tables, self.store.sizes()

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """See `ApproximateSearch`."""
        arrays: dict[str, Array] = {f"family.{name}": array for name, array in self.family.arrays().items()}
        arrays |= {f"buckets.{name}": array for name, array in self.store.arrays().items()}
        properties = {
            "family": self.family.name,
            "parameters": self.family.parameters(),
            "radius": self.radius,
            "measured": [[m.k, m.probes, m.rerank, m.recall, m.error, m.candidates] for m in self.measured],
        }
        return properties, arrays

    @classmethod
    def restored(
        cls,
        sketched: SketchedRows,
        properties: Mapping[str, Any],
        arrays: Mapping[str, Array],
        *,
        verify: bool,
    ) -> Self:
        """Return what `parts` was taken of.

        Raises:
            OptionError, VectorError, KeyError, TypeError, ValueError: parts that do not fit together.
        """
        family = family_from_parts(properties["family"], properties["parameters"], _under("family.", arrays))
        store = MemoryBuckets.restored(family.tables, _under("buckets.", arrays), verify=verify)
        rows, dimension = sketched.vectors.shape
        if family.dimension != dimension + (sketched.metric == "dot") or store.stats().ids != rows:
            raise OptionError("a family, its buckets and the rows do not fit together")
        radius, measured = properties["radius"], restored(RecallMeasurement, properties["measured"])
        if type(radius) is not float or not 0 <= radius < math.inf:
            raise OptionError(f"a radius is {radius!r}; build the index again")
        return cls(family, store, sketched, radius, measured)

    def _needed(self, seen: int, looked_at: int, k: int, recall: float, probes: int) -> int | None:
        """Return how many probes a query needs, given what it has seen; None for every visible row."""
        if seen < k:
            return None
        return probes if seen == looked_at else self.probes_for(int(np.ceil(k * looked_at / seen)), recall)

    def _answer(self, queries: Float32, query: int, k: int, rows: Int64, ids: Int64, found: Float32) -> None:
        """Write the k nearest of `rows` to one query into its row of `ids` and `found`."""
        bounds, rerank = np.array([0, len(rows)]), max(RERANKED, RERANKED_SHARE * k)
        answer = self.sketched.nearest(queries[query : query + 1], bounds, rows, k, rerank)
        ids[query], found[query] = answer[0][0], answer[1][0]

    def _lifted_queries(self, queries: Float32) -> Float32:
        """Return queries as the family takes them."""
        if self.metric != "dot":
            return queries
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        scaled = queries * (self.radius / np.where(lengths > 0, lengths, 1))
        return np.append(scaled, np.zeros((len(queries), 1)), axis=1).astype(np.float32)


def lifted(rows: Rows, radius: float, metric: Metric) -> Float32:
    """Return kept rows (n, d) as a family takes them."""
    vectors = comparable(rows, metric)
    if metric != "dot":
        return vectors
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    height = np.sqrt(np.maximum(radius**2 - squares, 0)).astype(np.float32)
    return np.append(vectors, height[:, np.newaxis], axis=1)


def _under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
