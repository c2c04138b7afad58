"""Makes a base of rows from anywhere, without ever holding them all."""

from __future__ import annotations

from lookalike.arrays import Int64
from lookalike.index.build_steps import copy_rows
from lookalike.index.io.sinks import Sinks
from lookalike.index.io.sources import RowSource
from lookalike.index.ivf.build import build_inverted_file
from lookalike.index.lsh.build import build_lsh
from lookalike.index.options import Options
from lookalike.index.plan import wants_buckets
from lookalike.index.snapshot import Base


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
    if not wants_buckets(rows, settings):
        copy_rows(source, vectors, settings.metric)
        return Base.of(vectors.finish(), ids)
    build = build_inverted_file if settings.buckets is None else build_lsh
    return build(source, ids, settings, vectors, place, threads)
