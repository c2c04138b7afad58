"""Pseudo-random rotations and the keys of moved floors: what `kernels.reference_rotation` defines, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.entry import entry

inner: Any = njit(nogil=True, error_model="numpy")


@inner
def _hadamard(vector: Any) -> None:
    """Transform `vector` (n,), of 8 numbers or more, in place.

    The last three passes are done together, as numbers so close are no vector's lanes.
    """
    half = len(vector) // 2
    while half >= 8:
        for start in range(0, len(vector), 2 * half):
            low, high = vector[start : start + half], vector[start + half : start + 2 * half]
            for i in range(half):
                one, other = low[i], high[i]
                low[i], high[i] = one + other, one - other
        half //= 2
    for start in range(0, len(vector), 8):
        v = vector[start : start + 8]
        a, b, c, d = v[0] + v[4], v[1] + v[5], v[2] + v[6], v[3] + v[7]
        e, f, g, h = v[0] - v[4], v[1] - v[5], v[2] - v[6], v[3] - v[7]
        a, b, c, d = a + c, b + d, a - c, b - d
        e, f, g, h = e + g, f + h, e - g, f - h
        v[0], v[1], v[2], v[3] = a + b, a - b, c + d, c - d
        v[4], v[5], v[6], v[7] = e + f, e - f, g + h, g - h


@entry(
    "void(float32[:, ::1], int8[:, ::1], int8[:, :, ::1], float32[:, :, ::1])",
)
def rotate(vectors: Any, first: Any, later: Any, turned: Any) -> None:
    """See `reference_rotation.rotate`; D is 8 or more."""
    dimension, axes = vectors.shape[1], turned.shape[2]
    for row in range(len(vectors)):
        vector = vectors[row]
        for function in range(turned.shape[1]):
            out, signs = turned[row, function], first[function]
            for i in range(dimension):
                out[i] = vector[i] * np.float32(signs[i])
            out[dimension:] = np.float32(0)
            _hadamard(out)
            for turn in range(len(later)):
                signs = later[turn, function]
                for i in range(axes):
                    out[i] *= np.float32(signs[i])
                _hadamard(out)


@entry(
    "void(int64[::1], int64[:, ::1], int64[:, ::1], int64, uint64[:, ::1])",
)
def moved_keys(own: Any, multipliers: Any, moves: Any, size: Any, keys: Any) -> None:
    """See `reference_rotation.moved_keys`."""
    tables, floors = multipliers.shape
    for i in range(len(own)):
        steps = multipliers[i % tables]
        for place in range(moves.shape[1]):
            mask, total, j = moves[i, place], own[i], 0
            while mask:
                if mask & 1:
                    total += steps[j - floors] if j >= floors else -steps[j]
                mask >>= 1
                j += 1
            keys[i, place] = np.uint64(total % size)
