"""The near pairs that a family is tuned for, told by a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64, Int64, Rows
from lookalike.index.scan import scan

QUERIES = 256
K = 10
"""Whose finding is predicted: the nearest of each query."""
FITTED = 20
"""Nearest rows of a sample that tell how the number of neighbours grows with the distance."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Whom a family should bring together, and among how many."""

    queries: Rows
    """(q, d), as a family takes queries."""
    neighbours: Rows
    """(q * k, d): those of each query, one after another, nearest first."""
    sample: Rows
    """(s, d), of all rows."""
    rows: int
    """How many there are in all."""

    @property
    def k(self) -> int:
        """Neighbours of a query."""
        return len(self.neighbours) // max(1, len(self.queries))


def near_pairs(sample: Float32, queries: Float32, rows: int, random: np.random.Generator) -> Pairs:
    """Return some of the sample's rows with their nearest neighbours among all `rows`, by Euclidean distance.

    A sample of fewer rows has neighbours that are farther than the true ones. Those of the sample are moved towards
    the query then, to where the neighbours of all rows are expected: the distance of the r-th grows as
    r ** (1 / m), m being the intrinsic dimension about the query, estimated by maximum likelihood (Levina and Bickel,
    NeurIPS 2004; Amsaleg et al., KDD 2015).

    Args:
        sample: (s, d).
        queries: (s, d), the same as they are given to a family as queries.
        rows: of how many rows the sample is.
    """
    drawn = np.sort(random.choice(len(sample), min(QUERIES, len(sample)), replace=False))
    asked, others = queries[drawn], min(max(FITTED, K), len(sample) - 1)
    ids, distances = scan(asked, sample, np.arange(len(sample)), others + 1, "euclidean")
    own = ids == drawn[:, np.newaxis]
    own[:, -1] |= ~own.any(axis=1)
    ids, far = ids[~own].reshape(len(drawn), others), distances[~own].reshape(len(drawn), others)
    k = min(K, others)
    nearest = sample[ids[:, :k]]
    if rows > len(sample) and k:
        factor = _nearer(far.astype(np.float64), k, len(sample) / rows)[:, :, np.newaxis]
        towards = asked[:, np.newaxis]
        nearest = (towards + factor * (nearest - towards)).astype(np.float32)
    return Pairs(asked, nearest.reshape(-1, sample.shape[1]), sample, rows)


def _nearer(distances: Float64, k: int, share: float) -> Float64:
    """Return by what factor the first k distances (q, r) shrink where the sample is but a share of the rows, (q, k)."""
    far = distances[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(distances[:, :-1] / far)
        ratios[~np.isfinite(ratios)] = 0
        inverse = -ratios.mean(axis=1, keepdims=True)  # 1 / m
        expected = far * (share * np.arange(1, k + 1) / distances.shape[1]) ** inverse
        factor = np.where(distances[:, :k] > 0, expected / distances[:, :k], 1.0)
    return np.clip(factor, 0, 1)


def typical_distances(pairs: Pairs, order: int) -> tuple[float, float]:
    """Return the distance of queries to the last of their neighbours, and to any row, medians.

    Args:
        order: 1 for sums of absolute differences, 2 for Euclidean distances.
    """
    queries = pairs.queries.astype(np.float64)
    last = pairs.neighbours.reshape(len(queries), pairs.k, -1)[:, -1] if pairs.k else queries
    near = np.linalg.norm(last - queries, ord=order, axis=1)
    typical = [np.median(np.linalg.norm(pairs.sample - query, ord=order, axis=1)) for query in queries]
    return float(np.median(near)), float(np.median(typical))


def drawn_rows(sample: Rows, count: int) -> Int64:
    """Return which rows stand for a sample, (count,) at most, evenly."""
    return np.unique(np.linspace(0, len(sample) - 1, min(count, len(sample))).astype(np.int64))
