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
from lookalike.index.io.mapping import release
from lookalike.index.reports import RecallMeasurement
from lookalike.index.row_forms import comparable
from lookalike.index.scan import scan
from lookalike.index.sketches.sketched_rows import SketchedRows

RERANKED = 256
"""Candidates are compared exactly up to this many, or `RERANKED_SHARE` of k; of more, the best by their sketches."""
RERANKED_SHARE = 16
SAMPLED_QUERIES, QUERIES_AT_ONCE = 256, 64
"""Candidates of a part of them are in memory at a time."""
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
        found, met = sample.measured(buckets, ks, probes, threads)
        measurements += found
        ks = [one.k for one in found if one.recall < ENOUGH]
        probes = max(probes + 1, math.ceil(probes * GROWTH))
    return tuple(sorted(measurements, key=lambda measurement: (measurement.k, measurement.probes)))


def measured_again(
    buckets: Trial[FoundT], drawn: Int64, settings: Sequence[RecallMeasurement], threads: int
) -> tuple[RecallMeasurement, ...]:
    """Return what the k and probes of `settings` give where the rows `drawn` are asked for, as `measured` does."""
    sample = _Sample.of(buckets.sketched, drawn, max(one.k for one in settings))
    again: list[RecallMeasurement] = []
    for one in settings:
        again += sample.measured(buckets, [one.k], one.probes, threads)[0]
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
        release(rows.vectors)
        return cls(queries, own, _without(own, *found), rows.metric)

    def measured(
        self, buckets: Trial[FoundT], ks: Sequence[int], probes: int, threads: int
    ) -> tuple[list[RecallMeasurement], float]:
        """Return the recall at each of `ks` by so many probes, and the mean number of rows that are met."""
        shares: list[list[Float64]] = [[] for _ in ks]
        counts, met = [], []
        for start in range(0, len(self.own), QUERIES_AT_ONCE):
            part = slice(start, start + QUERIES_AT_ONCE)
            found = buckets.candidates(self.queries[part], probes, max(ks) + 1, None)
            counts.append(found.counts)
            met.append(found.met)
            for own, k in zip(shares, ks, strict=True):
                answer = buckets.answered(self.queries[part], found, k + 1, threads)
                nearest = _without(self.own[part], *answer)
                own.append(_found(nearest, self.truth[part, :k], self.metric))
        candidates = float(np.concatenate(counts).mean())
        measurements = []
        for own, k in zip(shares, ks, strict=True):
            each = np.concatenate(own)
            rerank, error = max(RERANKED, RERANKED_SHARE * k), float(each.std()) / math.sqrt(len(each))
            measurements.append(RecallMeasurement(k, probes, rerank, float(each.mean()), error, candidates))
        return measurements, float(np.concatenate(met).mean())


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
