"""Finds the nearest of given candidates: their sketches' estimates say which of them are compared exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.kernels.compiled import scan_blocks, scan_intrinsics
from lookalike.kernels.compiled.distance import product_float32, square_float32
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.compiled.probe import SHIFT, STEP, query_bytes, query_scratch, rotate
from lookalike.kernels.compiled.rerank import compare_exactly, rerank_bytes, rerank_scratch
from lookalike.kernels.compiled.scratch import allocated
from lookalike.kernels.compiled.select import INFINITY, select
from lookalike.kernels.plan import (
    BLOCKS_AT,
    CENTROIDS_AT,
    DIMENSION,
    METRIC,
    OFFSETS_AT,
    SIGNS,
    STARTS_AT,
)
from lookalike.kernels.reference import DOT

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
scans: Any = scan_blocks


@entry(
    "void(int64[::1], float32[:, ::1], int64[::1], int64[::1], int64, int64[:, ::1], float32[:, ::1])",
)
def nearest(
    plan: Any,
    queries: Any,
    bounds: Any,
    candidates: Any,
    rerank: Any,
    found_ids: Any,
    found_distances: Any,
) -> None:
    """Fill `found_ids` and `found_distances` (q, k), nearest first, padded with -1 and inf.

    The candidates of query i are the positions candidates[bounds[i] : bounds[i + 1]]. Where there are more than
    `rerank` or k, about that number are compared exactly, those of the least estimates; see `SketchedRows.nearest`.
    """
    dimension, signs, metric, centroids = plan[DIMENSION], plan[SIGNS], plan[METRIC], plan[CENTROIDS_AT]
    offsets, starts, blocks = plan[OFFSETS_AT], plan[STARTS_AT], plan[BLOCKS_AT]
    units, block_bytes = signs >> 7, signs * 2 + 64
    k = found_ids.shape[1]
    kept = max(rerank, k)
    most = np.int64(0)
    for q in range(len(queries)):
        most = max(most, bounds[q + 1] - bounds[q])
    room = min(most + 1, 2 * kept + 64)
    moved, rotated, tables, told, rest = query_scratch(
        plan, allocated(query_bytes(plan) + rerank_bytes(plan))
    )
    exactly, _ = rerank_scratch(plan, rest)
    estimates = np.empty(room + 32, dtype=np.float32)
    places = np.empty(room + 32, dtype=np.int32)
    numbers = np.empty(room + 32, dtype=np.int64)
    estimates_at, places_at, tables_at = estimates.ctypes.data, places.ctypes.data, tables.ctypes.data
    for q in range(len(queries)):
        first, last = bounds[q], bounds[q + 1]
        size = np.int64(0)
        if last - first <= kept:
            for i in range(first, last):
                places[size] = candidates[i]
                size += 1
        else:
            query = queries[q].ctypes.data
            rotate(plan, query, 1, moved, rotated, tables, told)
            limit = INFINITY
            group = np.int64(-1)
            start, end = np.int64(0), np.int64(0)
            base = np.float32(0)
            i = first
            while i < last:
                position = candidates[i]
                if position < start:  # not ascending
                    group, end = np.int64(-1), np.int64(0)
                if position >= end:
                    while position >= end:
                        group += 1
                        end = parts.int64_at(offsets, group + 1)
                    start = parts.int64_at(offsets, group)
                    centroid = centroids + 4 * dimension * group
                    if metric == DOT:
                        base = -product_float32(query, centroid, dimension)
                    else:
                        base = square_float32(query, centroid, dimension)
                block = (position - start) >> 4
                in_block = start + (block << 4)
                bits = np.int64(0)
                while i < last and in_block <= candidates[i] < min(in_block + 16, end):
                    bits |= np.int64(1) << (candidates[i] - in_block)
                    i += 1
                size += scans.scan_block(
                    blocks + (parts.int64_at(starts, group) + block) * block_bytes,
                    tables_at,
                    units,
                    told[0, STEP],
                    told[0, SHIFT],
                    base,
                    limit,
                    bits,
                    estimates_at + 4 * size,
                    places_at + 4 * size,
                    in_block,
                )
                if size >= room:
                    size, limit = select(estimates, places, size, kept, kept >> 3)
                    if size >= room:  # estimates are equal
                        size = kept
            size, limit = select(estimates, places, size, kept, kept >> 3)
        compare_exactly(
            plan,
            queries[q],
            estimates,
            places,
            numbers,
            size,
            exactly,
            INFINITY,
            found_ids[q],
            found_distances[q],
        )
