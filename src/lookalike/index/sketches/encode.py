"""Makes the sketches of rows, bucket by bucket, in the blocks that the kernels read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.index.row_forms import as_hashed
from lookalike.index.sketches.rotation import Rotation
from lookalike.kernels.reference import METRICS

BLOCK_ROWS = 16
ENCODED_ROWS = 8192
"""Rows that are encoded at once."""

UInt8 = npt.NDArray[np.uint8]


def encode(
    metric: Metric,
    projection: Rotation,
    centroids: Float32,
    offsets: Int64,
    rows: npt.NDArray[Any],
    first: int,
    last: int,
    threads: int = 1,
) -> UInt8:
    """Return the blocks of buckets `first` to `last` - 1, given their rows in order.

    So a base larger than memory is encoded a few buckets at a time, and the parts written one after another.

    Args:
        metric: under "cosine", rows are brought to length one here.
        projection: the turn.
        centroids: (m, d) float32, of all buckets.
        offsets: (m + 1,) int64, of all buckets.
        rows: those at positions offsets[first] to offsets[last], as they are kept.
        first: the first bucket.
        last: the bucket after the last.
        threads: at most so many.
    """
    from lookalike.kernels.compiled import encode as compiled_encode

    slots = _slots(offsets, first, last)
    counts = np.diff(offsets[first : last + 1])
    bucket_of = np.repeat(np.arange(last - first), counts)
    own_centroids = np.ascontiguousarray(centroids[first:last])
    turned_centroids: Float32 = own_centroids @ projection.matrix
    blocks = np.zeros((block_count(offsets[first : last + 1]), projection.block_bytes), dtype=np.uint8)
    factors = blocks.view(np.float32)

    def run(start: int) -> None:
        part = slice(start, start + ENCODED_ROWS)
        block = as_hashed(rows[part], metric)
        compiled_encode.encode_rows(
            block,
            block @ projection.matrix,
            own_centroids,
            turned_centroids,
            bucket_of[part],
            slots[part],
            projection.mean,
            projection.shift,
            METRICS[metric],
            blocks,
            factors,
        )

    starts = range(0, len(rows), ENCODED_ROWS)
    if threads <= 1 or len(starts) < 2:
        for start in starts:
            run(start)
    else:
        with ThreadPoolExecutor(min(threads, os.cpu_count() or 1)) as pool:
            list(pool.map(run, starts))
    return blocks


def block_count(offsets: Int64) -> int:
    """Return how many blocks the buckets of `offsets` have in all."""
    return int((-(-np.diff(offsets) // BLOCK_ROWS)).sum())


def _slots(offsets: Int64, first: int, last: int) -> Int64:
    """Return the place among the rows of their blocks of each row of buckets `first` to `last` - 1."""
    counts = np.diff(offsets[first : last + 1])
    padding = -counts % BLOCK_ROWS
    before = np.cumsum(padding) - padding
    slots: Int64 = np.arange(counts.sum()) + np.repeat(before, counts)
    return slots
