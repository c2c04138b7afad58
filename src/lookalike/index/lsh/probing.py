"""How far to look into the buckets of a hash family for the recall asked for, wherever the buckets are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from lookalike.arrays import Bool, Float32, Int64, UInt64
from lookalike.buckets import BucketStats, BucketStore, Candidates, Found
from lookalike.errors import OptionError
from lookalike.hashing import Family, token
from lookalike.hashing.min_hash import ANY_SIZE
from lookalike.index.approximate import Answer
from lookalike.index.base import VectorReader
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.tuning import MOST_PROBES, NEIGHBOURS, FoundT
from lookalike.index.options import LARGEST_SHARE
from lookalike.index.reports import RecallMeasurement, TableExplanation, restored

QUERY_BLOCK, MARK_BYTES = 256, 4 << 20
"""Queries are answered so many at a time, and no more than those for which a bit a row takes as many bytes."""


class Compared(Protocol[FoundT]):
    """The rows that a family's buckets name."""

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> FoundT:
        """Return the candidates of each of `queries` (q, d), those of `Probing.candidates`."""
        ...

    def answered(self, queries: Float32, found: FoundT, k: int, threads: int = 1) -> Answer:
        """Return the k nearest of each query's candidates."""
        ...

    def scanned(self, queries: Float32, k: int, allow: Int64 | None) -> Answer:
        """Return the k nearest of all rows, or of those that `allow` names as `candidates` does."""
        ...


