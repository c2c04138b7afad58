"""Measures how many buckets to probe and how many rows to compare, for a recall that is asked.

An inverted file measures itself: rows drawn from it are asked for, each left out of its own answer, and their exact
neighbours looked for. One pass over the buckets of each query, nearest first, notes where each neighbour's bucket
comes, and how many rows are estimated nearer than it; that is the recall of every setting at once. The settings
that no cheaper one surpasses are kept, so that any recall is a look-up when it is asked.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.index.drawn_queries import drawn_queries, stand_for_queries
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.nearest_rows import nearest_rows
from lookalike.index.ivf.operating_points import OperatingPoint, Tuning, Wide
from lookalike.index.sketches.sketched_rows import Bool, SketchedRows

SAMPLED_QUERIES = 1024
LEAST_QUERIES = 128
PRODUCTS = 6e10
"""Fewer rows are drawn where the exact scan would take more products than this."""
NEIGHBOURS = (1, 3, 10, 30, 100, 300, 1000)
RANKS_A_STEP = 16
"""Of the neighbours between one of these k and the next, so many are traced: their recall changes slowly."""
TRACED_WHOLE = 10
"""So many nearest ones are traced all."""
ENOUGH = 0.999
"""Buckets beyond those that hold this share of the neighbours are not probed."""
GROWTH = 2 ** (1 / 4)
LARGEST_REACH = 1e30
DEEPEST = 16
"""At most this many times k rows, and 1,024 more, are compared."""
SCANNED = 0.055
"""Nanoseconds that a scan of many queries takes a number of the rows; see `cost`."""
SETTLED, SETTLED_NUMBER = 200, 6
"""Nanoseconds that it takes more for each of k, and for each number of it."""
COPY, AMONG = 0.4, 30
"""A near-copy of a row is nearer than this share of its distance to the neighbour of that rank, both squared."""
MOST_COPIES = 16
ERRORS = 0.5
"""What is promised is less than what was measured by so many standard errors."""
FAR, BEYOND = 0.99, 1.25
"""Queries whose neighbours' squared distances are more than so many times those of this share of the rows are not like
the rows."""
NEAR, WIDER, NEARLY = 1 / 24, 2.5, 0.75
"""Within the breadth within which half of the queries have this share of the buckets, `FAR` of them have some number at
most. Whoever has so many times that number, or this share of what lies between it and all buckets, is not like the rows
either: in the sets of `docs/measurements-index.md` 0.1 % of ordinary queries at most, and most foreign ones."""
NOWHERE = np.int64(1 << 32)
"""The place of a row that is not seen."""

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]


def measured(inverted_file: InvertedFile, seed: int) -> Tuning:
    """Return the measurements of `inverted_file`, from rows drawn by `seed`."""
    from lookalike.kernels.compiled.recall_trace import trace

    sketched = inverted_file.sketched
    rows, dimension = sketched.vectors.shape
    width = min(max(NEIGHBOURS), rows - 1)
    if width < 1:
        return Tuning(0, ())
    affordable = int(PRODUCTS / (rows * dimension))
    most = min(SAMPLED_QUERIES, max(LEAST_QUERIES, affordable))
    among = np.flatnonzero(stand_for_queries(sketched.ids))
    random = np.random.default_rng([seed, rows])
    own = drawn_queries(sketched.vectors, most, random, among if len(among) else None)
    count = len(own)
    queries = sketched.rows_as_hashed(own)
    traced, weights = _traced(width)
    more = min(MOST_COPIES, rows - 1 - width)
    positions, squares = nearest_rows(sketched, queries, own, width + more)
    copies = _copies(sketched, queries, squares, more)
    wanted = np.take_along_axis(positions, copies[:, np.newaxis] + traced, axis=1)
    hidden = np.full((count, 1 + int(copies.max())), -1, dtype=np.int64)
    hidden[:, 0] = own
    hidden[:, 1:] = np.where(
        np.arange(hidden.shape[1] - 1) < copies[:, np.newaxis], positions[:, : hidden.shape[1] - 1], -1
    )
    buckets = (np.searchsorted(sketched.offsets, wanted, side="right") - 1).astype(np.int32)
    levels, reaches, beyond = _levels(sketched, queries, buckets)
    ks, shape = np.unique(np.minimum(NEIGHBOURS, width)), (len(levels), *wanted.shape)
    seen = _Trace(
        ks=ks,
        ranks=np.empty(wanted.shape, dtype=np.int32),
        probed=np.empty(shape[:2], dtype=np.int32),
        targets=np.empty(wanted.shape, dtype=np.float32),
        ahead=np.empty(shape, dtype=np.int32),
        kth=np.empty((*shape[:2], len(ks)), dtype=np.float32),
        units=np.empty(count, dtype=np.float32),
        rows=np.zeros(shape[:2], dtype=np.int64),
    )
    trace(
        inverted_file.plan,
        queries,
        hidden,
        buckets,
        wanted,
        levels,
        reaches,
        seen.ks,
        seen.ranks,
        seen.probed,
        seen.targets,
        seen.ahead,
        seen.kth,
        seen.units,
        seen.rows,
    )
    found: list[OperatingPoint] = []
    for number in range(len(seen.ks)):
        found += _frontier(sketched, number, weights[traced < seen.ks[number]], levels, reaches, seen)
    kth = np.take_along_axis(squares, copies[:, np.newaxis] + (ks - 1), axis=1)
    far = tuple(zip(ks.tolist(), _far(sketched, queries, kth), strict=False))
    return Tuning(
        count, tuple(found), float((copies > 0).mean()), far, wide=_wide(inverted_file, queries, beyond)
    )


@dataclass(frozen=True, slots=True)
class _Trace:
    """What `kernels.compiled.recall_trace.trace` fills, by its names."""

    ks: Int64
    ranks: Int32
    probed: Int32
    targets: Float32
    ahead: Int32
    kth: Float32
    units: Float32
    rows: Int64


def _levels(sketched: SketchedRows, queries: Float32, wanted: Int32) -> tuple[Int64, Float32, Float32]:
    """Return growing numbers of probes, and the reach within which the queries have that number of buckets.

    The last number is enough to have all but few of the `wanted` buckets (q, w). What comes third is how much farther
    than the nearest the buckets of each query are, (q, m), ascending.
    """
    centroids = sketched.centroids
    if sketched.metric != "dot":  # about the mean, since rounding errors grow with lengths
        queries, centroids = queries - sketched.rotation.mean, centroids - sketched.rotation.mean
    nearness: Float32 = queries @ centroids.T
    if sketched.metric == "dot":
        np.negative(nearness, out=nearness)
        units = np.linalg.norm(queries, axis=1)
    else:
        nearness *= -2
        nearness += np.einsum("ij,ij->i", centroids, centroids)
        units = np.sqrt(np.maximum(nearness.min(axis=1) + np.einsum("ij,ij->i", queries, queries), 0))
    order = np.argsort(nearness, axis=1)
    ranks = np.argsort(order, axis=1)
    needed = float(np.quantile(np.take_along_axis(ranks, wanted, axis=1), ENOUGH)) + 1
    most = math.ceil(min(needed * GROWTH, len(sketched.centroids)))
    levels = [1]
    while levels[-1] < most:
        levels.append(min(most, max(levels[-1] + 1, math.ceil(levels[-1] * GROWTH))))
    probes = np.array(levels, dtype=np.int64)
    beyond = np.take_along_axis(nearness, order, axis=1)
    beyond -= beyond[:, :1].copy()
    np.divide(beyond, units[:, np.newaxis], out=beyond, where=units[:, np.newaxis] > 0)
    reaches: Float32 = np.median(beyond[:, : probes[-1]], axis=0)[probes - 1].astype(np.float32)
    return probes, np.minimum(reaches, np.float32(LARGEST_REACH)), beyond


def _wide(inverted_file: InvertedFile, queries: Float32, beyond: Float32) -> Wide | None:
    """Return how many buckets ordinary queries have about as near as the nearest.

    `beyond` (q, m) is that of `_levels`. The kernel's own counts are taken too: it compares bytes, by whose error all
    buckets may seem as near to rows that lie much closer to their own, as in tight clusters.
    """
    buckets = beyond.shape[1]
    breadth = float(np.median(beyond[:, min(max(1, round(NEAR * buckets) - 1), buckets - 1)]))
    if not 0 < breadth < LARGEST_REACH:
        return None
    counted = np.empty(len(queries), dtype=np.int64)
    inverted_file.search(queries, 1, 1, 1, breadth=breadth, reached=counted)
    usual = max(
        float(np.quantile(counts, FAR)) for counts in (counted, np.count_nonzero(beyond <= breadth, axis=1))
    )
    most = int(min(WIDER * usual, usual + NEARLY * (buckets - usual)))
    return Wide(breadth, most) if most < buckets else None


def _traced(width: int) -> tuple[Int64, Float64]:
    """Return which of `width` neighbours are traced, as ascending ranks from 0, and how many each stands for.

    That is a stretch between two of `NEIGHBOURS`, of whose ranks it is the middle one.
    """
    edges = set(range(min(width, TRACED_WHOLE)))
    for first, last in pairwise(NEIGHBOURS):
        edges.update(np.linspace(first, last, RANKS_A_STEP + 1, dtype=np.int64).tolist())
    ends = np.array(sorted({min(edge, width) for edge in edges}), dtype=np.int64)
    return (ends[:-1] + ends[1:] - 1) // 2, np.diff(ends).astype(np.float64)


def _copies(sketched: SketchedRows, queries: Float32, nearness: Float32, most: int) -> Int64:
    """Return how many of each query's nearest rows, up to `most`, are near-copies of it, (q,).

    They would make every recall look high, for they are found whatever else is missed; and queries that are not among
    the rows have none, where these are views of one picture. `nearness` (q, k) is that of `nearest_rows`.
    """
    if sketched.metric == "dot" or nearness.shape[1] < AMONG:
        return np.zeros(len(queries), dtype=np.int64)
    moved = queries - sketched.rotation.mean
    squares = np.maximum(nearness + np.einsum("ij,ij->i", moved, moved)[:, np.newaxis], 0)
    near: Bool = squares[:, :most] <= COPY * squares[:, AMONG - 1 : AMONG]
    copies: Int64 = np.count_nonzero(near, axis=1)
    return copies


def _far(sketched: SketchedRows, queries: Float32, nearness: Float32) -> list[float]:
    """Return for each k the distance beyond which hardly any of the queries have their k-th neighbour.

    `nearness` (q, ks) is that of `nearest_rows`. Under "dot" the length of a query says nothing, and there is none.
    """
    if sketched.metric == "dot":
        return []
    moved = queries - sketched.rotation.mean
    squares = np.maximum(nearness + np.einsum("ij,ij->i", moved, moved)[:, np.newaxis], 0)
    far = BEYOND * np.quantile(squares, FAR, axis=0)
    distances: list[float] = (np.sqrt(far) if sketched.metric == "euclidean" else far / 2).tolist()
    return distances


def _frontier(
    sketched: SketchedRows, number: int, weights: Float64, levels: Int64, reaches: Float32, seen: _Trace
) -> list[OperatingPoint]:
    """Return the settings for the k of that number that no cheaper one surpasses in recall, cheapest first.

    None costs as much as to compare every row. `weights` (w,) tell for how many of the k nearest rows each of the
    first that are wanted stands.
    """
    k, count = int(seen.ks[number]), len(sketched)
    scanned = scan_cost(sketched, k)
    depths = [k]
    while depths[-1] < min(DEEPEST * k + 1024, count):
        depths.append(max(depths[-1] + 1, math.ceil(depths[-1] * GROWTH)))
    known, order = len(weights), np.argsort(seen.targets, axis=1)
    tried: list[tuple[float, OperatingPoint]] = []
    for level, probes in enumerate(levels.tolist()):
        rows = float(seen.rows[level].mean())
        probed = (seen.ranks[:, :known] >= 0) & (seen.ranks[:, :known] < seen.probed[level, :, np.newaxis])
        beyond = _beyond(seen, level, number, own_unit=sketched.metric == "dot")
        tenable = [
            depth
            for depth in depths[: 1 + bisect.bisect_right(depths, rows)]
            if cost(sketched, probes, rows, depth) < scanned
        ]
        margins = _margins(tenable, seen.ahead[level], beyond, order)
        ahead, beyond = seen.ahead[level, :, :known], beyond[:, :known]
        for depth, margin in zip(tenable, margins, strict=True):
            deep = (ahead < 2 * depth) & (beyond <= margin)
            compared = probed & (deep | (ahead < max(k, (depth + 1) // 2)))
            recall, error = _mean(compared, weights)
            floor = max(0.0, recall - ERRORS * error)
            setting = OperatingPoint(
                k, probes, float(reaches[level]), depth, margin, recall, error, floor, rows
            )
            tried.append((cost(sketched, probes, rows, depth), setting))
    kept: list[OperatingPoint] = []
    for _, setting in sorted(tried, key=lambda pair: (pair[0], pair[1].probes)):
        if not kept or setting.floor > kept[-1].floor:
            kept.append(setting)
    return kept


def _mean(found: Bool, weights: Float64) -> tuple[float, float]:
    """Return the mean over the queries of the share of each one's rows (q, w) that are found, and its error."""
    shares = (
        found @ weights / weights.sum()
    )  # whole numbers, whose sums are exact, so that no recall exceeds 1
    return float(shares.mean()), float(shares.std()) / math.sqrt(len(shares))


