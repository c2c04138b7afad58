"""What a search does first: a query is rotated, its tables made, its nearest buckets chosen.

Several queries are begun together, so that the rotation and the centroids are fetched once for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels import plan as plan_slots
from lookalike.kernels.compiled import query_intrinsics, scan_intrinsics
from lookalike.kernels.compiled.distance import product_float32
from lookalike.kernels.compiled.scratch import lines, take
from lookalike.kernels.compiled.select import LARGEST, select, sort, threshold
from lookalike.kernels.plan import (
    CENTROID_BLOCKS_AT,
    DIMENSION,
    GROUPS,
    MEAN_AT,
    METRIC,
    ROTATION_AT,
    SIGNS,
)
from lookalike.kernels.reference import DOT

LOWEST_OF = 8
TABLE_LIMIT = np.float32(31)
"""Eight entries of a table are added in a byte."""
TOGETHER = query_intrinsics.TOGETHER
ORIGIN, UNIT, STEP, SHIFT = range(4)
"""What is told of a query: see `rotate` and `compare_centroids`."""

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
query_steps: Any = query_intrinsics
inner: Any = njit(nogil=True, error_model="numpy")
is_packed: Any = inner(plan_slots.is_packed)


@inner
def query_bytes(plan: Any) -> Any:
    """Return the bytes that `query_scratch` takes."""
    width, signs = (plan[DIMENSION] + 15) >> 4, plan[SIGNS]
    return TOGETHER * (128 * width + 9 * signs) + lines(16 * (TOGETHER + 1))


@inner
def query_scratch(plan: Any, room: Any) -> Any:
    """Return the arrays that `rotate` fills, a row for each query of `TOGETHER`, and what is left of the room.

    They are queries about the mean, as floats and as bytes; rotated; their tables, and the rotated values as bytes;
    what is told of each (`ORIGIN` and the slots after it), and a last row of its own.
    """
    width, signs = (plan[DIMENSION] + 15) >> 4, plan[SIGNS]
    moved, room = take(room, TOGETHER * 128 * width)
    rotated, room = take(room, TOGETHER * 4 * signs)
    tables, room = take(room, TOGETHER * 5 * signs)
    told, room = take(room, 16 * (TOGETHER + 1))
    return (
        moved.view(np.float32).reshape(TOGETHER, 32 * width),
        rotated.view(np.float32).reshape(TOGETHER, signs),
        tables.reshape(TOGETHER, 5 * signs),
        told[: 16 * (TOGETHER + 1)].view(np.float32).reshape(TOGETHER + 1, 4),
        room,
    )


@inner
def bucket_bytes(plan: Any) -> Any:
    """Return the bytes that `bucket_scratch` takes."""
    groups = (plan[GROUPS] + 15) >> 4
    return TOGETHER * 64 * groups + lines(TOGETHER * 4 * (groups * 2 + 32)) + 128 * (groups + 1)


@inner
def bucket_scratch(plan: Any, room: Any) -> Any:
    """Return the arrays that `compare_centroids` and `choose` fill, and what is left of the room.

    They are centroids' nearness, and the least of it, a row for each query of `TOGETHER`; and chosen buckets' nearness
    and numbers.
    """
    groups = (plan[GROUPS] + 15) >> 4
    few = groups * 2 + 32
    nearness, room = take(room, TOGETHER * 64 * groups)
    lowest, room = take(room, TOGETHER * 4 * few)
    chosen, room = take(room, 64 * (groups + 1))
    chosen_buckets, room = take(room, 64 * (groups + 1))
    return (
        nearness.view(np.float32).reshape(TOGETHER, 16 * groups),
        lowest[: TOGETHER * 4 * few].view(np.float32).reshape(TOGETHER, few),
        chosen.view(np.float32),
        chosen_buckets.view(np.int32),
        room,
    )


@inner
def _quantised(values: int, vectors: int, out: int) -> Any:
    """Store 16 * `vectors` floats as bytes around 128; return the step."""
    longest = query_steps.longest_of(values, vectors)
    step = longest / np.float32(127) if longest > 0 else np.float32(1)
    query_steps.put_bytes(values, vectors, np.float32(1) / step, out)
    return step


@inner
def make_tables(rotated: Any, out: Any) -> Any:
    """Store the tables of rotated values; return the step of their entries and the sum of the values' lengths."""
    values, tables = rotated.ctypes.data, out.ctypes.data
    widest, lengths = query_steps.lengths_of(values, len(rotated) >> 4)
    step = np.float32(2) * widest / TABLE_LIMIT if widest > 0 else np.float32(1)
    inverse = np.float32(1) / step
    for group in range(len(rotated) // 4):
        query_steps.make_table(values + 16 * group, inverse, tables + 16 * group)
    return step, lengths


@inner
def choose(
    nearness: Any,
    lowest: Any,
    groups: int,
    least: int,
    most: int,
    reach: Any,
    breadth: Any,
    unit: Any,
    chosen: Any,
    chosen_buckets: Any,
    ranked: Any,
    numbers: Any,
) -> Any:
    """Put the nearest buckets in front of the arrays, nearest first; return their number, and that within `breadth`.

    The first are those within `reach` of the nearest, but at least `least` and at most `most`. `lowest` holds the least
    of every `LOWEST_OF` values: few enough to bisect, they bound the others. `reach` and `breadth` are in units of
    `unit`. The last two are `sort_scratch`'s.
    """
    address, at, buckets_at = nearness.ctypes.data, chosen.ctypes.data, chosen_buckets.ctypes.data
    few = (groups + LOWEST_OF - 1) // LOWEST_OF
    nearest, _ = parts.bounds_of(lowest.ctypes.data, few)
    limit, want = min(nearest + reach * unit, LARGEST), most
    within = parts.count_at_most(address, groups, limit)
    if within < least:
        limit, want = LARGEST, least
    if not least <= within <= most and 16 * few >= 2 * want:
        limit = min(limit, threshold(lowest.ctypes.data, few, want, want >> 3))
    size = parts.keep_at_most(address, 0, groups, limit, at, buckets_at)
    size, limit = select(chosen, chosen_buckets, size, want, want >> 3)
    sort(chosen, chosen_buckets, size, ranked, numbers)
    reached = np.int64(0)
    if breadth >= 0:
        reached = parts.count_at_most(address, groups, min(nearest + breadth * unit, LARGEST))
    return min(size, want), reached


@inner
def rotate(plan: Any, queries: int, count: int, moved: Any, rotated: Any, tables: Any, told: Any) -> None:
    """Rotate queries and make their tables.

    Of `count` queries, 1 or `TOGETHER`, the first is at address `queries`. What is made of them is in the rows of the
    other arrays, which are `query_scratch`'s. Of each, `told` holds what a bucket's nearness lacks to be that of its
    centroid, and the step and the shift of the tables.
    """
    dimension, signs, metric, mean = plan[DIMENSION], plan[SIGNS], plan[METRIC], plan[MEAN_AT]
    width = (dimension + 15) >> 4
    moved_at, rotated_at, tables_at = moved.ctypes.data, rotated.ctypes.data, tables.ctypes.data
    scales = told[TOGETHER]
    for j in range(count):
        own = moved_at + 128 * width * j
        query_steps.difference(queries + 4 * dimension * j, mean, dimension, own)
        scales[j] = _quantised(own, width, own + 64 * width)
    _multiply(
        plan[ROTATION_AT],
        signs >> 4,
        moved_at + 64 * width,
        128 * width,
        width,
        scales,
        rotated_at,
        4 * signs,
        count,
        is_packed(dimension, signs),
    )
    for j in range(count):
        query, own = queries + 4 * dimension * j, moved_at + 128 * width * j
        scales[j] = _quantised(rotated_at + 4 * signs * j, signs >> 4, tables_at + 5 * signs * j + 4 * signs)
        if metric == DOT:
            told[j, ORIGIN] = -product_float32(query, mean, dimension)
        else:
            told[j, ORIGIN] = product_float32(own, own, dimension)
        step, lengths = make_tables(rotated[j], tables[j])
        told[j, STEP], told[j, SHIFT] = step, -lengths


@inner
def compare_centroids(
    plan: Any, queries: int, count: int, tables: Any, nearness: Any, lowest: Any, told: Any
) -> None:
    """Estimate how near each centroid is to queries that `rotate` has taken just before.

    The arrays are those of `query_scratch` and `bucket_scratch`. Of each query, `told` gets the unit in which it is
    told how far is far: the distance of the nearest centroid, or under "dot" the query's length.
    """
    dimension, signs, metric = plan[DIMENSION], plan[SIGNS], plan[METRIC]
    groups = (plan[GROUPS] + 15) >> 4
    few = (groups + LOWEST_OF - 1) // LOWEST_OF
    tables_at, near_at, low_at = tables.ctypes.data, nearness.ctypes.data, lowest.ctypes.data
    scales = told[TOGETHER]
    for j in range(count):
        scales[j] *= np.float32(-1) if metric == DOT else np.float32(-2)
    _multiply(
        plan[CENTROID_BLOCKS_AT],
        groups,
        tables_at + 4 * signs,
        5 * signs,
        signs >> 4,
        scales,
        near_at,
        64 * groups,
        count,
        False,
    )
    for j in range(count):
        near, low = near_at + 64 * groups * j, low_at + 4 * lowest.shape[1] * j
        for group in range(0, groups, LOWEST_OF):
            parts.minimum_of(
                near + 64 * group, min(LOWEST_OF, groups - group), low + 64 * (group // LOWEST_OF)
            )
        if metric == DOT:
            query = queries + 4 * dimension * j
            told[j, UNIT] = np.sqrt(product_float32(query, query, dimension))
        else:
            nearest, _ = parts.bounds_of(low, few)
            told[j, UNIT] = np.sqrt(max(told[j, ORIGIN] + nearest, np.float32(0)))


@inner
def _multiply(
    blocks: int,
    groups: int,
    queries: int,
    stride: int,
    width: int,
    scales: Any,
    out: int,
    out_stride: int,
    count: int,
    packed: bool,
) -> None:
    """Store the products of the vectors of `groups` blocks with the bytes of `count` queries of 16 * `width` values.

    Where the blocks are packed, there are two or more, as many again or none.
    """
    size, words, scales_at = (128 if packed else 256) * width + 192, 4 * width, scales.ctypes.data
    if count < TOGETHER:
        for group in range(groups):
            block, place = blocks + group * size, out + 64 * group
            if packed:
                query_steps.packed_products(block, queries, words, scales[0], place)
            else:
                query_steps.byte_products(block, queries, words, scales[0], place)
        return
    for group in range(0, groups - 1, 2):
        block, place = blocks + group * size, out + 64 * group
        if packed:
            query_steps.packed_products_of_two_together(
                block, queries, stride, words, scales_at, place, out_stride
            )
        else:
            query_steps.byte_products_of_two_together(
                block, queries, stride, words, scales_at, place, out_stride
            )
    if groups & 1:
        last = groups - 1
        query_steps.byte_products_together(
            blocks + last * size, queries, stride, words, scales_at, out + 64 * last, out_stride
        )
