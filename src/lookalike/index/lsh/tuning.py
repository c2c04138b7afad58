"""Measures the recall of a family's buckets on rows of their own, so that a recall can be aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Float64, Int64, Metric
from lookalike.buckets import Found
from lookalike.hashing import Family
from lookalike.index.exact_rows import ExactRows
from lookalike.index.reports import RecallMeasurement
from lookalike.index.row_forms import comparable
from lookalike.index.scan import scan
from lookalike.index.sketches.sketched_rows import SketchedRows

RERANKED = 256
"""Candidates are compared exactly up to this many, or `RERANKED_SHARE` of k; of more, the best by their sketches."""
RERANKED_SHARE = 16
SAMPLED_QUERIES = 256
NEIGHBOURS = (1, 10, 100)
ENOUGH = 0.997
"""More probes are not tried after this recall; a higher one is left to the scan."""
MOST_PROBES = 4096
"""Buckets that hold so little, or of which there are so few, that more are asked for, are left to the scan too; and so
are those of which a query would probe more than there are rows, since each takes about as long as a row."""
FEWEST_PROBED = 256
MET_SHARE = 0.75
"""And those of which a query meets more than this share of all rows, in one table or another."""
GROWTH = 1.35


FoundT = TypeVar("FoundT", bound=Found)


class Trial(Protocol[FoundT]):
    """Buckets whose number of probes can be tried."""

    @property
    def sketched(self) -> SketchedRows | ExactRows:
        """The rows."""
        ...

    @property
    def family(self) -> Family:
        """The functions."""
        ...

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> FoundT:
        """Return the candidates of each query (q, d)."""
        ...

    def answered(self, queries: Float32, found: FoundT, k: int, threads: int = 1) -> tuple[Int64, Float32]:
        """Return the k nearest of each query's candidates, ids and distances (q, k)."""
        ...


def measured(buckets: Trial[FoundT], drawn: Int64, threads: int) -> tuple[RecallMeasurement, ...]:
    """Return the recall of `buckets` over growing numbers of probes.

    Queries are the rows `drawn`; each leaves itself out. What is as near as the k-th nearest is as good, so that
    rows that are alike do not make it seem that one was missed.
    """
    rows = len(buckets.sketched)
    most = min(max(NEIGHBOURS), rows - 1)
    sample = _Sample.of(buckets.sketched, drawn, most)
    measurements = []
    ks, probes, met = sorted({min(k, most) for k in NEIGHBOURS if most > 0}), 1, 0.0
    affordable = min(MOST_PROBES, max(rows, FEWEST_PROBED) // buckets.family.tables)
    while ks and met <= MET_SHARE * rows and probes <= max(1, affordable):
        found = buckets.candidates(sample.queries, probes, max(ks) + 1, None)
        met = float(found.met.mean())
        for k in tuple(ks):
            measurements.append(sample.measured(buckets, found, k, probes, threads))
            if measurements[-1].recall >= ENOUGH:
                ks.remove(k)
        probes = max(probes + 1, math.ceil(probes * GROWTH))
    return tuple(sorted(measurements, key=lambda measurement: (measurement.k, measurement.probes)))


def measured_again(
    buckets: Trial[FoundT], drawn: Int64, settings: Sequence[RecallMeasurement], threads: int
) -> tuple[RecallMeasurement, ...]:
    """Return what the k and probes of `settings` give where the rows `drawn` are asked for, as `measured` does."""
    sample = _Sample.of(buckets.sketched, drawn, max(one.k for one in settings))
    again = []
    for one in settings:
        found = buckets.candidates(sample.queries, one.probes, one.k + 1, None)
        again.append(sample.measured(buckets, found, one.k, one.probes, threads))
    return tuple(again)


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Rows that are asked for."""

    queries: Float32
    own: Int64
    """Their ids."""
    truth: Float32
    """Distances of the nearest others, (q, most)."""
    metric: Metric

    @classmethod
    def of(cls, rows: SketchedRows | ExactRows, drawn: Int64, most: int) -> Self:
        queries, own = comparable(rows.vectors[drawn], rows.metric), rows.ids[drawn]
        found = scan(queries, rows.vectors, rows.ids, most + 1, rows.metric)
        return cls(queries, own, _without(own, *found), rows.metric)

    def measured(
        self, buckets: Trial[FoundT], found: FoundT, k: int, probes: int, threads: int
    ) -> RecallMeasurement:
        """Return the recall at `k` of the candidates `found` by `probes`."""
        nearest = _without(self.own, *buckets.answered(self.queries, found, k + 1, threads))
        shares = _found(nearest, self.truth[:, :k], self.metric)
        return RecallMeasurement(
            k,
            probes,
            max(RERANKED, RERANKED_SHARE * k),
            recall=float(shares.mean()),
            error=float(shares.std()) / math.sqrt(len(shares)),
            candidates=float(found.counts.mean()),
        )


def _found(nearest: Float32, truth: Float32, metric: Metric) -> Float64:
    """Return the share of the nearest rows, at distances `truth` (q, k), that are found, at `nearest` (q, k), (q,).

    Sets that have nothing in common with a query are no neighbours of it, and no bucket could tell of them.
    """
    found = nearest <= truth[:, -1:]
    shares: Float64 = found.mean(axis=1)
    if metric == "jaccard":
        neighbours = np.count_nonzero(truth < 1, axis=1)
        among = np.count_nonzero(found & (nearest < 1), axis=1)
        shares = np.where(neighbours, among / np.maximum(neighbours, 1), 1.0)
    return shares


def _without(own: Int64, ids: Int64, distances: Float32) -> npt.NDArray[np.float32]:
    """Return `distances` (q, k + 1) less that of each query's own id, or the last where it is not there, (q, k)."""
    dropped = ids == own[:, np.newaxis]
    dropped[:, -1] |= ~dropped.any(axis=1)
    kept: Float32 = distances[~dropped].reshape(len(ids), -1)
    return kept
