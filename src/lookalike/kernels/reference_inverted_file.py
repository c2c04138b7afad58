"""The kernels of a partition in NumPy: the definition that the compiled ones are held to.

A block holds 16 rows: for each 128 signs 256 bytes of half bytes, then 16 constants and 16 slopes in float32. Half
byte v of group g has sign 4g + i in bit i. Of a unit's 32 groups, those of chunk c are 8c to 8c + 7: the low halves
of its 64 bytes are the groups 8c to 8c + 3, 16 bytes each, the high halves the four after them. The byte of row s of
16 is 2s for s < 8, else 2s - 15, so that the sums of even bytes and of odd bytes are rows in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.kernels.reference import COSINE, DOT, Float32, Int64

UInt8 = npt.NDArray[np.uint8]

TABLE_LIMIT = 31
"""Eight entries of tables are added in a byte."""


def encode_rows(
    rows: Float32,
    turned: Float32,
    centroids: Float32,
    turned_centroids: Float32,
    bucket_of: Int64,
    slots: Int64,
    mean: Float32,
    shift: Float32,
    metric: int,
    blocks: UInt8,
    factors: Float32,
) -> None:
    """Write the signs and factors of `rows` (n, d) into `blocks`; what the factors are is told in `index.partition`.

    Args:
        turned: (n, signs), the rows' turned values, not about the mean.
        centroids: (m, d).
        turned_centroids: (m, signs), not about the mean.
        bucket_of: (n,), a row of `centroids` each.
        slots: (n,), block * 16 + row within it.
        mean: (d,).
        shift: (signs,), the mean turned.
        metric: a number of `reference`.
        blocks: (b, 2 * signs + 128), zeros where signs are to be.
        factors: the same memory as float32.
    """
    signs = turned.shape[1]
    outside = (rows.astype(np.float64) - centroids[bucket_of]) @ mean
    squares = ((rows.astype(np.float64) - centroids[bucket_of]) ** 2).sum(axis=1)
    about = turned_centroids[bucket_of]
    residuals = turned - about
    positive = turned > about
    lengths = np.abs(residuals).sum(axis=1, dtype=np.float64)
    gains = (residuals.astype(np.float64) ** 2).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    folds = (np.where(positive, 1, -1) * (about - shift).astype(np.float64)).sum(axis=1)
    for i, slot in enumerate(slots.tolist()):
        block, row = divmod(slot, 16)
        byte = 2 * row if row < 8 else 2 * row - 15
        for group in range(signs // 4):
            nibble = sum(int(positive[i, 4 * group + bit]) << bit for bit in range(4))
            chunk, part = divmod(group, 8)
            blocks[block, 64 * chunk + 16 * (part % 4) + byte] |= nibble << (part & 4)
        constant = -outside[i] if metric == DOT else squares[i] + 2 * gains[i] * folds[i]
        factors[block, signs // 2 + row] = constant
        factors[block, signs // 2 + 16 + row] = -gains[i] if metric == DOT else -2 * gains[i]


def packed(rows: npt.NDArray[np.bool_], offsets: Int64) -> npt.NDArray[np.uint16]:
    """Return `rows` (n,), by position, as bits: a word for each block of 16 rows of a bucket."""
    words = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        for first in range(start, end, 16):
            words.append(sum(int(there) << i for i, there in enumerate(rows[first : min(first + 16, end)])))
    return np.array(words, dtype=np.uint16)


def tables(turned: Float32) -> tuple[UInt8, float, float]:
    """Return the tables (signs / 4, 16) of a query's turned values (signs,), and their step and shift.

    The product of signs b with the values is about step * (sum of the entries of b) + shift.
    """
    groups = turned.reshape(-1, 4).astype(np.float64)
    widest = np.abs(groups).sum(axis=1).max()
    step = 2 * widest / TABLE_LIMIT if widest > 0 else 1.0
    signs = np.array([[1 if v >> bit & 1 else -1 for bit in range(4)] for v in range(16)])
    sums = groups @ signs.T + np.abs(groups).sum(axis=1)[:, np.newaxis]
    return np.floor(sums / step + 0.5).astype(np.uint8), float(step), -float(np.abs(turned).sum())


def block_estimates(block: UInt8, entries: UInt8, step: float, shift: float, base: float) -> Float32:
    """Return the estimates of the 16 rows of a block (2 * signs + 128,)."""
    groups = len(entries)
    factors = block.view(np.float32)[2 * groups :].astype(np.float64)
    estimates = np.empty(16, dtype=np.float32)
    for row in range(16):
        byte = 2 * row if row < 8 else 2 * row - 15
        total = 0
        for group in range(groups):
            chunk, part = divmod(group, 8)
            both = int(block[64 * chunk + 16 * (part % 4) + byte])
            total += int(entries[group, both >> (part & 4) & 15])
        estimates[row] = base + factors[row] + factors[16 + row] * (step * total + shift)
    return estimates


def comparisons(query: Float32, rows: npt.NDArray[Any], metric: int) -> Float32:
    """Return the distance of a query (d,) to each of `rows` (n, d): exact but for rounding to float32."""
    wide = rows.astype(np.float64)
    if metric == DOT:
        return (-(wide @ query)).astype(np.float32)
    if metric == COSINE:
        lengths = np.linalg.norm(wide, axis=1)
        unit = wide / np.where(lengths > 0, lengths, 1)[:, np.newaxis]
        half = ((unit - query) ** 2).sum(axis=1) / 2
        return np.where(lengths > 0, half, 1).astype(np.float32)
    distances: Float32 = np.sqrt(((wide - query) ** 2).sum(axis=1)).astype(np.float32)
    return distances


def chosen(nearness: Float32, least: int, most: int, reach: float) -> Int64:
    """Return the numbers of the nearest buckets, nearest first: those within `reach` of the nearest."""
    within = int(np.count_nonzero(nearness <= nearness.min() + np.float32(reach)))
    return np.argsort(nearness, kind="stable")[: min(max(within, least), most)]


def kept(estimates: Float32, k: int, least: int, most: int, margin: float, unit: float) -> Int64:
    """Return the numbers of the least estimates, in order: those not `margin` beyond the k-th.

    The margin is in units of `unit`, or of the k-th estimate where `unit` is negative.
    """
    order = np.argsort(estimates, kind="stable")
    kth = float(estimates[order[min(k, len(order)) - 1]])
    limit = kth + margin * (unit if unit >= 0 else max(kth, 0.0))
    within = int(np.count_nonzero(estimates <= limit))
    return order[: min(max(within, least), most)]


def search(
    partition: Any,
    queries: Float32,
    k: int,
    probes: int,
    depth: int,
    metric: int,
    reach: float | None = None,
    margin: float | None = None,
) -> tuple[Int64, Float32]:
    """Return what the compiled search returns, but for rounding and for rows whose estimates are about equal.

    `partition` is a `lookalike.index.ivf.inverted_file.InvertedFile`, whose `search` says what reach and margin are.
    """
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    projection, offsets = partition.projection, partition.offsets
    starts = np.append(0, np.cumsum(-(-np.diff(offsets) // 16)))
    least, most = (probes, probes) if reach is None else ((probes + 1) // 2, 2 * probes)
    shallow, deep = (depth, depth) if margin is None else ((depth + 1) // 2, 2 * depth)
    for q, query in enumerate(queries):
        turned = projection.turned(query[np.newaxis])[0]
        entries, step, shift = tables(turned)
        nearness = ((partition.centroids - query) ** 2).sum(axis=1)
        unit = np.sqrt(nearness.min())
        if metric == DOT:
            nearness, unit = -(partition.centroids @ query), np.linalg.norm(query)
        positions, estimates = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float32)]
        buckets = chosen(nearness, least, most, (reach or 0) * unit)
        sizes = np.diff(offsets)
        while sizes[buckets].sum() < k and len(buckets) < len(sizes):
            buckets = chosen(nearness, 2 * len(buckets), 2 * len(buckets), 0)
        for bucket in buckets:
            for block in range(starts[bucket], starts[bucket + 1]):
                first = offsets[bucket] + 16 * (block - starts[bucket])
                count = min(16, offsets[bucket + 1] - first)
                found = block_estimates(
                    partition.blocks[block], entries, step, shift, float(nearness[bucket])
                )
                positions.append(np.arange(first, first + count))
                estimates.append(found[:count])
        position, estimate = np.concatenate(positions), np.concatenate(estimates)
        far = float(unit) if metric == DOT else -1.0
        position = position[kept(estimate, k, max(shallow, k), max(deep, k), margin or 0, far)]
        exact = comparisons(query, partition.vectors[position], metric)
        order = np.lexsort((partition.ids[position], exact))[:k]
        ids[q, : len(order)], distances[q, : len(order)] = partition.ids[position[order]], exact[order]
    return ids, distances
