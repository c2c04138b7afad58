"""Squared differences of a few queries and rows in float32, by a compiled kernel that reads rows as they are kept.

A matrix product wants rows of float32 side by side: rows that a filter leaves, or that are kept in a narrower type, are
copied first. Of few queries that costs more than the comparison. A sum of d squared differences is, in any order, off
by at most d + 4 units of rounding of itself, since no two of its terms cancel out.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.index.bounds import NOT_NEEDED, UNIT, Lengths, kth_at_most, rounded_up
from lookalike.index.sketches.sketched_rows import in_threads
from lookalike.kernels.plan import ELEMENTS

MOST_QUERIES = 8
"""Of more queries, the products are worth the copy."""
COMPILED_NUMBERS, LOADED_NUMBERS = 400_000_000, 10_000_000
"""Until a process has compared so many numbers, NumPy does so in less time than loading Numba and the kernel takes; the
second where Numba is there already, for another kernel."""
NUMBERS_A_THREAD = 2_000_000
"""Fewer numbers are compared sooner than a thread begins."""

Float64 = npt.NDArray[np.float64]


class Differences:
    """Bounds of the distances of some queries to rows; it does what `Bounding` does."""

    def __init__(self, queries: Float32, vectors: Rows, metric: Metric, threads: int) -> None:
        """Take `queries` (q, d) and rows (n, d), for which `wants_differences` is true."""
        self._queries, self._vectors, self._threads = np.ascontiguousarray(queries), vectors, threads
        self._kernel = _kernel or _load()
        self.reach = _SquareReach(queries.shape[1], metric)

    def of(self, rows: slice | Int64) -> tuple[Float32, Lengths]:
        """Return the bounds (rows, q) of these rows; no lengths need to be known."""
        start, chosen = (rows.start, _NONE) if isinstance(rows, slice) else (0, np.ascontiguousarray(rows))
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        found: Float32 = np.empty((count, len(self._queries)), dtype=np.float32)
        row_bytes, element = self._vectors.strides[0], ELEMENTS.index(self._vectors.dtype.name)
        address = self._vectors.ctypes.data

        def run(first: int, last: int) -> None:
            part = chosen[first:last]
            self._kernel(self._queries, address, row_bytes, element, start + first, part, found[first:last])

        in_threads(run, count, min(self._threads, max(1, count * self._queries.size // NUMBERS_A_THREAD)))
        return found, NOT_NEEDED


def wants_differences(queries: Float32, vectors: Rows, metric: Metric, rows: Int64 | None) -> bool:
    """Return whether `queries` (q, d) are compared with `vectors` (n, d), or with those at `rows`, this way.

    Nothing of narrow rows under "cosine", whose lengths are divided out, nor of inner products.
    """
    global _compared
    if not 0 < len(queries) <= MOST_QUERIES or not (
        metric == "euclidean" or (metric == "cosine" and vectors.dtype == np.float32)
    ):
        return False
    as_they_lie = vectors.dtype == np.float32 and rows is None
    if as_they_lie or not len(vectors) or vectors.strides[1] != vectors.itemsize:
        return False
    _compared += len(queries) * (len(vectors) if rows is None else len(rows)) * vectors.shape[1]
    loaded = "lookalike.kernels.compiled.entry" in sys.modules
    return _kernel is not None or _compared >= (LOADED_NUMBERS if loaded else COMPILED_NUMBERS)


class _SquareReach:
    """How far rounding may err: between squared differences in float32 and as they are; see `bounds.Reach`."""

    def __init__(self, dimension: int, metric: Metric) -> None:
        self._error, self._smallest = (dimension + 8) * UNIT, (dimension + 8) * 2.0**-126
        self._halved = metric == "cosine"

    def kth(self, bounds: Float32, lengths: Lengths, k: int) -> Float64:
        most: Float64 = kth_at_most(bounds, k) * (1 + 2 * self._error) + self._smallest
        return most

    def limit(self, most: Float64, lengths: Lengths) -> Float32:
        return rounded_up(most * (1 + 2 * self._error) + self._smallest)

    def truth(self, distances: Float32, queries: Int64) -> Float64:
        wide = distances.astype(np.float64) * (1 + 2.0**-22)
        return (2 * wide if self._halved else wide * wide) + self._smallest


_NONE: Int64 = np.empty(0, dtype=np.int64)
_compared = 0
_kernel: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba."""
    global _kernel
    from lookalike.kernels.compiled import pair_squares

    _kernel = pair_squares.row_squares
    return _kernel
