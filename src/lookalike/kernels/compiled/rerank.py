"""Compares the rows that estimates have left exactly, and tells the nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.distance import FLOAT32, products, square, squares
from lookalike.kernels.compiled.scratch import lines, take
from lookalike.kernels.compiled.select import INFINITY, SORT_BYTES, select, sort, sort_scratch
from lookalike.kernels.compiled.whole_distance import STEP, is_whole, whole_squares
from lookalike.kernels.plan import DIMENSION, ELEMENT, IDS_AT, METRIC, ROW_BYTES, ROWS_AT
from lookalike.kernels.reference import COSINE, DOT, EUCLIDEAN

ASKED_BYTES = 1024
"""Of each row that are asked for before any is compared; the processor itself goes on from there."""

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def rerank_bytes(plan: Any) -> Any:
    """Return the bytes that `rerank_scratch` takes."""
    return SORT_BYTES + 2 * lines(4 * _divided(plan)) + lines(2 * plan[DIMENSION] + 2 * STEP)


@inner
def rerank_scratch(plan: Any, room: Any) -> Any:
    """Return what `compare_exactly` works in, and what is left of the room.

    That is `sort_scratch`; a scaled query, and zeros, both (d,), where lengths are divided out, else empty; and the
    query in whole numbers.
    """
    size = _divided(plan)
    ranked, numbers, room = sort_scratch(room)
    scaled, room = take(room, 4 * size)
    zeros, room = take(room, 4 * size)
    zeros[:] = 0
    whole, room = take(room, 2 * plan[DIMENSION] + 2 * STEP)
    return (ranked, numbers, scaled.view(np.float32), zeros.view(np.float32), whole), room


@inner
def _divided(plan: Any) -> Any:
    """Return the dimension where lengths are divided out of rows, else 0."""
    return plan[DIMENSION] if plan[METRIC] == COSINE and plan[ELEMENT] != FLOAT32 else np.int64(0)


@inner
def compare_exactly(
    plan: Any,
    query: Any,
    values: Any,
    places: Any,
    numbers: Any,
    size: int,
    scratch: Any,
    max_distance: Any,
    found_ids: Any,
    found_distances: Any,
) -> None:
    """Fill `found_ids` and `found_distances` (k,) from `size` rows at `places`; see `search`.

    `values` and `numbers` are room for distances and ids; all three need room for 15 more. `scratch` is that of
    `rerank_scratch`.
    """
    ranked, numbers_ranked, scaled, zeros, whole = scratch
    dimension, element, metric = plan[DIMENSION], plan[ELEMENT], plan[METRIC]
    vectors, ids, row_bytes = plan[ROWS_AT], plan[IDS_AT], plan[ROW_BYTES]
    k, query_at, zeros_at = len(found_ids), query.ctypes.data, zeros.ctypes.data
    divided = metric == COSINE and element != FLOAT32
    for i in range(size):
        row = vectors + places[i] * row_bytes
        for line in range(0, min(row_bytes, ASKED_BYTES), 64):
            parts.prefetch(row + line)
    whole_at = whole.ctypes.data
    is_whole_query = metric == EUCLIDEAN and is_whole(element, query_at, dimension, whole_at)
    for i in range(0, size, 2):
        row, other = vectors + places[i] * row_bytes, vectors + places[min(i + 1, size - 1)] * row_bytes
        if is_whole_query:
            values[i], values[i + 1] = whole_squares(element, whole_at, row, other, dimension)
            continue
        if metric != DOT and not divided:
            values[i], values[i + 1] = squares(element, query_at, row, other, dimension)
            continue
        first, second = products(element, query_at, row, other, dimension)
        values[i], values[i + 1] = -first, -second
        if divided:
            first, second = squares(element, zeros_at, row, other, dimension)
            for j, length in ((i, first), (i + 1, second)):
                values[j] = values[j] / np.sqrt(length) if length > 0 else np.float32(0)
    size, _ = select(values, places, size, k, k >> 1)
    for i in range(size):
        row = vectors + places[i] * row_bytes
        if metric == EUCLIDEAN:
            values[i] = np.sqrt(values[i])
        elif divided:
            length = square(element, zeros_at, row, dimension)
            for j in range(dimension):
                scaled[j] = query[j] * np.sqrt(length)
            difference = square(element, scaled.ctypes.data, row, dimension)
            values[i] = difference / (length + length) if length > 0 else np.float32(1)
        elif metric == COSINE:  # half the squared difference is 0 for equal rows, as 1 - product is not
            values[i] *= np.float32(0.5)
        numbers[i] = parts.int64_at(ids, places[i])
    sort(values, numbers, size, ranked, numbers_ranked)
    for i in range(k):
        there = i < size and values[i] <= max_distance
        found_ids[i] = numbers[i] if there else -1
        found_distances[i] = values[i] if there else INFINITY
