"""Readies queries for a search: NumPy takes as long to look at one as the kernels take to answer it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.arrays import LARGEST_SQUARE, SMALLEST_SQUARE
from lookalike.kernels.compiled_compare import product_float32


@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _square(vector: Any) -> Any:
    """Return the squared length in float64, added up in any order."""
    square = 0.0
    for i in range(len(vector)):  # by number: Numba does not make vectors of the other loop
        square += np.float64(vector[i]) * np.float64(vector[i])
    return square


@njit("boolean(float32[:, ::1], boolean, float32[:, ::1])", cache=True, nogil=True, error_model="numpy")
def ready(queries: Any, cosine: Any, out: Any) -> bool:
    """Return whether all of `queries` (q, d) are ordinary: finite, and squared lengths too.

    Under `cosine` none is about zero either, and `out` (q, d) gets them at length one, made in float64 and rounded
    once; else it is not touched.
    """
    dimension = queries.shape[1]
    for q in range(len(queries)):
        if not cosine:
            address = queries[q].ctypes.data
            if not product_float32(address, address, dimension) < LARGEST_SQUARE:
                return False
            continue
        square = _square(queries[q])
        if not SMALLEST_SQUARE < square < LARGEST_SQUARE:
            return False
        scale = 1 / np.sqrt(square)
        for i in range(dimension):
            out[q, i] = np.float32(queries[q, i] * scale)
    return True
