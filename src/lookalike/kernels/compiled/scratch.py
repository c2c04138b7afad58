"""Room that a kernel works in: one allocation, of which parts are taken.

References to arrays are counted by atomic steps, which take as long as a tenth of a quick search: kernels borrow their
arrays, without being counted among those who hold them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 64
"""Bytes of a cache line: a load across two costs two."""

inner: Any = njit(nogil=True, error_model="numpy")


@intrinsic
def _borrowed(typing: Any, array: Any) -> Any:
    """Return the same array, which is not kept alive by this: somebody else must hold it until the end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.return_type
        view = context.make_array(kind)(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    assert isinstance(array, types.Array)
    return array(array), generate


borrowed: Any = _borrowed  # intrinsics are called without their first argument


@inner
def allocated(size: int) -> Any:
    """Return room of `size` bytes, at the start of a cache line."""
    room = np.empty(size + LINE, dtype=np.uint8)
    start = -room.ctypes.data & (LINE - 1)
    return room[start : start + size]


@inner
def lines(size: int) -> Any:
    """Return `size`, in bytes, up to whole cache lines."""
    return (size + LINE - 1) & -LINE


@inner
def take(room: Any, size: int) -> Any:
    """Return the first `size` bytes of some room, up to whole cache lines, and what is left of it."""
    size = lines(size)
    return room[:size], room[size:]
