"""Folds added and removed rows into the buckets of a hash family for what they cost, not for what a build does.

The family's functions, the sketches' rotation and the probes that were measured stay. Added rows are hashed and
sketched, and merged into the tables; rows that stay are copied with their sketches, and only change their numbers. That
is right only while functions and probes suit the rows: rows that were added are asked for, and where less of them is
found than was measured, or more rows are met for it, all is fitted and measured anew.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lookalike.arrays import Int64, UInt64
from lookalike.buckets import MemoryBuckets
from lookalike.index.build_steps import copy_rows
from lookalike.index.drawn_queries import drawn_queries
from lookalike.index.exact_rows import ExactRows
from lookalike.index.fold_steps import placed_anew
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sinks
from lookalike.index.io.sources import SnapshotRows, blocks
from lookalike.index.lsh.search import LshSearch
from lookalike.index.lsh.tuning import NEIGHBOURS, RERANKED, measured_again
from lookalike.index.options import Options
from lookalike.index.reports import RecallMeasurement
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.index.snapshot import Base, Snapshot

GROWN = 2
"""Functions are fitted anew where there are more than so many times the rows that they were fitted to, or fewer."""
LACKING, ERRORS = 0.03, 2
"""They are, too, where the recall of added rows is by so much and so many standard errors below what was measured."""
CROWDED = 2
"""Or where these have so many times the candidates, and more than are all compared."""
CHANGED = 0.3
"""Once more than this share of the rows came or went since recall was measured, rows of all kinds are asked for."""
ASKED_FOR = 128


def folded_in(state: Snapshot, settings: Options, place: Sinks, threads: int) -> Base | None:
    """Return the base of all rows of `state`, in the buckets of the family that it has.

    None where it has none, or these no longer suit the rows, and should be fitted anew.

    Raises:
        BucketStoreError: the buckets are damaged.
    """
    buckets = state.base.buckets
    if not isinstance(buckets, LshSearch) or not isinstance(buckets.probing.store, MemoryBuckets):
        return None
    points = _points(buckets, settings.recall)
    suited = buckets.fitted <= GROWN * state.count and state.count <= GROWN * buckets.fitted
    if not suited or not points or state.count <= max(NEIGHBOURS):
        return None
    old = len(state.base.ids)
    added = old + np.sort(state.tail_order)
    keys = _keys(SnapshotRows(state, added), buckets)
    if keys is None:
        return None
    alive = state.alive[:old]
    store = buckets.probing.store.renumbered(np.where(alive, np.cumsum(alive) - 1, -1), keys)
    rows = _placed(state, settings, buckets.sketched, added, place, threads)
    probing = replace(buckets.probing, store=store, rows=state.count)
    changed = buckets.changed + len(added) + old - np.count_nonzero(alive)
    folded = replace(buckets, probing=probing, sketched=rows, changed=int(changed))
    random = np.random.default_rng([settings.seed, state.count])
    kept = state.count - len(added)
    if len(added):
        drawn = kept + drawn_queries(rows.vectors[kept:], ASKED_FOR, random)
        if not _holds(folded, drawn, points, threads):
            return None
    if changed > CHANGED * state.count:
        if not _holds(folded, drawn_queries(rows.vectors, ASKED_FOR, random), points, threads):
            return None
        folded = replace(folded, changed=0)
    release(rows.vectors)
    return Base(rows.vectors, rows.ids, np.argsort(rows.ids), folded)


def _points(buckets: LshSearch, recall: float) -> list[RecallMeasurement]:
    """Return, for each k that was measured, the probes that reach `recall`, or the most where none do."""
    most = {one.k: one for one in buckets.measurements()}
    return [buckets.measurement(k, recall) or last for k, last in most.items()]


def _keys(source: SnapshotRows, buckets: LshSearch) -> UInt64 | None:
    """Return the keys of rows that are added, (m, tables); None where one is too long for the functions."""
    family, lift = buckets.family, buckets.probing.lift
    keys = np.empty((source.count, family.tables), dtype=np.uint64)
    for start, block in blocks(source):
        if not lift.takes(block):
            return None
        keys[start : start + len(block)] = family.keys(lift.rows(block))
    return keys


def _placed(
    state: Snapshot,
    settings: Options,
    rows: SketchedRows | ExactRows,
    added: Int64,
    place: Sinks,
    threads: int,
) -> SketchedRows | ExactRows:
    if isinstance(rows, SketchedRows):
        return placed_anew(state, rows, added, np.zeros(len(added), dtype=np.int64), place, threads)
    source = SnapshotRows.of(state)
    vectors = place.array("vectors", source.dtype, (source.count, source.dimension))
    copy_rows(source, vectors, settings.metric)
    return ExactRows(settings.metric, vectors.finish(), state.row_ids()[source.rows])


def _holds(folded: LshSearch, drawn: Int64, points: list[RecallMeasurement], threads: int) -> bool:
    """Return whether the rows `drawn` find as much as was measured, without meeting many more rows for it."""
    grown = CROWDED * max(1.0, len(folded.sketched) / folded.fitted)
    return all(
        now.recall + ERRORS * now.error >= point.recall - LACKING
        and now.candidates <= max(RERANKED, grown * point.candidates)
        for now, point in zip(measured_again(folded, drawn, points, threads), points, strict=True)
    )
