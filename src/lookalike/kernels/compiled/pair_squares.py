"""Squared differences of many pairs of rows; `reference.euclidean` squared, but in float32, and in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.distance import square


@njit(
    "void(float32[:, ::1], int64[::1], int64, int64, int64, int64[::1], float32[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
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
