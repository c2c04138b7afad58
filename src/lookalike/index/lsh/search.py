"""Buckets of a hash family that the user chose: its candidates, ordered by sketches, compared exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lookalike.arrays import Bool, Float32, Int64
from lookalike.buckets import BucketStats, BucketStore, Candidates, Header, MemoryBuckets
from lookalike.errors import IndexFormatError, OptionError
from lookalike.hashing import Family, family_from_parts, token
from lookalike.index.approximate import Answer, ApproximateSearch, Array, RowMask
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.tuning import (
    MOST_PROBES,
    NEIGHBOURS,
    RERANKED,
    RERANKED_SHARE,
    SAMPLED_QUERIES,
    measured,
)
from lookalike.index.options import LARGEST_SHARE
from lookalike.index.reports import RecallMeasurement, TableExplanation, restored
from lookalike.index.scan import scan
from lookalike.index.sketches.sketched_rows import SketchedRows

QUERY_BLOCK = 256


@dataclass(frozen=True, eq=False)
class LshSearch(ApproximateSearch):
    """The buckets of a family, whose ids are positions of rows, and sketches of the rows about their mean."""

    kind = "hashed"

    family: Family
    store: BucketStore
    sketched: SketchedRows
    """In one group about the mean."""
    lift: Lift
    measured: tuple[RecallMeasurement, ...] = ()
    """At growing probes for each k."""

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
        with the query. Where that takes too many probes, all visible rows are compared.
        """
        share = 1.0 if visible is None else visible.share
        first = self._probes_among(k, share, share, recall)
        if first is None:
            return None
        allow = None if visible is None else np.flatnonzero(visible.rows)
        answer = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)
        for start in range(0, len(queries), QUERY_BLOCK):
            waiting = {first: np.arange(start, min(start + QUERY_BLOCK, len(queries)))}
            while waiting:
                probes = min(waiting)
                these = waiting.pop(probes)
                found = self.candidates(queries[these], probes, k, allow)
                more = self._more_probes(found, k, share, recall, probes)
                enough = more == probes
                _put(answer, these[enough], self._nearest(queries[these], found, enough, k, threads))
                everything = these[more == _SCAN]
                if len(everything):
                    _put(answer, everything, self._scanned(queries[everything], k, allow))
                for needed in np.unique(more[more > probes]).tolist():
                    waiting[needed] = np.append(waiting.get(needed, these[:0]), these[more == needed])
        return answer

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> Candidates:
        """Return the rows, by position, that the buckets give each of `queries` (q, d); at least k where there are.

        No query is given more than a share of all rows: those in the most tables then.
        """
        rows = len(self.sketched)
        keys = self.family.probe_keys(self.lift.queries(queries), probes)
        found = self.store.candidates(keys, limit=max(k, int(LARGEST_SHARE * rows)), allow=allow)
        if len(found.ids) and (found.ids.min() < 0 or found.ids.max() >= rows):
            raise IndexFormatError("buckets name rows that are not there; verify the index, and rebuild it")
        return found

    def answered(self, queries: Float32, found: Candidates, k: int, threads: int = 1) -> Answer:
        """Return the k nearest of each query's candidates."""
        rerank = max(RERANKED, RERANKED_SHARE * k)
        return self.sketched.nearest(queries, found.offsets, found.ids, k, rerank, threads=threads)

    def tuned(self, seed: int, threads: int) -> Self:
        """See `ApproximateSearch`. Queries are rows drawn without repetition; each leaves itself out."""
        rows = len(self.sketched)
        random = np.random.default_rng(seed)
        drawn = np.sort(random.choice(rows, min(SAMPLED_QUERIES, rows), replace=False))
        return replace(self, measured=measured(self, drawn, threads))

    def probes_for(self, k: int, recall: float) -> int | None:
        """Return the fewest probes measured to reach `recall` at `k`; None where comparing every row is better."""
        found = self.measurement(k, recall)
        if found is None:
            return None
        growth = max(1.0, k / found.k)
        share = growth * found.candidates / max(1, len(self.sketched))
        return math.ceil(found.probes * growth) if share <= LARGEST_SHARE else None

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

    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """See `ApproximateSearch`."""
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

    def buckets(self) -> tuple[str, Mapping[str, Any], BucketStats]:
        """See `ApproximateSearch`."""
        return self.family.name, self.family.parameters(), self.store.stats()

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """See `ApproximateSearch`."""
        arrays: dict[str, Array] = {f"family.{name}": array for name, array in self.family.arrays().items()}
        if isinstance(self.store, MemoryBuckets):  # others keep what they have
            arrays |= {f"buckets.{name}": array for name, array in self.store.arrays().items()}
        properties = {
            "family": self.family.name,
            "parameters": self.family.parameters(),
            "radius": self.lift.radius,
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
        """Return what `parts` was taken of; with `verify`, which rows are in the buckets is checked too.

        Raises:
            OptionError, BucketStoreError, KeyError, TypeError, ValueError: parts that do not fit together.
        """
        family = family_from_parts(properties["family"], properties["parameters"], _under("family.", arrays))
        kept = _under("buckets.", arrays)
        store = MemoryBuckets.restored(header_of(family), kept)
        radius, found = properties["radius"], restored(RecallMeasurement, properties["measured"])
        if type(radius) is not float or not 0 <= radius < math.inf:
            raise OptionError(f"a radius is {radius!r}; build the index again")
        rows, dimension = sketched.vectors.shape
        lift = Lift(sketched.metric, radius)
        if family.dimension != lift.dimension(dimension) or store.stats().ids != rows:
            raise OptionError("a family, its buckets and the rows do not fit together")
        if any(measurement.probes > MOST_PROBES for measurement in found):
            raise OptionError("measurements are damaged; build the index again")
        for table in range(family.tables) if verify else ():
            if not np.array_equal(np.sort(kept[f"members_{table}"]), np.arange(rows)):
                raise OptionError(f"the buckets of table {table} do not hold each row once")
        return cls(family, store, sketched, lift, found)

    def _probes_among(self, k: int, density: float, share: float, recall: float) -> int | None:
        """Return the probes for `k` visible rows, where a share `density` of those near the query are visible.

        None where comparing the visible ones, a `share` of all rows, is better: so it is where these are few, and
        more of all rows are wanted than was measured, since rows may lie in groups that are smaller.
        """
        wanted = math.ceil(k / max(density, 1e-9))
        if share <= LARGEST_SHARE and wanted > max(NEIGHBOURS):
            return None
        return self.probes_for(wanted, recall)

    def _more_probes(self, found: Candidates, k: int, share: float, recall: float, probes: int) -> Int64:
        """Return how many probes each query needs, given what it was: `probes` if these do, or `_SCAN`."""
        needed = np.full(len(found.met), probes)
        seen = np.diff(found.offsets)
        for query in np.flatnonzero(~found.cut & (seen < found.met) | (seen < k)):
            if seen[query] < k:
                needed[query] = _SCAN
                continue
            wanted = self._probes_among(k, seen[query] / found.met[query], share, recall)
            needed[query] = _SCAN if wanted is None else max(probes, wanted)
        return needed

    def _nearest(self, queries: Float32, found: Candidates, which: Bool, k: int, threads: int) -> Answer:
        """Return the k nearest candidates of those queries of which `which` (q,) is true."""
        if which.all():
            return self.answered(queries, found, k, threads)
        counts = np.diff(found.offsets)
        kept = np.repeat(which, counts)
        offsets = np.append(0, np.cumsum(counts[which]))
        some = replace(found, offsets=offsets, ids=found.ids[kept], hits=found.hits[kept])
        return self.answered(queries[which], some, k, threads)

    def _scanned(self, queries: Float32, k: int, allow: Int64 | None) -> Answer:
        rows = self.sketched
        return scan(queries, rows.vectors, rows.ids, k, rows.metric, allow)


_SCAN = 0
"""In place of a number of probes: all visible rows."""


def header_of(family: Family) -> Header:
    """Return the header of buckets that are saved with their index, and so are always of its state."""
    return Header(stamp=0, tables=family.table_uuids(), properties={})


def _put(answer: Answer, queries: Int64, found: Answer) -> None:
    answer[0][queries], answer[1][queries] = found


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
