"""The kernels of sketched rows and of an inverted file in NumPy: the definition that the compiled ones are held to.

A block holds 16 rows: for each 128 signs 256 bytes of half bytes, then a word of 32 bits a row with its factors, which
need be no finer than the signs. The lower half is the slope in bfloat16; the constant is the whole word as float32:
what the lower half adds to it is made up for by the upper one. Half byte v of group g has sign 4g + i in bit i. Of a
unit's 32 groups, those of chunk c are 8c to 8c + 7: the low halves of its 64 bytes are the groups 8c to 8c + 3, 16
bytes each, the high halves the four after them. The byte of row s of 16 is 2s for s < 8, else 2s - 15, so that the
sums of even bytes and of odd bytes are rows in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.kernels.reference import COSINE, DOT, Float32, Int64

UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]

TABLE_LIMIT = 31
"""Eight entries of tables are added in a byte."""
SMALLEST_UPPER, LARGEST_UPPER = 0x0080, 0x7F7F
"""The upper halves of the least and the largest ordinary float32, without their signs."""


def encode_rows(
    rows: Float32,
    rotated: Float32,
    centroids: Float32,
    rotated_centroids: Float32,
    group_of: Int64,
    slots: Int64,
    mean: Float32,
    metric: int,
    blocks: UInt8,
    factors: UInt32,
) -> None:
    """Write the signs and factors of `rows` (n, d) into `blocks`; for the factors see `index.sketches.sketched_rows`.

    Args:
        rotated: (n, signs), the rows about the mean, rotated.
        centroids: (m, d).
        rotated_centroids: (m, signs), likewise.
        group_of: (n,), a row of `centroids` each.
        slots: (n,), block * 16 + row within it.
        mean: (d,).
        metric: a number of `reference`.
        blocks: (b, 2 * signs + 64), zeros where signs are to be.
        factors: the same memory as uint32.
    """
    signs = rotated.shape[1]
    outside = (rows.astype(np.float64) - centroids[group_of]) @ mean
    squares = ((rows.astype(np.float64) - centroids[group_of]) ** 2).sum(axis=1)
    about = rotated_centroids[group_of]
    residuals = rotated - about
    positive = rotated > about
    lengths = np.abs(residuals).sum(axis=1, dtype=np.float64)
    gains = (residuals.astype(np.float64) ** 2).sum(axis=1) / np.where(lengths > 0, lengths, 1)
    folds = (np.where(positive, 1, -1) * about.astype(np.float64)).sum(axis=1)
    for i, slot in enumerate(slots.tolist()):
        block, row = divmod(slot, 16)
        byte = 2 * row if row < 8 else 2 * row - 15
        for group in range(signs // 4):
            nibble = sum(int(positive[i, 4 * group + bit]) << bit for bit in range(4))
            chunk, part = divmod(group, 8)
            blocks[block, 64 * chunk + 16 * (part % 4) + byte] |= nibble << (part & 4)
        constant = -outside[i] if metric == DOT else squares[i] + 2 * gains[i] * folds[i]
        slope = -gains[i] if metric == DOT else -2 * gains[i]
        factors[block, signs // 2 + row] = factor_words(*np.array([[constant], [slope]], dtype=np.float32))[0]


def factor_words(constants: Float32, slopes: Float32) -> UInt32:
    """Return the words that hold constants and slopes, of one shape; each is off by less than one part in 256.

    No word is infinite, or a number so small that processors take long over it.
    """
    lower = (slopes.view(np.uint32).astype(np.int64) + 0x8000) >> 16
    bits = constants.view(np.uint32).astype(np.int64)
    upper = np.clip(((bits & 0x7FFFFFFF) - lower + 0x8000) >> 16, SMALLEST_UPPER, LARGEST_UPPER)
    words: UInt32 = ((bits & 0x80000000) | upper << 16 | lower).astype(np.uint32)
    return words


def packed(rows: npt.NDArray[np.bool_], offsets: Int64) -> npt.NDArray[np.uint16]:
    """Return `rows` (n,), by position, as bits: a word for each block of 16 rows of a bucket."""
    words = []
    for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        for first in range(start, end, 16):
            words.append(sum(int(there) << i for i, there in enumerate(rows[first : min(first + 16, end)])))
    return np.array(words, dtype=np.uint16)


def tables(rotated: Float32) -> tuple[UInt8, float, float]:
    """Return the tables (signs / 4, 16) of a query's rotated values (signs,), and their step and shift.

    The product of signs b with the values is about step * (sum of the entries of b) + shift.
    """
    groups = rotated.reshape(-1, 4).astype(np.float64)
    widest = np.abs(groups).sum(axis=1).max()
    step = 2 * widest / TABLE_LIMIT if widest > 0 else 1.0
    signs = np.array([[1 if v >> bit & 1 else -1 for bit in range(4)] for v in range(16)])
    sums = groups @ signs.T + np.abs(groups).sum(axis=1)[:, np.newaxis]
    return np.floor(sums / step + 0.5).astype(np.uint8), float(step), -float(np.abs(rotated).sum())


def block_estimates(block: UInt8, entries: UInt8, step: float, shift: float, base: float) -> Float32:
    """Return the estimates of the 16 rows of a block (2 * signs + 64,)."""
    groups = len(entries)
    words = block.view(np.uint32)[2 * groups :]
    constants, slopes = (part.view(np.float32).astype(np.float64) for part in (words, words << 16))
    estimates = np.empty(16, dtype=np.float32)
    for row in range(16):
        byte = 2 * row if row < 8 else 2 * row - 15
        total = 0
        for group in range(groups):
            chunk, part = divmod(group, 8)
            both = int(block[64 * chunk + 16 * (part % 4) + byte])
            total += int(entries[group, both >> (part & 4) & 15])
        estimates[row] = base + constants[row] + slopes[row] * (step * total + shift)
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
    inverted_file: Any,
    queries: Float32,
    k: int,
    probes: int,
    depth: int,
    metric: int,
    reach: float | None = None,
    margin: float | None = None,
) -> tuple[Int64, Float32]:
    """Return what the compiled search returns, but for rounding and for rows whose estimates are about equal.

    `inverted_file` is an `index.ivf.inverted_file.InvertedFile`, whose `search` says what reach and margin are.
    """
    sketched = inverted_file.sketched
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf, dtype=np.float32)
    sizes = np.diff(sketched.offsets)
    least, most = (probes, probes) if reach is None else ((probes + 1) // 2, 2 * probes)
    shallow, deep = (depth, depth) if margin is None else ((depth + 1) // 2, 2 * depth)
    for q, query in enumerate(queries):
        nearness = ((sketched.centroids - query) ** 2).sum(axis=1)
        unit = np.sqrt(nearness.min())
        if metric == DOT:
            nearness, unit = -(sketched.centroids @ query), np.linalg.norm(query)
        buckets = chosen(nearness, least, most, (reach or 0) * unit)
        while sizes[buckets].sum() < k and len(buckets) < len(sizes):
            buckets = chosen(nearness, 2 * len(buckets), 2 * len(buckets), 0)
        position, estimate = estimates_of(sketched, query, metric, buckets)
        far = float(unit) if metric == DOT else -1.0
        position = position[kept(estimate, k, max(shallow, k), max(deep, k), margin or 0, far)]
        ids[q], distances[q] = reranked(sketched, query, metric, position, k)
    return ids, distances


def nearest(
    sketched: Any, query: Float32, candidates: Int64, k: int, rerank: int, metric: int
) -> tuple[Int64, Float32]:
    """Return ids and distances (k,) of what the compiled `nearest` finds for one query (d,), but as in `search`."""
    if len(candidates) > max(rerank, k):
        position, estimate = estimates_of(sketched, query, metric, np.arange(len(sketched.centroids)))
        there = np.isin(position, candidates)
        position, estimate = position[there], estimate[there]
        candidates = position[np.argsort(estimate, kind="stable")[: max(rerank, k)]]
    return reranked(sketched, query, metric, candidates, k)


def estimates_of(sketched: Any, query: Float32, metric: int, groups: Int64) -> tuple[Int64, Float32]:
    """Return the positions of the rows of some groups, and the estimates of their distances to a query (d,)."""
    offsets = sketched.offsets
    starts = np.append(0, np.cumsum(-(-np.diff(offsets) // 16)))
    entries, step, shift = tables(sketched.rotation.rotated(query[np.newaxis])[0])
    positions, estimates = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.float32)]
    for group in groups:
        centroid = sketched.centroids[group]
        base = -float(centroid @ query) if metric == DOT else float(((centroid - query) ** 2).sum())
        for block in range(starts[group], starts[group + 1]):
            first = offsets[group] + 16 * (block - starts[group])
            count = min(16, offsets[group + 1] - first)
            positions.append(np.arange(first, first + count))
            estimates.append(block_estimates(sketched.blocks[block], entries, step, shift, base)[:count])
    return np.concatenate(positions), np.concatenate(estimates)


def reranked(sketched: Any, query: Float32, metric: int, position: Int64, k: int) -> tuple[Int64, Float32]:
    """Return ids and exact distances (k,) of the nearest rows at `position`, padded with -1 and inf."""
    exact = comparisons(query, sketched.vectors[position], metric)
    order = np.lexsort((sketched.ids[position], exact))[:k]
    missing = (0, k - len(order))
    return (
        np.pad(sketched.ids[position[order]], missing, constant_values=-1),
        np.pad(exact[order], missing, constant_values=np.inf),
    )
