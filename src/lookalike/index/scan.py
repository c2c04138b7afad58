"""Exact search by comparing every row, in blocks, with matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.index.row_forms import comparable, widened
from lookalike.index.snapshot import Squares
from lookalike.kernels import reference

QUERY_BLOCK = 256
BOUNDS_BYTES = 4 << 20
"""Rows are compared in blocks of so many that the bounds of their distances stay in the processor's cache."""
WIDE_BYTES = 512 << 10
"""Rows that must be copied or widened to float32 first are so in blocks of this size, which stay in a nearer cache."""
DENSE = 0.75
"""Where more than this share of the rows is asked for, comparing all is quicker than copying these."""
GROUPS = 16
"""The k-th least of the minima of so many times k groups is little above the k-th least of all."""
PENDING = 4
"""Where survivors are so many times k a query, it pays to find out what k of them are nearest, and to keep these."""
PAIR_BYTES = 1 << 20

DISTANCES: dict[Metric, Callable[[Float32, Float32], npt.NDArray[np.float64]]] = {
    "euclidean": reference.euclidean,
    "cosine": reference.cosine,
    "dot": reference.dot,
}


def scan(
    queries: Float32,
    vectors: Rows,
    ids: Int64,
    k: int,
    metric: Metric,
    rows: Int64 | None = None,
    squares: Squares | None = None,
) -> tuple[Int64, Float32]:
    """Return ids and distances (q, k) of the exact k nearest, equal distances by id, padded with -1 and inf.

    A matrix product in float32 bounds each distance; all rows that could, within the rounding error of that
    product, be among the k nearest are then compared by difference in float64. So the answer is exact however
    the vectors are offset or scaled.

    Args:
        queries: (q, d); of length one under cosine, like the rows.
        vectors: (n, d), as they are kept.
        ids: (n,).
        rows: which of the n rows to compare, ascending; all by default.
        squares: those of `vectors`, where more than one scan is to come.
    """
    found_ids = np.full((len(queries), k), -1, dtype=np.int64)
    found_distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    known = (squares or Squares()).of(len(vectors))
    count = len(vectors) if rows is None else len(rows)
    for first in range(0, len(queries), QUERY_BLOCK):
        block = queries[first : first + QUERY_BLOCK]
        bounding = _Bounding(block, vectors, known, metric)
        nearest_rows = _Nearest(block, vectors, ids, k, metric)
        step = max(1, BOUNDS_BYTES // (4 * len(block)))
        for start in range(0, count, step):
            stop = min(start + step, count)
            compared = slice(start, stop) if rows is None else rows[start:stop]
            bounds, slack = bounding.of(compared)
            nearest_rows.take(bounds, slack, compared)
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


class _Bounding:
    """Bounds of the distances of some queries to rows, by products of matrices in float32.

    All is halved, so that no finite float32 vectors overflow on the way. A bound is, but for an error and for what
    only the query adds, half the distance under cosine and dot, and a quarter of its square under euclidean.
    """

    def __init__(self, queries: Float32, vectors: Rows, squares: Float32, metric: Metric) -> None:
        self._vectors, self._squares, self._metric = vectors, squares, metric
        # At length one, rows have all the same share in their distances. Those of narrow types are not so kept.
        self._unit = metric == "cosine" and vectors.dtype == np.float32
        half: Float32 = np.multiply(queries, -0.5, dtype=np.float32)
        self._columns = half.T
        self._lengths = np.sqrt(np.einsum("ij,ij->i", half, half))
        dimension = queries.shape[1]
        # A sum of d products in float32, in any order, is off by at most d units of rounding of the sum of sizes.
        self._rounding = np.float32((dimension + 8) * 2.0**-24)
        if metric == "cosine" and not self._unit:
            self._rounding *= np.float32(2)  # for the lengths, which are sums too
        self._smallest = np.float32((dimension + 8) * 2.0**-126)
        self._slack: Float32 = np.full(len(queries), self._smallest, dtype=np.float32)

    def of(self, rows: slice | Int64) -> tuple[Float32, Float32]:
        """Return the bounds (rows, q), and by how much the errors of two bounds up to now can add up, (q,)."""
        if isinstance(rows, slice):
            bounds, squares = self._products(rows, self._squares[rows])
        elif len(rows) > DENSE * (span := int(rows[-1]) + 1 - int(rows[0])):
            whole = slice(int(rows[0]), int(rows[0]) + span)
            bounds, squares = self._products(whole, self._squares[whole])
            bounds, squares = bounds[rows - rows[0]], squares[rows - rows[0]]
        else:
            bounds, squares = self._products(rows, self._squares[rows])
            self._squares[rows] = squares
        if self._unit:
            longest = np.float32(0.5)
        elif self._metric == "cosine":
            longest = np.float32(0.5)
            bounds /= 2 * np.sqrt(squares)[:, np.newaxis]
        else:
            longest = np.sqrt(squares.max())
        if self._metric == "euclidean":
            bounds += squares[:, np.newaxis]
            error = self._rounding * (self._lengths + longest) * (self._lengths + longest)
        else:
            error = 2 * self._rounding * self._lengths * longest
        self._slack = np.maximum(self._slack, 2 * error + self._smallest)
        return bounds, self._slack

    def _products(self, rows: slice | Int64, squares: Float32) -> tuple[Float32, Float32]:
        """Return minus half the products of rows and queries, (rows, q), and `squares` with all filled in."""
        missing = not self._unit and bool(np.isnan(squares.max()))
        products = np.empty((len(squares), self._columns.shape[1]), dtype=np.float32)
        for here, block in self._wide(rows, len(squares)):
            np.matmul(block, self._columns, out=products[here])
            if missing:  # in one step, since another thread may be reading them
                squares[here] = np.einsum("ij,ij->i", block, block) * np.float32(0.25)
        return products, squares

    def _wide(self, rows: slice | Int64, count: int) -> Iterator[tuple[slice, Float32]]:
        """Yield `rows`, `count` of them, as float32, a few at a time unless they can be taken as they lie."""
        vectors = self._vectors
        plain = vectors.dtype == np.float32
        if plain and isinstance(rows, slice):
            yield slice(0, count), vectors[rows]
            return
        step = max(1, WIDE_BYTES // (4 * vectors.shape[1]))
        room = np.empty((0 if plain else min(step, count), vectors.shape[1]), dtype=np.float32)
        for start in range(0, count, step):
            here = slice(start, min(start + step, count))
            if isinstance(rows, slice):
                block = vectors[rows.start + start : rows.start + here.stop]
            else:
                block = vectors[rows[here]]
            yield here, block if plain else widened(block, room[: len(block)])


class _Nearest:
    """The nearest rows to some queries: candidates by bounds, then by exact distances."""

    def __init__(self, queries: Float32, vectors: Rows, ids: Int64, k: int, metric: Metric) -> None:
        self._queries, self._vectors, self._ids, self._metric = queries, vectors, ids, metric
        self._k = k
        # What a bound must not be above, but for the slack: the k-th least bound of any of the rows.
        self._threshold: Float32 = np.full(len(queries), np.inf, dtype=np.float32)
        nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        self._query, self._row, self._bound = nothing
        self._distance = np.empty(0, dtype=np.float32)  # of the first of them; the others are pending

    def take(self, bounds: Float32, slack: Float32, rows: slice | Int64) -> None:
        """Take in the bounds (rows, q) of these rows."""
        near = bounds <= self._threshold + slack
        if np.count_nonzero(near) > PENDING * self._k * len(self._queries):
            self._threshold = np.minimum(self._threshold, _kth_at_most(bounds, self._k))
            near = bounds <= self._threshold + slack
        row, query = np.divmod(np.flatnonzero(near), len(self._queries))
        if not len(row):
            return
        self._bound = np.concatenate((self._bound, bounds[row, query]))
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
        """Keep the k nearest only, whose bounds lower the threshold."""
        self._compare()
        order = np.lexsort((self._ids[self._row], self._distance, self._query))
        query = self._query[order]
        first = np.searchsorted(query, np.arange(len(self._queries) + 1))
        kept = order[np.arange(len(query)) - first[query] < self._k]
        self._query, self._row = self._query[kept], self._row[kept]
        self._bound, self._distance = self._bound[kept], self._distance[kept]
        full = np.flatnonzero(np.diff(first) >= self._k)
        highest: Float32 = np.full(len(self._queries), -np.inf, dtype=np.float32)
        np.maximum.at(highest, self._query, self._bound)
        self._threshold[full] = np.minimum(self._threshold[full], highest[full])


def _kth_at_most(bounds: Float32, k: int) -> Float32:
    """Return for each column of `bounds` (rows, q) a number that is not below its k-th least, (q,)."""
    rows, queries = bounds.shape
    groups = GROUPS * k
    if rows >= 2 * groups:
        whole = rows - rows % groups
        least = bounds[:whole].reshape(-1, groups, queries).min(axis=0)
    else:
        least = bounds
    if len(least) < k:
        return np.full(queries, np.inf, dtype=np.float32)
    kth: Float32 = np.partition(least, k - 1, axis=0)[k - 1]
    return kth
