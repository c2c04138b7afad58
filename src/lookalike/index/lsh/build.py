"""Puts the rows of a base into the buckets of a hash family."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Int64
from lookalike.buckets import MemoryBuckets
from lookalike.errors import OptionError
from lookalike.hashing import Family
from lookalike.index.build_steps import copy_rows, sample_of, sketched
from lookalike.index.exact_rows import ExactRows
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sink, Sinks
from lookalike.index.io.sources import RowSource, blocks
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.probing import Probing
from lookalike.index.lsh.search import LshSearch, header_of
from lookalike.index.lsh.tuner import fitted_family
from lookalike.index.lsh.usual import sample_rows
from lookalike.index.options import Options
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows
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
    asked = settings.buckets
    if asked is None:
        raise OptionError("no hash family is asked for; give one")
    random = np.random.default_rng([settings.seed, source.count])
    longest = copy_rows(source, vectors, settings.metric)
    lift = Lift(settings.metric, longest if settings.metric == "dot" else 0.0)
    sample = sample_of(source, settings, sample_rows(asked, source.count), random)
    family = fitted_family(asked, sample, lift, source.count, settings.recall, settings.seed)
    discrete = settings.metric in DISCRETE
    rotation = None if discrete else Rotation.fitted(sample, settings.seed)
    del sample
    store = MemoryBuckets()
    store.fill(header_of(family), _hashed(source, family, lift))
    rows: ExactRows | SketchedRows
    if rotation is None:
        rows = ExactRows(settings.metric, vectors.finish(), ids)
    else:
        mean, whole = rotation.mean[np.newaxis], np.array([0, source.count])
        rows = sketched(settings, mean, whole, vectors, ids, rotation, place, threads)
    probing = Probing(family, store, lift, source.count)
    buckets = LshSearch(probing, rows, source.count).tuned(settings.seed, threads)
    release(rows.vectors)
    return Base(rows.vectors, ids, np.argsort(ids), buckets)


def _hashed(source: RowSource, family: Family, lift: Lift) -> Iterator[tuple[Int64, npt.NDArray[np.uint64]]]:
    """Yield positions of rows, and their keys."""
    for start, block in blocks(source):
        yield np.arange(start, start + len(block)), family.keys(lift.rows(block))
