"""Makes a base of rows from anywhere, without ever holding them all.

Rows are read three times: a sample to learn centroids, all to find each one's bucket, all again to put each in its
place. Sketches are then made bucket by bucket from where the rows lie.
"""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.buckets import MemoryBuckets
from lookalike.hashing import Clusters, Family, family_from_parts
from lookalike.hashing.k_means import Assigner, many_means
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.io.sources import RowSource, blocks
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.ivf.tuning import measured
from lookalike.index.lsh.search import LshSearch, lifted
from lookalike.index.options import Options
from lookalike.index.row_forms import comparable
from lookalike.index.sketches.encode import block_count, encode
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.snapshot import Base, order_of

SAMPLE_ROWS_A_BUCKET = 40
SAMPLE_BYTES = 192 << 20
"""A sample is no larger than this; of long vectors there are fewer a bucket."""
PLACED_BYTES = 128 << 20
"""Rows are put in their places in blocks of about this size: the larger, the longer the runs that are written."""
ENCODED_BYTES = 32 << 20
PART_ROWS = 4096


def build_base(
    source: RowSource,
    ids: Int64,
    settings: Options,
    place: Sinks,
    threads: int,
) -> Base:
    """Return the base of all rows of `source`, whose ids are `ids` (n,), with buckets where it is large enough."""
    rows = source.count
    vectors = place.array("vectors", source.dtype, (rows, source.dimension))
    if rows < max(1, settings.scan_below) or settings.recall == 1:
        _copy(source, vectors)
        return Base.of(vectors.finish(), ids)
    build = _partitioned if settings.family is None else _hashed
    return build(source, ids, settings, vectors, place, threads)


def bucket_count(rows: int) -> int:
    """Return how many buckets a base of `rows` has: twice the square root, so that both are looked at alike."""
    return max(1, round(2 * math.sqrt(rows)))


def _partitioned(
    source: RowSource,
    ids: Int64,
    settings: Options,
    vectors: Sink,
    place: Sinks,
    threads: int,
) -> Base:
    random = np.random.default_rng([settings.seed, source.count])
    wanted = bucket_count(source.count)
    sample = _sample(source, settings, SAMPLE_ROWS_A_BUCKET * wanted, random)
    centroids = many_means(sample, wanted, random, threads)
    projection = Rotation.fitted(sample, settings.seed)
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
    partition = _sketched(settings, centroids, offsets, vectors, ids, projection, place, threads)
    buckets = InvertedFileSearch(partition, measured(partition, settings.seed))
    release(partition.vectors)
    return Base(partition.vectors, ids, order_of(ids), buckets)


def _hashed(
    source: RowSource,
    ids: Int64,
    settings: Options,
    vectors: Sink,
    place: Sinks,
    threads: int,
) -> Base:
    random = np.random.default_rng([settings.seed, source.count])
    longest = _copy(source, vectors)
    radius = longest if settings.metric == "dot" else 0.0
    family = _family(settings)
    wanted = SAMPLE_ROWS_A_BUCKET * (family.clusters if isinstance(family, Clusters) else 250)
    sample = _sample(source, settings, max(10_000, wanted), random)
    family.fit(lifted(sample, radius, settings.metric))
    projection = Rotation.fitted(sample, settings.seed)
    middle = projection.mean[np.newaxis]
    del sample
    keys = np.empty((source.count, family.tables), dtype=np.uint64)
    for start, block in blocks(source):
        keys[start : start + len(block)] = family.keys(lifted(block, radius, settings.metric))
    store = MemoryBuckets()
    store.add(np.arange(source.count), keys)
    # All rows are looked at, in parts that are sketched one after another: buckets about one and the same middle.
    offsets = np.append(np.arange(0, source.count, PART_ROWS), source.count)
    middles = np.repeat(middle, len(offsets) - 1, axis=0)
    partition = _sketched(settings, middles, offsets, vectors, ids, projection, place, threads)
    buckets = LshSearch(family, store, partition, radius).tuned(settings.seed, threads)
    release(partition.vectors)
    return Base(partition.vectors, ids, order_of(ids), buckets)


def _sketched(
    settings: Options,
    centroids: Float32,
    offsets: Int64,
    vectors: Sink,
    ids: Int64,
    projection: Rotation,
    place: Sinks,
    threads: int,
) -> InvertedFile:
    """Make sketches of the rows that lie in `vectors`, some buckets at a time."""
    codes = place.array("blocks", np.uint8, (block_count(offsets), projection.block_bytes))
    step = max(1, ENCODED_BYTES // (4 * settings.dimension))
    first = done = 0
    while first < len(centroids):
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + step, side="right")) - 1)
        rows = vectors.read(int(offsets[first]), int(offsets[last]))
        part = encode(settings.metric, projection, centroids, offsets, rows, first, last, threads)
        codes.put_run(done, part)
        first, done = last, done + len(part)
    return InvertedFile(
        settings.metric, centroids, offsets, vectors.finish(), ids, projection, codes.finish()
    )


def _copy(source: RowSource, vectors: Sink) -> float:
    """Put all rows in the order given; return the length of the longest."""
    square = 0.0
    for start, block in blocks(source):
        vectors.put_run(start, block)
        wide = block.astype(np.float32, copy=False)
        square = max(square, float(np.einsum("ij,ij->i", wide, wide, dtype=np.float64).max(initial=0)))
    return float(square**0.5)


def _sample(source: RowSource, settings: Options, rows: int, random: np.random.Generator) -> Float32:
    most = max(256, SAMPLE_BYTES // (4 * settings.dimension))
    return comparable(source.sample(min(rows, most), random), settings.metric)


def _family(settings: Options) -> Family:
    description = settings.family or {}
    return family_from_parts(description["family"], description["parameters"], {})
