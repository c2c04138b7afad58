"""When tail and removed rows are folded into a new base.

Buckets are kept where they suit the rows that were added, and only these are hashed and sketched. Else all is learned
and measured anew: rows that are added are often of other kinds than those that were there.
"""

from __future__ import annotations

from lookalike.index.build import build_base
from lookalike.index.io.mapping import is_mapped
from lookalike.index.io.sinks import MemorySinks, Sinks, TemporarySinks
from lookalike.index.io.sources import ArrayRows, SnapshotRows
from lookalike.index.ivf.fold import folded_in as folded_into_cells
from lookalike.index.lsh.fold import folded_in as folded_into_tables
from lookalike.index.options import Options
from lookalike.index.plan import wants_buckets
from lookalike.index.snapshot import Snapshot

SPILL_BYTES = 256 << 20
"""Rows that come from files, and are more than this, are built into files too."""


def folded(state: Snapshot, settings: Options, threads: int) -> Snapshot:
    """Return one base of base and tail, in memory or, where the base is large and in files, in temporary files."""
    source = SnapshotRows.of(state)
    in_memory = not is_mapped(state.base.vectors)
    if wants_buckets(source.count, settings):
        fold = folded_into_cells if settings.buckets is None else folded_into_tables
        base = fold(state, settings, sinks_for(source, in_memory=in_memory), threads)
        if base is not None:
            return Snapshot.of(base)
    ids = state.row_ids()[source.rows]
    return Snapshot.of(build_base(source, ids, settings, sinks_for(source, in_memory=in_memory), threads))


def sinks_for(source: ArrayRows | SnapshotRows, *, in_memory: bool) -> Sinks:
    """Return where to build a base of `source`."""
    size = source.count * source.dimension * source.dtype.itemsize
    return MemorySinks() if in_memory or size < SPILL_BYTES else TemporarySinks()
