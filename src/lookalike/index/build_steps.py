"""The steps of building a base that both kinds of buckets take: a sample, the rows in their places, sketches."""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import DISCRETE, Float32, Int64, Metric, Rows
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.io.sources import RowSource, blocks
from lookalike.index.options import Options
from lookalike.index.row_forms import comparable
from lookalike.index.sketches.encode import encode_into
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import Bool, SketchedRows

SAMPLE_ROWS_A_BUCKET = 40
SAMPLE_BYTES = 192 << 20
"""A sample is no larger than this; of long vectors there are fewer a bucket."""


def sample_of(
    source: RowSource,
    settings: Options,
    rows: int,
    random: np.random.Generator,
    left_out: Bool | None = None,
) -> Rows:
    """Return about `rows` rows drawn from `source`, or fewer where they are long, as they are compared.

    None of those that `left_out` (n,) marks is among them.
    """
    most = max(256, SAMPLE_BYTES // (4 * settings.dimension))
    if left_out is None:
        return comparable(source.sample(min(rows, most), random)[1], settings.metric)
    numbers, drawn = source.sample(min(math.ceil(rows / (1 - left_out.mean())), most), random)
    return comparable(drawn[~left_out[numbers]], settings.metric)


def copy_rows(source: RowSource, vectors: Sink, metric: Metric) -> float:
    """Put all rows in the order given; return the length of the longest, and 0 of codes and sets."""
    square = 0.0
    for start, block in blocks(source):
        vectors.put_run(start, block)
        if metric in DISCRETE:
            continue
        wide = block.astype(np.float32, copy=False)
        square = max(square, float(np.einsum("ij,ij->i", wide, wide, dtype=np.float64).max(initial=0)))
    return float(square**0.5)


def sketched(
    settings: Options,
    centroids: Float32,
    offsets: Int64,
    vectors: Sink,
    ids: Int64,
    rotation: Rotation,
    place: Sinks,
    threads: int,
) -> SketchedRows:
    """Return the rows that lie in `vectors`, in groups about `centroids`; they are sketched a part at a time."""
    blocks = encode_into(place, settings.metric, rotation, centroids, offsets, vectors, threads)
    return SketchedRows(settings.metric, vectors.finish(), ids, rotation, centroids, offsets, blocks)
