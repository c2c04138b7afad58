"""Selection and order without a heap: values are counted, 16 an instruction, until the count is right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.scratch import take

INFINITY = np.float32(np.inf)
LARGEST = np.finfo(np.float32).max
"""No limit, but for what fills up the last 16 values: that is infinite, and is nothing's."""
MOST_RANKED = 512

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def filled(values: Any, count: int) -> Any:
    """Put infinity after `count` values, up to a whole number of 16; return how many times 16 there are."""
    vectors = (count + 15) >> 4
    for i in range(count, vectors << 4):
        values[i] = INFINITY
    return vectors


@inner
def threshold(address: int, vectors: int, want: int, slack: int) -> Any:
    """Return a value that `want` of the floats, or up to `slack` more, are at most; inf where there are fewer.

    No heap and no sort: it is found by bisection, each step of which counts 16 values an instruction.
    """
    low, high = parts.bounds_of(address, vectors)
    for _ in range(40):
        middle = low + (high - low) * np.float32(0.5)
        if not low < middle < high:
            break
        below = parts.count_at_most(address, vectors, middle)
        if below < want:
            low = middle
        else:
            high = middle
            if below <= want + slack:
                break
    return high


@inner
def select(values: Any, places: Any, count: int, want: int, slack: int) -> Any:
    """Keep the `want` least of `count` values, or up to `slack` more, in front; return how many, and the limit."""
    vectors = filled(values, count)
    if count <= want:
        return count, INFINITY
    address, at = values.ctypes.data, places.ctypes.data
    high = threshold(address, vectors, want, slack)
    return parts.keep_at_most(address, at, vectors, high, address, at), high


@inner
def keep_near(
    values: Any, places: Any, count: int, k: int, least: int, most: int, margin: Any, unit: Any
) -> Any:
    """Keep the values not far beyond the k-th least, but at least `least` and about `most`; see `select`.

    Far is `margin` times `unit`, or times the k-th value itself where `unit` is negative. The k-th is only known to be
    less than the one after it.
    """
    vectors = filled(values, count)
    if count <= least:
        return count, INFINITY
    address, at = values.ctypes.data, places.ctypes.data
    nearest = threshold(address, vectors, k, 0)
    limit = min(nearest + margin * (unit if unit >= 0 else max(nearest, np.float32(0))), LARGEST)
    within = parts.count_at_most(address, vectors, limit)
    if within < least:
        limit = threshold(address, vectors, least, least >> 3)
    elif within > most:
        limit = threshold(address, vectors, most, most >> 3)
    return parts.keep_at_most(address, at, vectors, limit, address, at), limit


SORT_BYTES = 12 * MOST_RANKED
"""Bytes that `sort_scratch` takes."""


@inner
def sort_scratch(room: Any) -> Any:
    """Return arrays that `sort` fills, and what is left of the room."""
    ranked, room = take(room, 4 * MOST_RANKED)
    numbers, room = take(room, 8 * MOST_RANKED)
    return ranked.view(np.float32), numbers.view(np.int64), room


@inner
def sort(values: Any, numbers: Any, count: int, ranked: Any, numbers_ranked: Any) -> None:
    """Order by value, then number, none of which is negative. Both arrays need room for 15 more.

    Up to `MOST_RANKED`, each is first put where the count of lesser values says, 16 at a time and without a branch
    to mispredict; Shell's method does the rest. The last two arrays are `sort_scratch`'s.
    """
    gap = 1
    if count > MOST_RANKED:
        while gap < count // 3:
            gap = 3 * gap + 1
    elif count > 2:
        vectors, address = filled(values, count), values.ctypes.data
        numbers_ranked[:count] = -1
        for i in range(count):
            rank = min(max(parts.count_at_most(address, vectors, values[i]) - 1, 0), count - 1)
            while numbers_ranked[rank] >= 0:  # an equal value is there
                rank = rank - 1 if rank > 0 else count - 1
            ranked[rank], numbers_ranked[rank] = values[i], numbers[i]
        for i in range(count):
            values[i], numbers[i] = ranked[i], numbers_ranked[i]
    while gap > 0:
        for i in range(gap, count):
            value, number = values[i], numbers[i]
            j = i
            while j >= gap and (
                values[j - gap] > value or (values[j - gap] == value and numbers[j - gap] > number)
            ):
                values[j], numbers[j] = values[j - gap], numbers[j - gap]
                j -= gap
            values[j], numbers[j] = value, number
        gap //= 3
