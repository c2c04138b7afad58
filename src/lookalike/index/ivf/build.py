"""Learns the buckets of a base, and puts its rows in their order.

Rows are read three times: a sample to learn centroids, all to find each one's bucket, all again to put each in its
place. Sketches are then made bucket by bucket from where the rows lie.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.hashing.k_means import Assigner, many_means
from lookalike.index.build_steps import SAMPLE_ROWS_A_BUCKET, sample_of, sketched
from lookalike.index.drawn_queries import stand_for_queries
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.io.sources import RowSource, blocks
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.ivf.tuning import measured
from lookalike.index.options import Options
from lookalike.index.row_forms import comparable
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.snapshot import Base

USUAL, LONG, LONG_BUCKETS = 0.75, 8, 64
"""Under "dot", rows more than `LONG` times as long as the share `USUAL` of them have buckets of their own: up to this
number one each, and not fewer in proportion than other rows have."""
PLACED_BYTES = 128 << 20
"""Rows are put in their places in blocks of about this size: the larger, the longer the runs that are written."""


def build_inverted_file(
    source: RowSource,
    ids: Int64,
    settings: Options,
    vectors: Sink,
    place: Sinks,
    threads: int,
) -> Base:
    """Return the base of all rows of `source`, whose ids are `ids` (n,), in learned buckets."""
    random = np.random.default_rng([settings.seed, source.count])
    wanted = bucket_count(source.count)
    sample = sample_of(source, settings, SAMPLE_ROWS_A_BUCKET * wanted, random, stand_for_queries(ids))
    longest = longest_usual(sample) if settings.metric == "dot" else math.inf
    usual = lengths(sample) <= longest
    centroids = many_means(sample if usual.all() else sample[usual], wanted, random, threads)
    rotation = Rotation.fitted(sample, settings.seed)
    del sample
    centroids = centroids[chain(rotation.rotated(centroids))]
    assigner = Assigner(centroids, random)
    labels = np.empty(source.count, dtype=np.int32)
    apart: list[tuple[Int64, Float32]] = []
    for start, block in blocks(source):
        rows = comparable(block, settings.metric)
        labels[start : start + len(block)] = assigner.nearest(rows, threads)
        if longest < math.inf and len(long := np.flatnonzero(lengths(rows) > longest)):
            apart.append((start + long, rows[long]))
    if apart:
        centroids = _with_long_rows(centroids, labels, apart, random, threads)
    offsets = np.append(0, np.cumsum(np.bincount(labels, minlength=len(centroids))))
    order = np.argsort(labels, kind="stable")
    position = np.empty(source.count, dtype=np.int64)
    position[order] = np.arange(source.count)
    for start, block in blocks(source, PLACED_BYTES):
        vectors.put(position[start : start + len(block)], block)
    del position, labels
    ids = ids[order]
    placed = sketched(settings, centroids, offsets, vectors, ids, rotation, place, threads)
    inverted_file = InvertedFile(placed)
    buckets = InvertedFileSearch(inverted_file, measured(inverted_file, settings.seed))
    release(placed.vectors)
    return Base(placed.vectors, ids, np.argsort(ids), buckets)


def chain(points: Float32) -> Int64:
    """Return the order (n,) in which each of `points` (n, d) is followed by the nearest of those left.

    Buckets that are probed together then lie together, and so do the queries of a batch that probe them; see
    `kernels.compiled.batch`.
    """
    left, rest = np.arange(len(points)), points.copy()
    squares = np.einsum("ij,ij->i", rest, rest)
    order = np.empty(len(points), dtype=np.int64)
    last = 0
    for place in range(len(points)):
        order[place], point, end = left[last], rest[last].copy(), len(left) - 1 - place
        left[last], rest[last], squares[last] = left[end], rest[end], squares[end]  # none is looked at twice
        if end:
            last = int(np.argmin(squares[:end] - 2 * (rest[:end] @ point)))
    return order


def bucket_count(rows: int) -> int:
    """Return how many buckets a base of `rows` has: twice the square root, so that both are looked at alike."""
    return max(1, round(2 * math.sqrt(rows)))


def _with_long_rows(
    centroids: Float32,
    labels: npt.NDArray[np.int32],
    apart: list[tuple[Int64, Float32]],
    random: np.random.Generator,
    threads: int,
) -> Float32:
    """Return `centroids` and those of long rows, whose numbers are put into `labels`.

    Under "dot" a long row is the nearest of every query that does not point away from it, but the centroid of others
    would not say so.
    """
    numbers, rows = (np.concatenate(parts) for parts in zip(*apart, strict=True))
    share = round(len(centroids) * len(rows) / len(labels))
    own = many_means(rows, max(LONG_BUCKETS, share), random, threads)
    labels[numbers] = len(centroids) + Assigner(own, random).nearest(rows, threads)
    return np.concatenate((centroids, own))


def longest_usual(sample: Float32) -> float:
    """Return the length beyond which rows like `sample` (n, d) have buckets of their own under "dot"."""
    return LONG * float(np.quantile(lengths(sample), USUAL))


def lengths(rows: Float32) -> Float32:
    """Return the length of each of `rows` (n, d), (n,)."""
    squares = np.einsum("ij,ij->i", rows, rows)
    found: Float32 = np.sqrt(squares)
    return found
