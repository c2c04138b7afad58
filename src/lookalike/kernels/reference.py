"""What is the same for every index, in NumPy: exact distances, packed signs, cheapest subsets."""

from __future__ import annotations

import heapq

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

    By a heap of subsets of the members in ascending order, from each of which two follow: by adding the next member to
    it, or putting the next in the place of its last.
    """
    order = np.argsort(costs, kind="stable")
    ascending = costs[order].astype(np.float64).tolist()
    subsets: list[int] = []
    heap = [(0.0, 0)]
    while heap and len(subsets) < count:
        cost, mask = heapq.heappop(heap)
        subset = sum(1 << int(order[i]) for i in range(len(costs)) if mask >> i & 1)
        if not subset >> pairs & subset & (1 << pairs) - 1:
            subsets.append(subset)
        last = mask.bit_length() - 1
        if last + 1 < len(costs):
            after, added = ascending[last + 1], mask | 1 << (last + 1)
            heapq.heappush(heap, (cost + after, added))
            if last >= 0:
                heapq.heappush(heap, (cost + after - ascending[last], added ^ 1 << last))
    return np.array(subsets + [-1] * (count - len(subsets)), dtype=np.int64)
