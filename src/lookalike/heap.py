"""What the C library's allocator is told, where it is glibc's; others go without."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 << 20


def share_arenas(most: int) -> None:
    """Have threads keep what they free in at most so many places; by default each that works has some of its own."""
    _tell(_ARENA_MAX, most)


def keep_freed(most: int) -> None:
    """Have the process keep up to `most` bytes that it freed.

    By default arrays of some hundred kilobytes go back to the system each time, which then clears their pages for the
    next: for short work on one picture after the other, that takes longer than the work.
    """
    _tell(_MMAP_THRESHOLD, min(most, _LARGEST_MMAP_THRESHOLD))
    _tell(_TRIM_THRESHOLD, most)


def _tell(parameter: int, value: int) -> None:
    with suppress(OSError, AttributeError, TypeError):  # there is no glibc
        ctypes.CDLL(None).mallopt(parameter, value)
