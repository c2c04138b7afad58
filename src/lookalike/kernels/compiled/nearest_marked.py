"""Finds the nearest of candidates that are marked by a bit a row, for several queries at once.

A block of sketches waits for memory longer than for the look-up of its rows: it is read once for `ABREAST` queries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_blocks, scan_intrinsics
from lookalike.kernels.compiled.distance import product_float32, square_float32
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.compiled.probe import SHIFT, STEP, TOGETHER, query_bytes, query_scratch, rotate
from lookalike.kernels.compiled.rerank import compare_exactly, rerank_bytes, rerank_scratch
from lookalike.kernels.compiled.scratch import allocated
from lookalike.kernels.compiled.select import INFINITY, select
from lookalike.kernels.plan import BLOCKS_AT, CENTROIDS_AT, DIMENSION, METRIC, SIGNS
from lookalike.kernels.reference import DOT

ABREAST = 16
"""Their tables take half of a cache of the first level at most."""

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
scans: Any = scan_blocks
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def _count(words: Any) -> Any:
    """Return how many bits of `words` (w,) are set."""
    bits = np.int64(0)
    for word in words:
        bits += parts.ones_of(word)
    return bits


@inner
def _take(words: Any, places: Any) -> None:
    """Fill `places` with the numbers of the bits of `words` (w,) that are set."""
    size = np.int64(0)
    for word in range(len(words)):
        bits = words[word]
        while bits:
            places[size] = (word << 6) + parts.ones_of((bits & -bits) - 1)
            bits &= bits - 1
            size += 1


@entry(
    "void(int64[::1], float32[:, ::1], int64[:, ::1], int64, int64[:, ::1], float32[:, ::1])",
)
def nearest_marked(
    plan: Any, queries: Any, marks: Any, rerank: Any, found_ids: Any, found_distances: Any
) -> None:
    """Fill `found_ids` and `found_distances` (q, k), nearest first, padded with -1 and inf.

    The rows are in one group. See `SketchedRows.nearest_marked`; for `rerank`, see `nearest`.
    """
    signs, metric, centroid, blocks = plan[SIGNS], plan[METRIC], plan[CENTROIDS_AT], plan[BLOCKS_AT]
    units, block_bytes = signs >> 7, signs * 2 + 64
    kept = max(rerank, found_ids.shape[1])
    room = 2 * kept + 64
    moved, rotated, tables, told, rest = query_scratch(
        plan, allocated(query_bytes(plan) + rerank_bytes(plan))
    )
    exactly, _ = rerank_scratch(plan, rest)
    most = min(ABREAST, len(queries))
    own_tables = allocated(most * 4 * signs).reshape(most, 4 * signs)
    own_told = np.empty((most, 4), dtype=np.float32)
    estimates = np.empty((most, room + 32), dtype=np.float32)
    places = np.empty((most, room + 32), dtype=np.int32)
    numbers = np.empty(room + 32, dtype=np.int64)
    sizes, sought = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    bases, limits = np.empty(most, dtype=np.float32), np.empty(most, dtype=np.float32)
    for start in range(0, len(queries), ABREAST):
        count = min(ABREAST, len(queries) - start)
        whole = count // TOGETHER * TOGETHER
        for j in range(count):
            row = j % TOGETHER if j < whole else 0
            if row == 0:
                query, some = queries[start + j].ctypes.data, TOGETHER if j < whole else 1
                rotate(plan, query, some, moved, rotated, tables, told)
            own_tables[j], own_told[j] = tables[row, : 4 * signs], told[row]
        several = np.int64(0)
        for j in range(count):
            query = queries[start + j].ctypes.data
            limits[j], sizes[j] = INFINITY, _count(marks[start + j])
            if sizes[j] <= kept:
                _take(marks[start + j], places[j])
                continue
            sought[several], sizes[j] = j, 0
            several += 1
            if metric == DOT:
                bases[j] = -product_float32(query, centroid, plan[DIMENSION])
            else:
                bases[j] = square_float32(query, centroid, plan[DIMENSION])
        for word in range(marks.shape[1] if several else 0):
            for i in range(several):
                j = sought[i]
                bits, block = np.uint64(marks[start + j, word]), word << 2
                size, tables_at = sizes[j], own_tables[j].ctypes.data
                estimates_at, places_at = estimates[j].ctypes.data, places[j].ctypes.data
                while bits:
                    own = np.int64(bits & np.uint64(65535))
                    if own:
                        size += scans.scan_block(
                            blocks + block * block_bytes,
                            tables_at,
                            units,
                            own_told[j, STEP],
                            own_told[j, SHIFT],
                            bases[j],
                            limits[j],
                            own,
                            estimates_at + 4 * size,
                            places_at + 4 * size,
                            block << 4,
                        )
                        if size >= room:
                            size, limits[j] = select(estimates[j], places[j], size, kept, kept >> 3)
                            if size >= room:  # estimates are equal
                                size = kept
                    bits >>= np.uint64(16)
                    block += 1
                sizes[j] = size
        for j in range(count):
            size, _ = select(estimates[j], places[j], sizes[j], kept, kept >> 3)
            compare_exactly(
                plan,
                queries[start + j],
                estimates[j],
                places[j],
                numbers,
                size,
                exactly,
                INFINITY,
                found_ids[start + j],
                found_distances[start + j],
            )
