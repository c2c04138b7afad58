"""Measures the recall of buckets on rows of their own, so that a recall can be aimed at."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.index.answers import RecallMeasurement
from lookalike.index.bucketed import LARGEST_SHARE, Bucketed
from lookalike.index.scan import scan

SAMPLED_QUERIES = 256
NEIGHBOURS = (1, 10, 100)
ENOUGH = 0.997
"""More probes are not tried after this recall; a higher one is left to the scan."""


def tuned(bucketed: Bucketed, vectors: Float32, ids: Int64, seed: int) -> Bucketed:
    """Return `bucketed` with its recall measured over growing numbers of probes.

    Queries are rows drawn without repetition; each leaves itself out.
    """
    random = np.random.default_rng(seed)
    drawn = np.sort(random.choice(len(vectors), min(SAMPLED_QUERIES, len(vectors)), replace=False))
    queries, own = vectors[drawn], ids[drawn]
    most = min(max(NEIGHBOURS), len(vectors) - 1)
    truth = _without(scan(queries, vectors, ids, most + 1, bucketed.metric)[0], own)
    measurements = []
    for k in sorted({min(k, most) for k in NEIGHBOURS if most}):
        probes = 1
        while True:
            found, candidates = bucketed.trial(vectors, ids, queries, k + 1, probes)
            shares = _recall(_without(found, own), truth[:, :k])
            error = float(shares.std()) / math.sqrt(len(shares))
            measurements.append(RecallMeasurement(k, probes, float(shares.mean()), error, candidates))
            if shares.mean() >= ENOUGH or candidates > LARGEST_SHARE * len(vectors):
                break
            probes = max(probes + 1, math.ceil(probes * 1.25))
    return replace(bucketed, measurements=tuple(measurements))


def _without(found: Int64, own: Int64) -> Int64:
    """Return found ids (q, k + 1) less each query's own, or less the last where that is not there, (q, k)."""
    dropped = found == own[:, np.newaxis]
    dropped[:, -1] |= ~dropped.any(axis=1)
    kept: Int64 = found[~dropped].reshape(len(found), -1)
    return kept


def _recall(found: Int64, truth: Int64) -> npt.NDArray[np.float64]:
    """Return the share of `truth` (q, k) among `found` (q, k), of each query."""
    return np.array([np.isin(row, wanted).mean() for row, wanted in zip(truth, found, strict=True)])
