"""Arrays that are memory-mapped: which they are, and letting go of their pages."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt


def map_under(array: npt.NDArray[Any]) -> np.memmap[Any, Any] | None:
    """Return the memory map that `array` is a view of."""
    part: Any = array
    while isinstance(part, np.ndarray):
        if isinstance(part, np.memmap):
            return part
        part = part.base
    return None


def release(array: Any) -> None:
    """Let go of the pages of a file that are mapped for `array`, so that they count as this process's no more.

    Only for files that are mapped to be read: of others, changes could be lost.
    """
    mapped = map_under(array) if isinstance(array, np.ndarray) else None
    mapping = getattr(mapped, "_mmap", None)
    if (
        mapped is not None
        and mapped.mode == "r"
        and isinstance(mapping, mmap.mmap)
        and hasattr(mmap, "MADV_DONTNEED")
    ):
        with contextlib.suppress(OSError, ValueError):
            mapping.madvise(mmap.MADV_DONTNEED)


def is_mapped(array: npt.NDArray[Any]) -> bool:
    """Whether `array` lies in a file."""
    return map_under(array) is not None