def _beyond(seen: _Trace, level: int, number: int, *, own_unit: bool) -> Float64:
    """Return how much farther than the k-th the wanted rows are estimated (q, w), as `InvertedFile.search` has it.

    It is 0 where there are fewer than k rows, all of which are compared, and inf for rows that are not seen.
    """
    kth = seen.kth[level, :, number, np.newaxis].astype(np.float64)
    unit = seen.units[:, np.newaxis] if own_unit else np.maximum(kth, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond: Float64 = np.maximum(seen.targets - kth, 0) / unit
    beyond[np.isnan(beyond)] = 0
    beyond[np.isinf(seen.targets)] = np.inf
    return beyond


def _margins(depths: Sequence[int], ahead: Int32, beyond: Float64, order: Int64) -> list[float]:
    """Return for each depth how much farther than the k-th estimate the queries have that number of rows: the median.

    What is known of a query are its wanted rows: how many rows are estimated nearer than each, (q, w), and how much
    farther each is. `order` (q, w) sorts them, those that are not seen last.
    """
    farther = np.take_along_axis(beyond, order, axis=1)
    seen = np.isfinite(farther)
    known = np.flatnonzero(seen[:, 0])
    if not len(known):
        return [0.0] * len(depths)
    farther, seen = farther[known], seen[known]
    places = np.where(seen, np.take_along_axis(ahead[known], order[known], axis=1) + 1, NOWHERE)
    own, last, width = np.arange(len(known)), np.count_nonzero(seen, axis=1) - 1, seen.shape[1]
    apart = own * (NOWHERE + 1)  # so that one search serves all queries
    wanted = np.array(depths, dtype=np.int64)[:, np.newaxis]
    nearer = (
        np.searchsorted((places + apart[:, np.newaxis]).reshape(-1), wanted + apart, side="right")
        - own * width
    )
    left, right = np.clip(nearer - 1, 0, last), np.minimum(nearer, last)  # as np.interp does for one query
    (x, x_next), (y, y_next) = ((values[own, left], values[own, right]) for values in (places, farther))
    share = np.clip((wanted - x) / np.where(x_next > x, x_next - x, np.inf), 0, 1)
    margins: list[float] = np.median(y + share * (y_next - y), axis=1).tolist()
    return margins


def cost(sketched: SketchedRows, probes: float, rows: float, rerank: float) -> float:
    """Return about the nanoseconds that a setting adds to a query.

    Measured on one core of a server: only the proportions matter, and they are of memory's speed.
    """
    row_bytes: int = sketched.vectors.shape[1] * sketched.vectors.itemsize
    estimated: float = (0.72 + 0.01125 * sketched.rotation.signs) * rows
    return 40 * probes + estimated + (80 + 0.12 * row_bytes) * rerank


def scan_cost(sketched: SketchedRows, k: int) -> float:
    """Return about the nanoseconds a query that comparing every row takes, where many are asked at once."""
    rows, dimension = sketched.vectors.shape
    return float(SCANNED * rows * dimension + k * (SETTLED + SETTLED_NUMBER * dimension))


def filtered_scan_cost(sketched: SketchedRows, shown: int) -> float:
    """Return about the nanoseconds a query that comparing the rows takes that a filter shows."""
    row_bytes: int = sketched.vectors.shape[1] * sketched.vectors.itemsize
    return shown * (4 + 0.014 * row_bytes)
