"""Squared differences of many pairs of rows, or of all pairs of some.

`reference.euclidean` squared, but in float32, and in another order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.distance import square, squares
from lookalike.kernels.compiled.entry import entry

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
AHEAD = 8
"""Rows that lie apart are fetched from memory so many rows before they are compared,"""
PREFETCHED_BYTES = 512
"""as far as this; the processor itself fetches what follows."""


@entry(
    "void(float32[:, ::1], int64[::1], int64, int64, int64, int64[::1], float32[::1])",
)
def pair_squares(
    queries: Any, query: Any, rows_at: int, row_bytes: int, element: int, rows: Any, squares: Any
) -> None:
    """Fill `squares` (p,) with the squared difference of queries[query[i]] and row rows[i].

    Args:
        queries: (q, d).
        rows_at: the address of rows (n, d), of the type of the number `element` among `plan.ELEMENTS`.
        row_bytes: of each.
    """
    dimension = queries.shape[1]
    first = queries.ctypes.data
    for i in range(len(rows)):
        asked = first + query[i] * dimension * 4
        squares[i] = np.float32(square(element, asked, rows_at + rows[i] * row_bytes, dimension))


@entry(
    "void(float32[:, ::1], int64, int64, int64, int64, int64[::1], float32[:, ::1])",
)
def row_squares(
    queries: Any, rows_at: int, row_bytes: int, element: int, start: int, rows: Any, found: Any
) -> None:
    """Fill `found` (r, q) with the squared differences of rows to all queries.

    Args:
        queries: (q, d).
        rows_at, row_bytes, element: see `pair_squares`.
        start: the first of r rows that lie side by side, where `rows` is empty.
        rows: (r,), or empty.
    """
    count, asked = found.shape
    dimension, first = queries.shape[1], queries.ctypes.data
    chosen = len(rows) > 0
    for i in range(0, count, 2):
        after = min(i + 1, count - 1)
        if chosen:
            one, other = rows[i], rows[after]
            ahead = rows_at + rows[min(i + AHEAD, count - 1)] * row_bytes
            further = rows_at + rows[min(i + AHEAD + 1, count - 1)] * row_bytes
            for line in range(0, min(row_bytes, PREFETCHED_BYTES), 64):
                parts.prefetch(ahead + line)
                parts.prefetch(further + line)
        else:
            one, other = start + i, start + after
        place, next_place = rows_at + one * row_bytes, rows_at + other * row_bytes
        for j in range(asked):
            query = first + j * dimension * 4
            found[i, j], found[after, j] = squares(element, query, place, next_place, dimension)
