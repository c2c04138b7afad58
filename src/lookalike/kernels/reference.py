"""What is the same for every index, in NumPy: exact distances, packed signs, cheapest subsets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

EUCLIDEAN, COSINE, DOT = 0, 1, 2
"""The numbers of the metrics, as kernels take them."""
METRICS = {"euclidean": EUCLIDEAN, "cosine": COSINE, "dot": DOT}


def euclidean(first: Float32, second: Float32) -> Float64:
    """Return the Euclidean distance of each row of `first` (n, d) to the same row of `second`, shape (n,)."""
    difference = np.subtract(first, second, dtype=np.float64)
    distances: Float64 = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return distances


def cosine(first: Float32, second: Float32) -> Float64:
    """Return 1 - cosine similarity of rows of length one, (n, d) each, shape (n,).

    Half the squared difference, which is the same and, unlike 1 - product, is 0 for equal rows.
    """
    difference = np.subtract(first, second, dtype=np.float64)
    distances: Float64 = np.einsum("ij,ij->i", difference, difference) / 2
    return distances


def dot(first: Float32, second: Float32) -> Float64:
    """Return the negated inner product of each row of `first` (n, d) with the same row of `second`, (n,)."""
    products: Float64 = np.einsum("ij,ij->i", first, second, dtype=np.float64)
    return -products


def pack_signs(values: Float32) -> UInt64:
    """Return (n, ceil(m / 64)) words of signs of `values` (n, m): bit i % 64 of word i // 64 is value i > 0."""
    rows, bits = values.shape
    packed = np.zeros((rows, -(-bits // 64) * 8), dtype=np.uint8)
    packed[:, : -(-bits // 8)] = np.packbits(values > 0, axis=1, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)


def cheapest_subsets(costs: Float32, count: int, pairs: int = 0) -> Int64:
    """Return the cheapest subsets for one row of costs (m,), as `hashing.perturbation` does for many.

    Members are taken in ascending order, pairs in that of their cheaper ones. Each takes the cheapest subsets so far
    to these, and the same with it; where costs are equal, those without it, then the cheaper of a pair, come first.
    """
    members = np.arange(len(costs)).reshape(2 if pairs else 1, -1).T
    cost = costs.astype(np.float64)
    order = np.argsort(cost[members].min(axis=1, initial=np.inf), kind="stable")
    totals, subsets = np.zeros(1), np.zeros(1, dtype=np.int64)
    for group in members[order]:
        group = group[np.argsort(cost[group], kind="stable")]
        more = np.concatenate([totals, *(totals + cost[i] for i in group)])
        sets = np.concatenate([subsets, *(subsets | np.int64(1) << i for i in group)])
        best = np.argsort(more, kind="stable")[:count]
        totals, subsets = more[best], sets[best]
    return np.append(subsets, np.full(count - len(subsets), -1))
