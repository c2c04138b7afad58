"""Puts the rows of a base into the buckets of a hash family."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Int64
from lookalike.buckets import MemoryBuckets
from lookalike.errors import OptionError
from lookalike.hashing import Clusters, Family, FamilySpec
from lookalike.index.build_steps import SAMPLE_ROWS_A_BUCKET, copy_rows, sample_of, sketched
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.io.sources import RowSource, blocks
from lookalike.index.lsh.search import LshSearch, lifted
from lookalike.index.options import Options
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.snapshot import Base


def build_lsh(
    source: RowSource,
    ids: Int64,
    settings: Options,
    vectors: Sink,
    place: Sinks,
    threads: int,
) -> Base:
    """Return the base of all rows of `source`, whose ids are `ids` (n,), in the buckets of the family asked for."""
    random = np.random.default_rng([settings.seed, source.count])
    longest = copy_rows(source, vectors)
    radius = longest if settings.metric == "dot" else 0.0
    family = _family(settings)
    wanted = SAMPLE_ROWS_A_BUCKET * (family.clusters if isinstance(family, Clusters) else 250)
    sample = sample_of(source, settings, max(10_000, wanted), random)
    family.fit(lifted(sample, radius, settings.metric))
    rotation = Rotation.fitted(sample, settings.seed)
    del sample
    keys = np.empty((source.count, family.tables), dtype=np.uint64)
    for start, block in blocks(source):
        keys[start : start + len(block)] = family.keys(lifted(block, radius, settings.metric))
    store = MemoryBuckets()
    store.add(np.arange(source.count), keys)
    mean, whole = rotation.mean[np.newaxis], np.array([0, source.count])
    rows = sketched(settings, mean, whole, vectors, ids, rotation, place, threads)
    buckets = LshSearch(family, store, rows, radius).tuned(settings.seed, threads)
    release(rows.vectors)
    return Base(rows.vectors, ids, np.argsort(ids), buckets)


def _family(settings: Options) -> Family:
    asked = FamilySpec.of(settings.family)
    if asked is None:
        raise OptionError("no hash family is asked for; give one")
    return asked.family({})
