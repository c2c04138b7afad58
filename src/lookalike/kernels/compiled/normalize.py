"""Readies queries for a search: NumPy takes as long to look at one as the kernels take to answer it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.distance import product_float32
from lookalike.kernels.compiled.entry import entry


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _square(vector: Any) -> Any:
    """Return the squared length in float64, added up in any order."""
    square = 0.0
    for i in range(len(vector)):  # by number: Numba does not make vectors of the other loop
        square += np.float64(vector[i]) * np.float64(vector[i])
    return square


@entry(
    "boolean(float32[:, ::1], boolean, float64, float64, float32[:, ::1])",
)
def ready(queries: Any, cosine: Any, smallest: Any, largest: Any, out: Any) -> bool:
    """Return whether the squared lengths of all `queries` (q, d) are below `largest`, and so finite.

    Under `cosine` they are above `smallest` too, and `out` (q, d) gets the queries at length one, made in float64 and
    rounded once; else it is not touched.
    """
    dimension = queries.shape[1]
    for q in range(len(queries)):
        if not cosine:
            address = queries[q].ctypes.data
            if not product_float32(address, address, dimension) < largest:
                return False
            continue
        square = _square(queries[q])
        if not smallest < square < largest:
            return False
        scale = 1 / np.sqrt(square)
        for i in range(dimension):
            out[q, i] = np.float32(queries[q, i] * scale)
    return True
