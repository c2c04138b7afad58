"""Queries and their neighbours among all rows, told by a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.index.scan import scan

SCALED_BY = 20
"""Nearest rows of the sample that tell how the number of neighbours grows with the distance."""


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Some rows of a sample as queries, and the neighbours that they have among all rows."""

    queries: Float32
    """(q, d)."""
    neighbours: Float32
    """(q, k, d), nearest first."""
    own: Int64 | None
    """(q,): which rows of the sample the queries are; None: they are none of them."""


def near_pairs(sample: Float32, queries: Int64, k: int, rows: int) -> NearPairs:
    """Return `queries` (q,), rows of `sample` (s, d), with their k nearest of `rows` rows, by Euclidean distance.

    Those of the sample are farther than those of all rows, of which it is a part. They are moved towards the query, to
    where the neighbours of all rows are expected: the distance of the r-th grows as r ** (1 / m), m being the intrinsic
    dimension about the query by maximum likelihood (Levina and Bickel, NeurIPS 2004).
    """
    others = min(max(SCALED_BY, k), len(sample) - 1)
    ids, distances = scan(sample[queries], sample, np.arange(len(sample)), others + 1, "euclidean")
    own = ids == queries[:, np.newaxis]
    own[:, -1] |= ~own.any(axis=1)  # where more rows are equal to the query than are listed
    shape = (len(queries), others)
    ids, distances = ids[~own].reshape(shape), distances[~own].reshape(shape).astype(np.float64)
    k = min(k, others)
    asked = sample[queries][:, np.newaxis]
    factors = _expected(distances, k, len(sample) / rows)[:, :, np.newaxis]
    return NearPairs(
        sample[queries], (asked + factors * (sample[ids[:, :k]] - asked)).astype(np.float32), queries
    )


def _expected(distances: Float64, k: int, share: float) -> Float64:
    """Return the distances (q, k) that are expected among all rows, in those among a `share` of them, (q, r)."""
    count, farthest = distances.shape[1], distances[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(farthest / distances[:, :-1])
        inverse = np.where(np.isfinite(logs), logs, 0).mean(axis=1, keepdims=True)  # 1 / m
        expected = farthest * (np.arange(1, k + 1) * share / count) ** inverse
        factors = np.where(distances[:, :k] > 0, expected / distances[:, :k], 1)
    return np.minimum(factors, 1)
