"""Brings which rows may be found into the form that a search takes."""

from __future__ import annotations

from typing import Any

from numba import njit

from lookalike.kernels.compiled import scan_intrinsics

parts: Any = scan_intrinsics  # intrinsics are called without their first argument


@njit(
    "void(int64[::1], boolean[::1], uint16[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def pack(plan: Any, rows: Any, words: Any) -> None:
    """Store `rows` (n,), by position, as the bits of `words` (blocks,); `plan` is that of `search`."""
    buckets, offsets = plan[0], plan[7]
    block = 0
    for bucket in range(buckets):
        end = parts.int64_at(offsets, bucket + 1)
        for first in range(parts.int64_at(offsets, bucket), end, 16):
            words[block] = parts.truths_at(rows.ctypes.data + first, end - first)
            block += 1
