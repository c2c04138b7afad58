"""Exact search by comparing every row, in blocks, with matrix products."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Float32, Int64, Metric, Rows
from lookalike.index.bounds import Bounding, Lengths, Reach
from lookalike.index.differences import Differences, wants_differences
from lookalike.index.exact_rows import REFERENCE, scan_exactly
from lookalike.index.row_forms import comparable
from lookalike.index.squares import Squares
from lookalike.kernels import reference

QUERY_BLOCK = 256
BOUNDS_BYTES = 4 << 20
"""The bounds of one block of rows take this much room, and stay in the processor's cache."""
PENDING = 4
"""Where survivors are this many times k a query, it pays to find out what k of them are nearest, and to keep these."""
PAIR_BYTES = 1 << 20

DISTANCES: dict[Metric, Callable[[Rows, Rows], npt.NDArray[np.float64]]] = {
    "euclidean": reference.euclidean,
    "cosine": reference.cosine,
    "dot": reference.dot,
    **REFERENCE,
}


def scan(
    queries: Float32,
    vectors: Rows,
    ids: Int64,
    k: int,
    metric: Metric,
    rows: Int64 | None = None,
    squares: Squares | None = None,
    within: Float32 | None = None,
    *,
    threads: int = 1,
) -> tuple[Int64, Float32]:
    """Return ids and distances (q, k) of the exact k nearest, equal distances by id, padded with -1 and inf.

    A matrix product in float32 bounds each distance (`lookalike.index.bounds`), or, of few queries, a compiled
    comparison (`lookalike.index.differences`); all rows that could, within the rounding error of that, be among the k
    nearest are then compared by difference in float64. So the answer is exact however the vectors are offset or
    scaled. Codes and sets are compared as they are.

    Args:
        queries: (q, d); of length one under cosine, like the rows.
        vectors: (n, d), as they are kept.
        ids: (n,).
        rows: which of the n rows to compare, ascending; all by default.
        squares: what is known of `vectors`, where more than one scan is to come.
        within: (q,), distances beyond which no row is wanted, infinity for none; some may be given nevertheless.
        threads: at most this many, beside those of matrix products.
    """
    if metric in DISCRETE:
        return scan_exactly(queries, vectors, ids, k, metric, rows)
    found_ids = np.full((len(queries), k), -1, dtype=np.int64)
    found_distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    count = len(vectors) if rows is None else len(rows)
    compiled = wants_differences(queries, vectors, metric, rows)
    known = None if compiled else (squares or Squares()).of(vectors, metric)
    for first in range(0, len(queries), QUERY_BLOCK):
        block = queries[first : first + QUERY_BLOCK]
        bounding: Bounding | Differences
        if known is None:
            bounding = Differences(block, vectors, metric, threads)
        else:
            bounding = Bounding(block, vectors, known, metric)
        nearest_rows = _Nearest(block, vectors, ids, k, metric, bounding.reach)
        if within is not None:
            nearest_rows.limit(within[first : first + QUERY_BLOCK])
        step = max(1, BOUNDS_BYTES // (4 * len(block)))
        for start in range(0, count, step):
            stop = min(start + step, count)
            compared = slice(start, stop) if rows is None else rows[start:stop]
            nearest_rows.take(*bounding.of(compared), compared)
        here = slice(first, first + len(block))
        nearest_rows.finish(found_ids[here], found_distances[here])
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


class _Nearest:
    """The nearest rows to some queries: candidates by bounds, then by exact distances."""

    def __init__(
        self, queries: Float32, vectors: Rows, ids: Int64, k: int, metric: Metric, reach: Reach
    ) -> None:
        self._queries, self._vectors, self._ids, self._metric = queries, vectors, ids, metric
        self._k, self._reach = k, reach
        self._most = np.full(len(queries), np.inf)  # what the truth of k rows is not above; see `Reach`
        self._query, self._row = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        self._distance = np.empty(0, dtype=np.float32)  # of the first of them; the others are pending

    def limit(self, distances: Float32) -> None:
        """Leave out rows that are farther than `distances` (q,), as far as that is finite."""
        known = np.flatnonzero(np.isfinite(distances))
        self._most[known] = self._reach.truth(distances[known], known)

    def take(self, bounds: Float32, lengths: Lengths, rows: slice | Int64) -> None:
        """Take in the bounds (rows, q) of these rows."""
        near = bounds <= self._reach.limit(self._most, lengths)
        if np.count_nonzero(near) > PENDING * self._k * len(self._queries):
            self._most = np.minimum(self._most, self._reach.kth(bounds, lengths, self._k))
            near = bounds <= self._reach.limit(self._most, lengths)
        row, query = np.divmod(np.flatnonzero(near), len(self._queries))
        if not len(row):
            return
        self._query = np.concatenate((self._query, query))
        self._row = np.concatenate((self._row, row + rows.start if isinstance(rows, slice) else rows[row]))
        if len(self._row) - len(self._distance) > PENDING * self._k * len(self._queries):
            self._settle()

    def finish(self, found_ids: Int64, found_distances: Float32) -> None:
        """Write the nearest rows' ids and distances (q, k)."""
        self._compare()
        nearest(self._query, self._ids[self._row], self._distance, found_ids, found_distances)

    def _compare(self) -> None:
        """Compare all that is pending."""
        done = len(self._distance)
        query, row = self._query[done:], self._row[done:]
        distances = pair_distances(self._queries, self._vectors, query, row, self._metric)
        self._distance = np.concatenate((self._distance, distances))

    def _settle(self) -> None:
        """Keep the k nearest only, the farthest of which then is what others must not be above."""
        self._compare()
        order = np.lexsort((self._ids[self._row], self._distance, self._query))
        query = self._query[order]
        first = np.searchsorted(query, np.arange(len(self._queries) + 1))
        kept = order[np.arange(len(query)) - first[query] < self._k]
        self._query, self._row, self._distance = self._query[kept], self._row[kept], self._distance[kept]
        full = np.flatnonzero(np.diff(first) >= self._k)
        farthest: Float32 = np.full(len(self._queries), -np.inf, dtype=np.float32)
        np.maximum.at(farthest, self._query, self._distance)
        self._most[full] = np.minimum(self._most[full], self._reach.truth(farthest[full], full))
