"""Room for large arrays."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from lookalike.index.io.huge_pages import HUGE_PAGE, LEAST_BYTES, room_for


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "int64"])
@pytest.mark.parametrize("size", [0, 1, LEAST_BYTES - 8, LEAST_BYTES, LEAST_BYTES + 13 * 8])
def test_room_has_the_shape_and_keeps_what_is_put(dtype: str, size: int) -> None:
    count = size // np.dtype(dtype).itemsize
    array = room_for((count, 1), dtype)
    assert (array.shape, array.dtype.name) == ((count, 1), dtype)
    array[:, 0] = np.arange(count) % 100
    assert np.array_equal(array[:, 0], (np.arange(count) % 100).astype(dtype))


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="this system has no advice of huge pages")
def test_large_room_begins_a_huge_page() -> None:
    assert room_for((LEAST_BYTES,), np.uint8).ctypes.data % HUGE_PAGE == 0


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="this system does not tell how memory is mapped"
)
def test_large_room_is_not_shared_with_other_processes() -> None:
    array = room_for((LEAST_BYTES,), np.uint8)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        first, last = (int(end, 16) for end in span.split("-"))
        if first <= array.ctypes.data < last:
            assert rights == "rw-p"  # shared memory has no huge pages by default
            return
    raise AssertionError("not mapped")


def test_room_stays_while_a_part_of_it_is_used() -> None:
    part = room_for((LEAST_BYTES,), np.uint8)[5:9]
    part[:] = 7
    assert part.tolist() == [7, 7, 7, 7]


def test_room_is_had_where_the_system_refuses_huge_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(mmap, "mmap", refused)
    assert room_for((LEAST_BYTES,), np.uint8).shape == (LEAST_BYTES,)
