"""Where a search would have to look to find given rows: one pass tells the recall of every probes and depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.kernels.compiled import scan_blocks
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.compiled.probe import (
    ORIGIN,
    SHIFT,
    STEP,
    UNIT,
    bucket_bytes,
    bucket_scratch,
    choose,
    compare_centroids,
    parts,
    query_bytes,
    query_scratch,
    rotate,
)
from lookalike.kernels.compiled.scratch import allocated
from lookalike.kernels.compiled.select import INFINITY, SORT_BYTES, select, sort_scratch, threshold
from lookalike.kernels.plan import BLOCKS_AT, GROUPS, OFFSETS_AT, SIGNS, STARTS_AT

scans: Any = scan_blocks  # intrinsics are called without their first argument


@entry(
    "void(int64[::1], float32[:, ::1], int64[:, ::1], int32[:, ::1], int64[:, ::1], int64[::1],"
    " float32[::1], int64[::1], int32[:, ::1], int32[:, ::1], float32[:, ::1], int32[:, :, ::1],"
    " float32[:, :, ::1], float32[::1], int64[:, ::1])",
)
def trace(
    plan: Any,
    queries: Any,
    hidden: Any,
    wanted_buckets: Any,
    wanted: Any,
    levels: Any,
    reaches: Any,
    ks: Any,
    ranks: Any,
    probed: Any,
    targets: Any,
    ahead: Any,
    kth: Any,
    units: Any,
    rows_seen: Any,
) -> None:
    """Fill, for `wanted` positions (q, w) of queries (q, d). The rows at positions `hidden` (q, h),
    -1 after these, do not count: themselves and their near-copies. These are filled:

    - `ranks` (q, w): the place of the row's bucket among the query's, -1 beyond those of the last level;
    - `probed` (levels, q): the buckets that a query probes at `levels[i]` probes and a reach of `reaches[i]`;
    - `targets` (q, w): the estimates of the wanted rows, inf where they are not seen;
    - `ahead` (levels, q, w): rows, other than hidden ones, that these buckets hold and that are estimated nearer
      than the wanted row;
    - `kth` (levels, q, len(ks)): the ks-th least of these rows' estimates, inf where there are fewer;
    - `units` (q,): those of `compare_centroids`;
    - `rows_seen` (levels, q): rows in these buckets.

    `wanted_buckets` (q, w) are the buckets of the wanted rows; levels, reaches and ks grow.
    """
    buckets, signs = plan[GROUPS], plan[SIGNS]
    offsets, starts, blocks = plan[OFFSETS_AT], plan[STARTS_AT], plan[BLOCKS_AT]
    signs_units, groups, block_bytes = signs >> 7, (buckets + 15) >> 4, signs * 2 + 64
    width, nearest = wanted.shape[1], ks[-1]
    largest = np.int64(0)
    for bucket in range(buckets):
        largest = max(largest, parts.int64_at(offsets, bucket + 1) - parts.int64_at(offsets, bucket))
    held = allocated(query_bytes(plan) + bucket_bytes(plan) + SORT_BYTES)
    moved, rotated, tables, told, rest = query_scratch(plan, held)
    nearness, lowest, chosen, chosen_buckets, rest = bucket_scratch(plan, rest)
    ranked, numbers, _ = sort_scratch(rest)
    estimates = np.empty(largest + 64, dtype=np.float32)
    places = np.empty(largest + 64, dtype=np.int32)
    best = np.empty(largest + nearest * 2 + 64, dtype=np.float32)
    best_places = np.empty(largest + nearest * 2 + 64, dtype=np.int32)
    counts = np.empty(width, dtype=np.int32)
    place_of = np.empty(buckets, dtype=np.int32)
    tables_at, estimates_at, places_at = tables.ctypes.data, estimates.ctypes.data, places.ctypes.data
    for q in range(len(queries)):
        query = queries[q].ctypes.data
        rotate(plan, query, 1, moved, rotated, tables, told)
        compare_centroids(plan, query, 1, tables, nearness, lowest, told)
        origin, unit, table_step, table_shift = told[0, ORIGIN], told[0, UNIT], told[0, STEP], told[0, SHIFT]
        units[q] = unit
        most = min(2 * levels[-1], buckets)
        last, _ = choose(
            nearness[0],
            lowest[0],
            groups,
            most,
            most,
            np.float32(0),
            np.float32(-1),
            unit,
            chosen,
            chosen_buckets,
            ranked,
            numbers,
        )
        within = 0
        for level in range(len(levels)):
            while within < last and chosen[within] <= chosen[0] + reaches[level] * unit:
                within += 1
            probed[level, q] = min(max(within, (levels[level] + 1) >> 1), 2 * levels[level], last)
        last = np.int64(probed[len(levels) - 1, q])
        place_of[:] = -1
        for i in range(last):
            place_of[chosen_buckets[i]] = i
        for w in range(width):
            ranks[q, w] = place_of[wanted_buckets[q, w]]
            targets[q, w] = INFINITY
            counts[w] = 0
        left_out = 0
        while left_out < hidden.shape[1] and hidden[q, left_out] >= 0:
            left_out += 1
        # First the estimates of the wanted rows, then how many rows are before each of them.
        for counting in range(2):
            level = 0
            total = np.int64(0)
            kept = np.int64(0)
            for i in range(last):
                bucket = chosen_buckets[i]
                position, end = parts.int64_at(offsets, bucket), parts.int64_at(offsets, bucket + 1)
                total += end - position
                if counting == 0:
                    needed = False
                    for w in range(width):
                        needed |= wanted_buckets[q, w] == bucket
                    if not needed:
                        continue
                size = np.int64(0)
                block = parts.int64_at(starts, bucket)
                for first in range(position, end, 16):
                    bits = np.int64(65535)
                    if end - first < 16:
                        bits = (np.int64(1) << (end - first)) - 1
                    size += scans.scan_block(
                        blocks + block * block_bytes,
                        tables_at,
                        signs_units,
                        table_step,
                        table_shift,
                        origin + chosen[i],
                        INFINITY,
                        bits,
                        estimates_at + 4 * size,
                        places_at + 4 * size,
                        first,
                    )
                    block += 1
                if counting == 0:
                    for j in range(size):
                        for w in range(width):
                            if wanted[q, w] == places[j]:
                                targets[q, w] = estimates[j]
                    continue
                for j in range(size):
                    for c in range(left_out):
                        if places[j] == hidden[q, c]:
                            estimates[j] = INFINITY
                for j in range(size, (size + 15) >> 4 << 4):
                    estimates[j] = INFINITY
                for w in range(width):
                    if targets[q, w] < INFINITY:
                        counts[w] += parts.count_at_most(estimates_at, (size + 15) >> 4, targets[q, w])
                for j in range(size):
                    best[kept + j] = estimates[j]
                kept, _ = select(best, best_places, kept + size, nearest, nearest)
                kept = min(kept, 2 * nearest)
                for j in range(kept, (kept + 15) >> 4 << 4):
                    best[j] = INFINITY
                while level < len(levels) and probed[level, q] == i + 1:
                    rows_seen[level, q] = total
                    for w in range(width):
                        ahead[level, q, w] = counts[w] - 1
                    for j in range(len(ks)):
                        kth[level, q, j] = INFINITY
                        if kept >= ks[j]:
                            kth[level, q, j] = threshold(best.ctypes.data, (kept + 15) >> 4, ks[j], 0)
                    level += 1
