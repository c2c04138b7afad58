"""A batch of queries, begun all at once and then taken in the order of their nearest buckets.

Queries that are near one another look at the same sketches and rows, which are still in the processor's caches when
they come one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.probe import (
    TOGETHER,
    UNIT,
    choose,
    compare_centroids,
    rotate,
)
from lookalike.kernels.compiled.scratch import lines, take
from lookalike.kernels.plan import GROUPS, SIGNS

FEWEST = 16
"""Fewer queries than this gain nothing by an order."""
MOST_ASKED = 8192
MOST = 4096
MOST_BYTES = 8 << 20

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def _query_bytes(plan: Any, most: int) -> Any:
    """Return the bytes of one query that probes `most` buckets at most."""
    return 5 * plan[SIGNS] + 2 * lines(4 * most) + 40


@inner
def batch_size(plan: Any, count: int, most: int) -> Any:
    """Return how many of `count` queries are begun at once: several times `TOGETHER`, or none of them."""
    if count < FEWEST:
        return np.int64(0)
    size = min(count, MOST, MOST_BYTES // _query_bytes(plan, most))
    return np.int64(size // TOGETHER * TOGETHER if size >= FEWEST else 0)


@inner
def batch_bytes(plan: Any, size: int, most: int) -> Any:
    """Return the bytes that `batch_scratch` takes."""
    return size * _query_bytes(plan, most) + 8 * (plan[GROUPS] + 1) + 320 if size else np.int64(0)


@inner
def batch_scratch(plan: Any, room: Any, size: int, most: int) -> Any:
    """Return the arrays that `begin` fills, a row for each of `size` queries.

    They are tables; what is told of each query; the buckets that it probes, their nearness, and how many they are; the
    order of the queries; and room to count them by bucket.
    """
    width = lines(4 * most) >> 2 if size else np.int64(0)
    tables, room = take(room, size * 5 * plan[SIGNS])
    told, room = take(room, 16 * size)
    chosen, room = take(room, 4 * width * size)
    buckets, room = take(room, 4 * width * size)
    counts, room = take(room, 8 * size)
    order, room = take(room, 8 * size)
    firsts, room = take(room, 8 * (plan[GROUPS] + 1) if size else np.int64(0))
    return (
        tables.reshape(size, 5 * plan[SIGNS]),
        told[: 16 * size].view(np.float32).reshape(size, 4),
        chosen[: 4 * width * size].view(np.float32).reshape(size, width),
        buckets[: 4 * width * size].view(np.int32).reshape(size, width),
        counts[: 8 * size].view(np.int64),
        order[: 8 * size].view(np.int64),
        firsts.view(np.int64),
    )


@inner
def begin(
    plan: Any,
    queries: int,
    stride: int,
    count: int,
    least: int,
    most: int,
    reach: Any,
    breadth: Any,
    reached_at: int,
    query: Any,
    bucket: Any,
    sorting: Any,
    batch: Any,
) -> None:
    """Rotate `count` queries, the first at address `queries`, choose their buckets, and order them by the nearest.

    Where `reached_at` is not 0, it is where the number of buckets within `breadth` of the first of them goes.
    `query`, `bucket` and `sorting` are room: of `query_scratch`, of `bucket_scratch` and for `choose`.
    """
    moved, rotated, told = query
    nearness, lowest, chosen, chosen_buckets = bucket
    all_tables, all_told, all_chosen, all_buckets, counts, order, firsts = batch
    groups = (plan[GROUPS] + 15) >> 4
    for first in range(0, count, TOGETHER):
        together = TOGETHER if count - first >= TOGETHER else 1
        for one in range(first, min(first + TOGETHER, count), together):
            at = queries + one * stride
            tables = all_tables[one : one + together]
            rotate(plan, at, together, moved, rotated, tables, told)
            compare_centroids(plan, at, together, tables, nearness, lowest, told)
            for j in range(together):
                for i in range(4):
                    all_told[one + j, i] = told[j, i]
                found, reached = choose(
                    nearness[j],
                    lowest[j],
                    groups,
                    least,
                    most,
                    reach,
                    breadth,
                    told[j, UNIT],
                    chosen,
                    chosen_buckets,
                    sorting[0],
                    sorting[1],
                )
                counts[one + j] = found
                if reached_at != 0:
                    parts.put_int64(reached_at, one + j, reached)
                all_buckets[one + j, 0] = 0  # where damaged centroids are no numbers, none is found
                for i in range(found):
                    all_chosen[one + j, i] = chosen[i]
                    all_buckets[one + j, i] = chosen_buckets[i]
    firsts[:] = 0
    for j in range(count):
        firsts[all_buckets[j, 0] + 1] += 1
    for i in range(1, len(firsts)):
        firsts[i] += firsts[i - 1]
    for j in range(count):
        place = firsts[all_buckets[j, 0]]
        firsts[all_buckets[j, 0]] = place + 1
        order[place] = j


@inner
def ask_for(query: int, size: int, batch: Any, number: int) -> None:
    """Ask memory for the first `size` bytes of the query that comes next, and what `begin` stored of it."""
    for line in range(0, size, 64):
        parts.prefetch(query + line)
    tables, _, chosen, buckets, counts, _, _ = batch
    for line in range(0, tables.shape[1] // 5 * 4, 64):
        parts.prefetch(tables.ctypes.data + number * tables.shape[1] + line)
    for line in range(0, min(4 * counts[number], 512), 64):
        parts.prefetch(chosen.ctypes.data + 4 * number * chosen.shape[1] + line)
        parts.prefetch(buckets.ctypes.data + 4 * number * chosen.shape[1] + line)