@dataclass(frozen=True, eq=False)
class Probing:
    """A family, the store of its buckets, and what was measured of their recall."""

    family: Family
    store: BucketStore
    lift: Lift
    rows: int
    """How many are in the buckets."""
    measured: tuple[RecallMeasurement, ...] = ()
    """At growing probes for each k."""

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> Candidates:
        """Return the ids that the buckets give each of `queries` (q, d); at least k where there are.

        No query is given more than a share of all rows: those in the most tables then.
        """
        return self.store.candidates(self.keys(queries, probes), limit=self.limit(k), allow=allow)

    def keys(self, queries: Float32, probes: int) -> UInt64:
        """Return the keys that `candidates` probes, (q, tables, probes)."""
        return self.family.probe_keys(self.lift.queries(queries), probes)

    def limit(self, k: int) -> int:
        """Return the most ids that `candidates` gives a query."""
        return max(k, int(LARGEST_SHARE * self.rows))

    def search(
        self,
        rows: Compared[FoundT],
        queries: Float32,
        k: int,
        recall: float,
        share: float,
        allow: Int64 | None,
        threads: int,
    ) -> Answer | None:
        """Return the nearest rows of each query, or None where comparing every row is better.

        Where only a `share` of the rows is visible, those that `allow` names, the k nearest of them are about the
        k / density nearest of all, where density is the visible share of the rows near the query. So each query is
        probed until it has the probes measured for that many; its own candidates tell the density, whether or not
        the filter has to do with the query. Where that takes too many probes, all visible rows are compared.
        """
        first = self._probes_among(k, share, share, recall)
        if first is None:
            return None
        answer = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)
        block = max(1, min(QUERY_BLOCK, 8 * MARK_BYTES // max(1, self.rows)))
        for start in range(0, len(queries), block):
            waiting = {first: np.arange(start, min(start + block, len(queries)))}
            while waiting:
                probes = min(waiting)
                these = waiting.pop(probes)
                found = rows.candidates(queries[these], probes, k, allow)
                more = self._more_probes(found, k, share, recall, probes)
                enough = more == probes
                if enough.any():
                    nearest = rows.answered(queries[these[enough]], found.of(enough), k, threads)
                    _put(answer, these[enough], nearest)
                everything = these[more == _SCAN]
                if len(everything):
                    _put(answer, everything, rows.scanned(queries[everything], k, allow))
                for needed in np.unique(more[more > probes]).tolist():
                    waiting[needed] = np.append(waiting.get(needed, these[:0]), these[more == needed])
        return answer

    def probes_for(self, k: int, recall: float) -> int | None:
        """Return the fewest probes measured to reach `recall` at `k`; None where comparing every row is better."""
        found = self.measurement(k, recall)
        if found is None:
            return None
        growth = max(1.0, k / found.k)
        share = growth * found.candidates / max(1, self.rows)
        return math.ceil(found.probes * growth) if share <= LARGEST_SHARE else None

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """Return what a search for `k` at `recall` would use, and what was measured of it; None for a scan.

        The measurement is of rows of the index itself, so one standard error and a little more are held back.
        Beyond the largest k that was measured, probes grow in proportion to k.
        """
        known = sorted({m.k for m in self.measured})
        if not known:
            return None
        at = next((measured for measured in known if measured >= k), known[-1])
        wanted = recall + (1 - recall) * 0.1
        reached = (m for m in self.measured if m.k == at and m.recall - m.error >= wanted)
        return next((m for m in reached if m.candidates <= LARGEST_SHARE * self.rows), None)

    def is_current(self, seen: int, reader: VectorReader) -> bool:
        """See `Finder`: buckets are of one state. Raises BucketStoreError."""
        header = self.store.header()
        return header is not None and header.stamp == seen

    def tables(self, query: Float32, vector: Float32, k: int, recall: float) -> tuple[TableExplanation, ...]:
        """Tell which buckets one query (1, d) looks into for `k` at `recall`, and which a row (1, d) is in."""
        chosen = self.measurement(k, recall)
        probes = 1 if chosen is None else chosen.probes
        probed = self.family.probe_keys(self.lift.queries(query), probes)[0]
        row_keys = self.family.keys(self.lift.rows(vector))[0]
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

    def tokens(self, query: Float32, vector: Float32) -> tuple[tuple[str, float], ...]:
        """See `Finder`: `tables` tells more."""
        return ()

    def described(self) -> tuple[str, Mapping[str, Any]]:
        """See `Finder`."""
        return self.family.name, self.family.parameters()

    def stats(self) -> BucketStats:
        """See `Finder`. Raises BucketStoreError."""
        return self.store.stats()

    def properties(self) -> dict[str, Any]:
        """Return what is known beside family and store, as JSON types."""
        measured = [[m.k, m.probes, m.rerank, m.recall, m.error, m.candidates] for m in self.measured]
        return {"radius": self.lift.radius, "measured": measured}

    def with_properties(self, properties: Mapping[str, Any], dimension: int) -> Probing:
        """Return the same with what `properties` told; `dimension` is that of the rows.

        Raises:
            OptionError, KeyError, TypeError: something that does not fit the family.
        """
        radius, found = properties["radius"], restored(RecallMeasurement, properties["measured"])
        if type(radius) is not float or not 0 <= radius < math.inf:
            raise OptionError(f"a radius is {radius!r}; build the index again")
        lift = replace(self.lift, radius=radius)
        sizes = (lift.dimension(dimension), ANY_SIZE)
        if lift.metric not in self.family.metrics or self.family.dimension not in sizes:
            raise OptionError("a family and the rows do not fit together")
        if any(measurement.probes > MOST_PROBES for measurement in found):
            raise OptionError("measurements are damaged; build the index again")
        return replace(self, lift=lift, measured=found)

    def _probes_among(self, k: int, density: float, share: float, recall: float) -> int | None:
        """Return the probes for `k` visible rows, where a share `density` of those near the query are visible.

        None where comparing the visible ones, a `share` of all rows, is better: so it is where these are few, and
        more of all rows are wanted than was measured, since rows may lie in groups that are smaller.
        """
        wanted = math.ceil(k / max(density, 1e-9))
        if share <= LARGEST_SHARE and wanted > max(NEIGHBOURS):
            return None
        return self.probes_for(wanted, recall)

    def _more_probes(self, found: Found, k: int, share: float, recall: float, probes: int) -> Int64:
        """Return how many probes each query needs, given what it was: `probes` if these do, or `_SCAN`."""
        needed = np.full(len(found.met), probes)
        seen = found.counts
        for query in np.flatnonzero(~found.cut & (seen < found.met) | (seen < k)):
            if seen[query] < k:
                needed[query] = _SCAN
                continue
            wanted = self._probes_among(k, seen[query] / found.met[query], share, recall)
            needed[query] = _SCAN if wanted is None else max(probes, wanted)
        return needed


_SCAN = 0
"""In place of a number of probes: all visible rows."""


def kept(found: Candidates, which: Bool) -> Candidates:
    """Return the candidates of which `which` (n,) is true."""
    counts = np.append(0, np.cumsum(which))[found.offsets]
    return replace(found, offsets=counts, ids=found.ids[which], hits=found.hits[which])


def _put(answer: Answer, queries: Int64, found: Answer) -> None:
    answer[0][queries], answer[1][queries] = found
