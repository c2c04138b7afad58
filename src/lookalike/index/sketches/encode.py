"""Makes the sketches of rows, group by group, in the blocks that the kernels read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.row_forms import as_hashed
from lookalike.index.sketches.rotation import Rotation
from lookalike.kernels.reference import METRICS
from lookalike.kernels.reference_inverted_file import factor_words

BLOCK_ROWS = 16
ENCODED_ROWS = 8192
"""Rows that one thread encodes at once."""
FACTOR_BYTES = 4 * BLOCK_ROWS
"""The end of each block."""
READ_BYTES = 32 << 20
"""Rows are read back for their sketches in runs of about this size."""

UInt8 = npt.NDArray[np.uint8]


def encode(
    metric: Metric,
    rotation: Rotation,
    centroids: Float32,
    offsets: Int64,
    rows: npt.NDArray[Any],
    threads: int = 1,
) -> UInt8:
    """Return the blocks of sketches of `rows`, (blocks, rotation.block_bytes).

    Args:
        metric: under "cosine", rows are brought to length one here.
        rotation: of the sketches.
        centroids: (m, d) float32, one for each group of rows.
        offsets: (m + 1,) int64: group i is rows[offsets[i] : offsets[i + 1]].
        rows: (n, d), as they are kept.
        threads: at most this many.
    """
    from lookalike.kernels.compiled import encode as compiled_encode

    slot_of = slots(offsets)
    group_of = np.repeat(np.arange(len(centroids)), np.diff(offsets))
    centroids = np.ascontiguousarray(centroids)
    rotated_centroids = rotation.rotated(centroids)
    blocks = np.zeros((block_count(offsets), rotation.block_bytes), dtype=np.uint8)
    factors = blocks.view(np.uint32)

    def run(start: int) -> None:
        part = slice(start, start + ENCODED_ROWS)
        block = as_hashed(rows[part], metric)
        compiled_encode.encode_rows(
            block,
            rotation.rotated(block),
            centroids,
            rotated_centroids,
            group_of[part],
            slot_of[part],
            rotation.mean,
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


def encode_into(
    sinks: Sinks,
    metric: Metric,
    rotation: Rotation,
    centroids: Float32,
    offsets: Int64,
    vectors: Sink,
    threads: int,
) -> UInt8:
    """Return what `encode` does of the rows that lie in `vectors`, of which only a part is in memory at a time."""
    blocks = sinks.array("blocks", np.uint8, (block_count(offsets), rotation.block_bytes))
    done = 0
    for first, last, start, stop in runs(offsets, READ_BYTES // (4 * centroids.shape[1])):
        own = np.clip(offsets[first : last + 1], start, stop) - start
        part = encode(metric, rotation, centroids[first:last], own, vectors.read(start, stop), threads)
        blocks.put_run(done, part)
        done += len(part)
    return blocks.finish()


def runs(offsets: Int64, size: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield first group, group after the last, first row and row after the last of runs of about `size` rows.

    Each is of whole groups, or a part of one that is larger; a part begins with a block.
    """
    size = max(BLOCK_ROWS, size // BLOCK_ROWS * BLOCK_ROWS)
    first = 0
    while first < len(offsets) - 1:
        begin = int(offsets[first])
        last = max(first + 1, int(np.searchsorted(offsets, begin + size, side="right")) - 1)
        end = int(offsets[last])
        for start in range(begin, end, size):
            yield first, last, start, min(start + size, end)
        first = last


def block_count(offsets: Int64) -> int:
    """Return how many blocks the groups of `offsets` have in all."""
    return int((-(-np.diff(offsets) // BLOCK_ROWS)).sum())


def repack(blocks: UInt8, slots: Int64, into: UInt8, to: Int64) -> None:
    """Copy the sketches at `slots` (n,) of `blocks` to the slots `to` (n,) of `into`, which were zero."""
    codes = blocks.shape[1] - FACTOR_BYTES
    factor = codes // 4
    read = blocks.view(np.uint32)[slots // BLOCK_ROWS, factor + slots % BLOCK_ROWS]
    into.view(np.uint32)[to // BLOCK_ROWS, factor + to % BLOCK_ROWS] = read
    lines, all_lines = codes // BLOCK_ROWS, blocks.shape[1] // BLOCK_ROWS
    read_of, written = (array.reshape(len(array), all_lines, BLOCK_ROWS) for array in (blocks, into))
    written[to // BLOCK_ROWS, :lines, _place(to)] = read_of[slots // BLOCK_ROWS, :lines, _place(slots)]


def narrowed(blocks: UInt8) -> UInt8:
    """Return the blocks that format 4 of an index kept with constants and slopes in float32, as they are kept now."""
    codes = blocks.shape[1] - 2 * FACTOR_BYTES
    found: UInt8 = np.empty((len(blocks), codes + FACTOR_BYTES), dtype=np.uint8)
    found[:, :codes] = blocks[:, :codes]
    factors = np.ascontiguousarray(blocks[:, codes:]).view(np.float32)
    found.view(np.uint32)[:, codes // 4 :] = factor_words(factors[:, :BLOCK_ROWS], factors[:, BLOCK_ROWS:])
    return found


def _place(slots: Int64) -> Int64:
    """Return which of 16 bytes beside one another are those of a slot: the first half has the even ones."""
    ranks = slots % BLOCK_ROWS
    places: Int64 = np.where(ranks < BLOCK_ROWS // 2, 2 * ranks, 2 * ranks - (BLOCK_ROWS - 1))
    return places


def slots(offsets: Int64) -> Int64:
    """Return for each row its slot: the number of its block times 16, and its rank within it."""
    counts = np.diff(offsets)
    padding = -counts % BLOCK_ROWS
    before = np.cumsum(padding) - padding
    found: Int64 = np.arange(counts.sum()) + np.repeat(before, counts)
    return found
