"""What a search does first: a query is turned, its tables made, its nearest buckets chosen.

Several queries are begun together, so that the turn and the centroids are fetched once for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import query_intrinsics, scan_intrinsics
from lookalike.kernels.compiled.distance import product_float32
from lookalike.kernels.compiled.select import LARGEST, select, sort, threshold
from lookalike.kernels.reference import DOT

LOWEST_OF = 8
TABLE_LIMIT = np.float32(31)
"""Eight entries of a table are added in a byte."""
TOGETHER = query_intrinsics.TOGETHER

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
turning: Any = query_intrinsics
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def scratch(plan: Any) -> Any:
    """Return the arrays that `begin` and `choose` fill, a row for each query of `TOGETHER`, but for the last two.

    They are queries about the mean, as floats and as bytes; turned; their tables, and the turned values as bytes;
    centroids' nearness, and the least of it; what `begin` tells, and a last row of its own; and chosen buckets'
    nearness and numbers.
    """
    buckets, dimension, signs = plan[0], plan[1], plan[2]
    width, groups = (dimension + 15) >> 4, (buckets + 15) >> 4
    return (
        _aligned(128 * width).view(np.float32),
        _aligned(4 * signs).view(np.float32),
        _aligned(5 * signs),
        _aligned(64 * groups).view(np.float32),
        np.empty((TOGETHER, groups * 2 + 32), dtype=np.float32),
        np.empty((TOGETHER + 1, 4), dtype=np.float32),
        np.empty(groups * 16 + 16, dtype=np.float32),
        np.empty(groups * 16 + 16, dtype=np.int32),
    )


@inner
def _aligned(size: int) -> Any:
    """Return `TOGETHER` rows of `size` bytes, the first at the start of a cache line: a load across two costs two."""
    room = np.empty(TOGETHER * size + 64, dtype=np.uint8)
    start = -room.ctypes.data & 63
    return room[start : start + TOGETHER * size].reshape(TOGETHER, size)


@inner
def _quantised(values: int, vectors: int, out: int) -> Any:
    """Store so many times 16 floats as bytes around 128; return the step."""
    longest = turning.longest_of(values, vectors)
    step = longest / np.float32(127) if longest > 0 else np.float32(1)
    turning.put_bytes(values, vectors, np.float32(1) / step, out)
    return step


@inner
def make_tables(turned: Any, out: Any) -> Any:
    """Store the tables of turned values; return the step of their entries and the sum of the values' lengths."""
    values, tables = turned.ctypes.data, out.ctypes.data
    widest, lengths = turning.lengths_of(values, len(turned) >> 4)
    step = np.float32(2) * widest / TABLE_LIMIT if widest > 0 else np.float32(1)
    inverse = np.float32(1) / step
    for group in range(len(turned) // 4):
        turning.make_table(values + 16 * group, inverse, tables + 16 * group)
    return step, lengths


@inner
def choose(
    nearness: Any,
    lowest: Any,
    groups: int,
    least: int,
    most: int,
    reach: Any,
    chosen: Any,
    chosen_buckets: Any,
) -> Any:
    """Put the nearest buckets in front of the arrays, nearest first; return how many.

    They are those within `reach` of the nearest, but at least `least` and at most `most`. `lowest` holds the least
    of every `LOWEST_OF` values: few enough to bisect, they bound the others.
    """
    address, at, buckets_at = nearness.ctypes.data, chosen.ctypes.data, chosen_buckets.ctypes.data
    few = (groups + LOWEST_OF - 1) // LOWEST_OF
    nearest, _ = parts.bounds_of(lowest.ctypes.data, few)
    limit, want = min(nearest + reach, LARGEST), most
    within = parts.count_at_most(address, groups, limit)
    if within < least:
        limit, want = LARGEST, least
    if not least <= within <= most and 16 * few >= 2 * want:
        limit = min(limit, threshold(lowest.ctypes.data, few, want, want >> 3))
    size = parts.keep_at_most(address, 0, groups, limit, at, buckets_at)
    size, limit = select(chosen, chosen_buckets, size, want, want >> 3)
    sort(chosen, chosen_buckets, size)
    return min(size, want)


@inner
def begin(
    plan: Any,
    steps: Any,
    queries: int,
    count: int,
    moved: Any,
    turned: Any,
    tables: Any,
    nearness: Any,
    lowest: Any,
    told: Any,
) -> None:
    """Turn queries, make their tables, and estimate how near each centroid is to them.

    Of `count` queries, 1 or `TOGETHER`, the first is at address `queries`. What is made of them is in the rows of the
    other arrays, which are `scratch`'s. Of each, `told` holds what a bucket's nearness lacks to be that of its
    centroid; the unit in which it is told how far is far (the distance of the nearest centroid, or under "dot" the
    query's length); and the step and the shift of the tables.
    """
    buckets, dimension, signs, metric = plan[0], plan[1], plan[2], plan[4]
    turn, mean, centroids = plan[10], plan[11], plan[12]
    width, groups = (dimension + 15) >> 4, (buckets + 15) >> 4
    few = (groups + LOWEST_OF - 1) // LOWEST_OF
    moved_at, turned_at, tables_at = moved.ctypes.data, turned.ctypes.data, tables.ctypes.data
    near_at, low_at = nearness.ctypes.data, lowest.ctypes.data
    scales = told[TOGETHER]
    for j in range(count):
        own = moved_at + 128 * width * j
        turning.difference(queries + 4 * dimension * j, mean, dimension, own)
        scales[j] = _quantised(own, width, own + 64 * width) * steps[0]
    _multiply(
        turn, signs >> 4, moved_at + 64 * width, 128 * width, width, scales, turned_at, 4 * signs, count
    )
    for j in range(count):
        query, own = queries + 4 * dimension * j, moved_at + 128 * width * j
        step = _quantised(turned_at + 4 * signs * j, signs >> 4, tables_at + 5 * signs * j + 4 * signs)
        scales[j] = -step * steps[1]
        if metric == DOT:
            told[j, 0] = -product_float32(query, mean, dimension)
        else:
            told[j, 0] = product_float32(own, own, dimension)
            scales[j] *= np.float32(2)
        step, lengths = make_tables(turned[j], tables[j])
        told[j, 2], told[j, 3] = step, -lengths
    _multiply(
        centroids, groups, tables_at + 4 * signs, 5 * signs, signs >> 4, scales, near_at, 64 * groups, count
    )
    for j in range(count):
        near, low = near_at + 64 * groups * j, low_at + 4 * lowest.shape[1] * j
        for group in range(0, groups, LOWEST_OF):
            parts.minimum_of(
                near + 64 * group, min(LOWEST_OF, groups - group), low + 64 * (group // LOWEST_OF)
            )
        if metric == DOT:
            query = queries + 4 * dimension * j
            told[j, 1] = np.sqrt(product_float32(query, query, dimension))
        else:
            nearest, _ = parts.bounds_of(low, few)
            told[j, 1] = np.sqrt(max(told[j, 0] + nearest, np.float32(0)))


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
) -> None:
    """Store the products of so many blocks' vectors with the bytes of `count` queries; `width` is in 16 values."""
    for group in range(groups):
        block = blocks + group * (256 * width + 128)
        if count == TOGETHER:
            turning.byte_products_together(
                block, queries, stride, 4 * width, scales.ctypes.data, out + 64 * group, out_stride
            )
        else:
            turning.byte_products(block, queries, 4 * width, scales[0], out + 64 * group)
