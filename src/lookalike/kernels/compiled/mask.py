"""Brings which rows may be found into the form that a search takes."""

from __future__ import annotations

from typing import Any

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.plan import GROUPS, OFFSETS_AT

parts: Any = scan_intrinsics  # intrinsics are called without their first argument


@entry(
    "void(int64[::1], boolean[::1], uint16[::1])",
)
def pack(plan: Any, rows: Any, words: Any) -> None:
    """Store `rows` (n,), by position, as the bits of `words` (blocks,); `plan` is that of `search`."""
    offsets = plan[OFFSETS_AT]
    block = 0
    for group in range(plan[GROUPS]):
        end = parts.int64_at(offsets, group + 1)
        for first in range(parts.int64_at(offsets, group), end, 16):
            words[block] = parts.truths_at(rows.ctypes.data + first, end - first)
            block += 1
