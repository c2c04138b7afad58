"""The encoder of rows, compiled by Numba; `reference_inverted_file.encode_rows` says what it means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.reference import DOT
from lookalike.kernels.reference_inverted_file import LARGEST_UPPER, SMALLEST_UPPER


@njit(nogil=True, error_model="numpy")
def _word(constant: Any, slope: Any) -> Any:
    """See `reference_inverted_file.factor_words`."""
    lower = (np.int64(np.float32(slope).view(np.uint32)) + 0x8000) >> 16
    bits = np.int64(np.float32(constant).view(np.uint32))
    upper: Any = ((bits & 0x7FFFFFFF) - lower + 0x8000) >> 16
    upper = min(max(upper, SMALLEST_UPPER), LARGEST_UPPER)
    return np.uint32((bits & 0x80000000) | upper << 16 | lower)


@entry(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], int64[::1], int64[::1],"
    " float32[::1], int64, uint8[:, ::1], uint32[:, ::1])",
    fastmath={"reassoc", "contract"},
)
def encode_rows(
    rows: Any,
    rotated: Any,
    centroids: Any,
    rotated_centroids: Any,
    bucket_of: Any,
    slots: Any,
    mean: Any,
    metric: Any,
    blocks: Any,
    factors: Any,
) -> None:
    """See `reference_inverted_file.encode_rows`; its sums are in float32, in another order."""
    signs = rotated.shape[1]
    first_factor = signs // 2
    for i in range(len(rows)):
        bucket = bucket_of[i]
        block, slot = slots[i] >> 4, slots[i] & 15
        place = 2 * slot if slot < 8 else 2 * slot - 15
        square = np.float32(0)
        outside = np.float32(0)
        for j in range(rows.shape[1]):
            difference = rows[i, j] - centroids[bucket, j]
            square += difference * difference
            outside += difference * mean[j]
        length = np.float32(0)
        inside = np.float32(0)
        fold = np.float32(0)
        for j in range(signs):
            z = rotated[i, j] - rotated_centroids[bucket, j]
            centre = rotated_centroids[bucket, j]
            length += abs(z)
            inside += z * z
            fold += centre if z > 0 else -centre
        for group in range(signs // 4):
            nibble = 0
            for bit in range(4):
                j = 4 * group + bit
                nibble |= (1 if rotated[i, j] > rotated_centroids[bucket, j] else 0) << bit
            chunk, part = group >> 3, group & 7
            blocks[block, 64 * chunk + 16 * (part & 3) + place] |= np.uint8(nibble << (part & 4))
        gain = np.float32(inside / length if length > 0 else 0)
        if metric == DOT:
            constant, slope = -outside, -gain
        else:
            constant, slope = square + np.float32(2) * gain * fold, np.float32(-2) * gain
        factors[block, first_factor + slot] = _word(constant, slope)
