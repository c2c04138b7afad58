"""Rows with queries held out of them, and the recall of what was found, for tests."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[Any]
Distances = npt.NDArray[np.float64]

SPREAD = 1.0
"""Standard deviation of a point about its centre."""


def points(random: np.random.Generator, count: int, dimension: int, centres: int) -> npt.NDArray[np.float32]:
    """Return gaussian points (n, d) about centres that depend on `dimension` only."""
    middles = np.random.default_rng(dimension).standard_normal((centres, dimension)) * 1.5
    near = middles[random.integers(0, centres, count)]
    return (near + SPREAD * random.standard_normal((count, dimension))).astype(np.float32)


def blends(rows: Any, parts: int) -> Any:
    """Return queries (400, d) that lie between `parts` of the rows each: among all, and near none."""
    chosen = np.random.default_rng(2).integers(0, len(rows), (400, parts))
    return rows[chosen].mean(axis=1)


def descriptors(random: np.random.Generator, count: int) -> npt.NDArray[np.uint8]:
    """Return (n, 128) uint8 with the shape of gradient histograms: skewed, of one length, few free directions."""
    shared = np.random.default_rng(128)
    middles = shared.gamma(0.6, 1.0, (200, 128))
    directions = shared.standard_normal((12, 128)) * 0.25
    near = middles[random.integers(0, 200, count)] * random.gamma(6, 1 / 6, (count, 128))
    histograms = np.maximum(near + random.standard_normal((count, 12)) @ directions, 0)
    histograms *= 512 / np.linalg.norm(histograms, axis=1, keepdims=True)
    return np.minimum(histograms.round(), 255).astype(np.uint8)


def views(
    random: np.random.Generator, groups: int, dimension: int, copies: int = 7
) -> npt.NDArray[np.float32]:
    """Return `copies` near copies of each of so many points, shuffled, (groups * copies, d)."""
    originals = points(random, groups, dimension, 100)
    rows = np.repeat(originals, copies, axis=0)
    rows += np.float32(0.3 * SPREAD) * random.standard_normal(rows.shape, dtype=np.float32)
    return random.permutation(rows)


def exact_distances(queries: Vectors, rows: Vectors, metric: str) -> Distances:
    """Return (q, n) numbers that order rows as `metric` does, in float64."""
    wide, among = queries.astype(np.float64), rows.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        among /= np.linalg.norm(among, axis=1, keepdims=True)
    distances: Distances = wide @ among.T
    distances *= -2 if metric == "euclidean" else -1
    if metric == "euclidean":
        distances += np.einsum("ij,ij->i", among, among)
    return distances


def nearest(distances: Distances, k: int) -> Distances:
    """Return the k smallest distances (q, k) of each query, in order."""
    return np.sort(np.partition(distances, k - 1, axis=1)[:, :k], axis=1)


def recalls(found: npt.NDArray[np.int64], distances: Distances, truth: Distances) -> npt.NDArray[np.float64]:
    """Return each query's recall@k: the share of k rows that were found no farther than the k-th nearest.

    Args:
        found: (q, k) row numbers, -1 where none was found; none twice.
        distances: (q, n), to all rows.
        truth: (q, k or more), what `nearest` gives of the rows that may be found.
    """
    k = found.shape[1]
    in_order = np.sort(found, axis=1)
    assert not ((in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] >= 0)).any(), "a row was found twice"
    own = np.where(found >= 0, np.take_along_axis(distances, np.maximum(found, 0), axis=1), np.inf)
    farthest = truth[:, k - 1 : k]
    # Rows as far as the k-th nearest count, whichever of them were found, and so does what float32 rounds.
    shares: npt.NDArray[np.float64] = (own <= farthest + 1e-6 * np.abs(farthest)).mean(axis=1)
    return shares


def shortfall(shares: npt.NDArray[np.float64], recall: float) -> float:
    """Return by how much the mean of `shares` lies below `recall` with three standard errors of that mean added."""
    error = shares.std(ddof=1) / np.sqrt(len(shares))
    return float(recall - (shares.mean() + 3 * error))
