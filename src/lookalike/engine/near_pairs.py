"""Queries and their neighbours among all rows, told by a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64
from lookalike.index.scan import scan

SCALED_BY = 20
"""Nearest rows of the sample that tell how the number of neighbours grows with the distance."""


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Queries, and the neighbours that they have among all rows."""

    queries: Float32
    """(q, d)."""
    neighbours: Float32
    """(q, k, d), nearest first."""


def near_pairs(queries: Float32, sample: Float32, k: int, rows: int) -> NearPairs:
    """Return `queries` (q, d) with their k nearest of `rows` rows, by Euclidean distance.

    Those of the `sample` (s, d), which holds none of the queries, are farther than those of all rows, of which it is a
    part. They are moved towards the query by (s / rows) ** (1 / m), since the number of rows within a distance grows
    as its m-th power, m being the intrinsic dimension about the query by maximum likelihood (Levina and Bickel, NeurIPS
    2004).
    """
    listed = min(max(SCALED_BY, k), len(sample))
    ids, distances = scan(queries, sample, np.arange(len(sample)), listed, "euclidean")
    k = min(k, listed)
    asked = queries[:, np.newaxis]
    shrunk = (
        min(1.0, len(sample) / rows) ** _inverse_dimensions(distances.astype(np.float64))[:, :, np.newaxis]
    )
    return NearPairs(queries, (asked + shrunk * (sample[ids[:, :k]] - asked)).astype(np.float32))


def _inverse_dimensions(distances: Float64) -> Float64:
    """Return 1 / m about each query, (q, 1), by ascending distances to its nearest rows, (q, r)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(distances[:, -1:] / distances[:, :-1])
    logs[~np.isfinite(logs)] = 0
    inverse: Float64 = logs.mean(axis=1, keepdims=True)
    return inverse
