"""Exact search by comparing every row, in blocks, with matrix products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.index.state import comparable
from lookalike.kernels import reference

QUERY_BLOCK = 256
BLOCK_BYTES = 4 << 20
"""Rows are compared in blocks of about this size, so that a block stays in the processor's cache."""
PAIR_BYTES = 8 << 20

DISTANCES: dict[Metric, Callable[[Float32, Float32], npt.NDArray[np.float64]]] = {
    "euclidean": reference.euclidean,
    "cosine": reference.cosine,
    "dot": reference.dot,
}


def scan(
    queries: Float32, vectors: Rows, ids: Int64, k: int, metric: Metric, rows: Int64 | None = None
) -> tuple[Int64, Float32]:
    """Return ids and distances (q, k) of the exact k nearest, equal distances by id, padded with -1 and inf.

    A matrix product in float32 bounds each distance; all rows that could, within the rounding error of that
    product, be among the k nearest are then compared by difference in float64. So the answer is exact however
    the vectors are offset or scaled.

    Args:
        queries: (q, d); of length one under cosine, like the rows.
        vectors: (n, d), as they are kept.
        ids: (n,).
        rows: which of the n rows to compare; all by default.
    """
    found_ids = np.full((len(queries), k), -1, dtype=np.int64)
    found_distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    for start in range(0, len(queries), QUERY_BLOCK):
        block = queries[start : start + QUERY_BLOCK]
        query, row = _survivors(block, vectors, k, metric, rows)
        distances = pair_distances(block, vectors, query, row, metric)
        here = slice(start, start + len(block))
        nearest(query, ids[row], distances, found_ids[here], found_distances[here])
    return found_ids, found_distances


def pair_distances(queries: Float32, vectors: Rows, query: Int64, row: Int64, metric: Metric) -> Float32:
    """Return the exact distance of `queries[query[i]]` to `vectors[row[i]]` for each i."""
    distances = np.empty(len(query), dtype=np.float32)
    step = max(1, PAIR_BYTES // (8 * queries.shape[1]))
    for start in range(0, len(query), step):
        pairs = slice(start, start + step)
        distances[pairs] = DISTANCES[metric](queries[query[pairs]], comparable(vectors[row[pairs]], metric))
    return distances


def nearest(query: Int64, ids: Int64, distances: Float32, found_ids: Int64, found_distances: Float32) -> None:
    """Write each query's k nearest of the pairs (query, id) into `found_*` (q, k), by distance, then id."""
    order = np.lexsort((ids, distances, query))
    query = query[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < found_ids.shape[1]
    found_ids[query[kept], place[kept]] = ids[order[kept]]
    found_distances[query[kept], place[kept]] = distances[order[kept]]


def merge(first: tuple[Int64, Float32], second: tuple[Int64, Float32]) -> tuple[Int64, Float32]:
    """Return the k nearest of two answers (q, k) about different rows."""
    k = first[0].shape[1]
    ids = np.concatenate((first[0], second[0]), axis=1)
    distances = np.concatenate((first[1], second[1]), axis=1)
    order = np.lexsort((ids, distances), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _survivors(
    queries: Float32, vectors: Rows, k: int, metric: Metric, rows: Int64 | None
) -> tuple[Int64, Int64]:
    """Return pairs (query, row) that hold the k nearest rows of each query for certain."""
    dimension = queries.shape[1]
    # Everything is scaled by powers of two so that no finite float32 vectors overflow on the way.
    half: Float32 = np.multiply(queries, 0.5, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", half, half))
    # A sum of d products in float32, in any order, is off by at most d units of rounding of the sum of sizes.
    rounding = np.float32((dimension + 8) * 2.0**-24)
    smallest = np.float32((dimension + 8) * np.finfo(np.float32).tiny)
    slack = np.full(len(queries), smallest, dtype=np.float32)
    pool = _Pool(len(queries), k)
    step = max(k, BLOCK_BYTES // (4 * dimension))
    for start in range(0, len(vectors) if rows is None else len(rows), step):
        if rows is None:
            block = comparable(vectors[start : start + step], metric)
            numbers = np.arange(start, start + len(block))
        else:
            numbers = rows[start : start + step]
            block = comparable(vectors[numbers], metric)
        bounds: Float32 = half @ block.T
        squares: Float32 = np.einsum("ij,ij->i", block, block)
        squares *= np.float32(0.25)
        longest = np.sqrt(squares.max())  # half the length of the longest row
        if metric == "dot":
            bounds = -bounds
            error = 2 * rounding * lengths * longest
        else:
            # A quarter of the squared distance, less the query's own share.
            bounds = squares - bounds
            error = rounding * (lengths + longest) * (lengths + longest)
        slack = np.maximum(slack, 2 * error + smallest)
        pool.take(bounds, numbers, slack)
    return pool.query, pool.row


class _Pool:
    """Pairs (query, row) whose bound is no more than `slack` above the query's k-th smallest."""

    def __init__(self, queries: int, k: int) -> None:
        self._k = k
        self._threshold = np.full(queries, np.inf, dtype=np.float32)
        self.query = np.empty(0, dtype=np.int64)
        self.row = np.empty(0, dtype=np.int64)
        self._bound = np.empty(0, dtype=np.float32)

    def take(self, bounds: Float32, rows: Int64, slack: Float32) -> None:
        """Take in a block of bounds (q, rows)."""
        threshold = self._threshold
        if not len(self.query) and bounds.shape[1] > self._k:
            threshold = np.partition(bounds, self._k - 1, axis=1)[:, self._k - 1]
        query, column = np.nonzero(bounds <= (threshold + slack)[:, np.newaxis])
        if not len(query):
            return
        query = np.concatenate((self.query, query))
        row = np.concatenate((self.row, rows[column]))
        bound = np.concatenate((self._bound, bounds[query[len(self.query) :], column]))
        order = np.lexsort((bound, query))
        query, row, bound = query[order], row[order], bound[order]
        starts = np.searchsorted(query, np.arange(len(threshold) + 1))
        full = np.flatnonzero(np.diff(starts) >= self._k)
        self._threshold[full] = bound[starts[full] + self._k - 1]
        kept = bound <= (self._threshold + slack)[query]
        self.query, self.row, self._bound = query[kept], row[kept], bound[kept]
