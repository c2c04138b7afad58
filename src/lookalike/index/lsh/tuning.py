"""Measures the recall of a family's buckets on rows of their own, so that a recall can be aimed at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.index.options import LARGEST_SHARE
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
"""Buckets that hold so little, or of which there are so few, that more are asked for, are left to the scan too."""


class Trial(Protocol):
    """Buckets whose number of probes can be tried."""

    @property
    def sketched(self) -> SketchedRows:
        """The rows."""
        ...

    def trial(self, queries: Float32, ks: Sequence[int], probes: int) -> tuple[list[Int64], float]:
        """Return the ids (q, k) that so many probes find, for each k, and the mean number of candidates a query."""
        ...


def measured(hashed: Trial, drawn: Int64) -> tuple[RecallMeasurement, ...]:
    """Return the recall of `hashed` over growing numbers of probes.

    Queries are the rows `drawn`; each leaves itself out.
    """
    sketched = hashed.sketched
    rows, metric = len(sketched), sketched.metric
    queries, own = comparable(sketched.vectors[drawn], metric), sketched.ids[drawn]
    most = min(max(NEIGHBOURS), rows - 1)
    truth = _without(scan(queries, sketched.vectors, sketched.ids, most + 1, metric)[0], own)
    measurements = []
    ks, probes, candidates = sorted({min(k, most) for k in NEIGHBOURS if most}), 1, 0.0
    while ks and candidates <= LARGEST_SHARE * rows and probes <= MOST_PROBES:
        answers, candidates = hashed.trial(queries, [k + 1 for k in ks], probes)
        for k, found in zip(tuple(ks), answers, strict=True):
            shares = _recall(_without(found, own), truth[:, :k])
            error = float(shares.std()) / math.sqrt(len(shares))
            rerank = max(RERANKED, RERANKED_SHARE * k)
            measurements.append(RecallMeasurement(k, probes, rerank, float(shares.mean()), error, candidates))
            if shares.mean() >= ENOUGH:
                ks.remove(k)
        probes = max(probes + 1, math.ceil(probes * 1.25))
    return tuple(sorted(measurements, key=lambda measurement: (measurement.k, measurement.probes)))


def _without(found: Int64, own: Int64) -> Int64:
    """Return found ids (q, k + 1) less each query's own, or less the last where that is not there, (q, k)."""
    dropped = found == own[:, np.newaxis]
    dropped[:, -1] |= ~dropped.any(axis=1)
    kept: Int64 = found[~dropped].reshape(len(found), -1)
    return kept


def _recall(found: Int64, truth: Int64) -> npt.NDArray[np.float64]:
    """Return the share of `truth` (q, k) among `found` (q, k), of each query."""
    return np.array([np.isin(wanted, row).mean() for row, wanted in zip(found, truth, strict=True)])
