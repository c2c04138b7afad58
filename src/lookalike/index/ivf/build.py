"""Learns the buckets of a base, and puts its rows in their order.

Rows are read three times: a sample to learn centroids, all to find each one's bucket, all again to put each in its
place. Sketches are then made bucket by bucket from where the rows lie.
"""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Int64
from lookalike.hashing.k_means import Assigner, many_means
from lookalike.index.build_steps import SAMPLE_ROWS_A_BUCKET, sample_of, sketched
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
    sample = sample_of(source, settings, SAMPLE_ROWS_A_BUCKET * wanted, random)
    centroids = many_means(sample, wanted, random, threads)
    rotation = Rotation.fitted(sample, settings.seed)
    del sample
    assigner = Assigner(centroids, random)
    labels = np.empty(source.count, dtype=np.int32)
    for start, block in blocks(source):
        labels[start : start + len(block)] = assigner.nearest(comparable(block, settings.metric), threads)
    offsets = np.append(0, np.cumsum(np.bincount(labels, minlength=len(centroids))))
    order = np.argsort(labels, kind="stable")
    position = np.empty(source.count, dtype=np.int64)
    position[order] = np.arange(source.count)
    for start, block in blocks(source, PLACED_BYTES):
        vectors.put(position[start : start + len(block)], block)
    del position, labels
    ids = ids[order]
    rows = sketched(settings, centroids, offsets, vectors, ids, rotation, place, threads)
    inverted_file = InvertedFile(rows)
    buckets = InvertedFileSearch(inverted_file, measured(inverted_file, settings.seed))
    release(rows.vectors)
    return Base(rows.vectors, ids, np.argsort(ids), buckets)


def bucket_count(rows: int) -> int:
    """Return how many buckets a base of `rows` has: twice the square root, so that both are looked at alike."""
    return max(1, round(2 * math.sqrt(rows)))
