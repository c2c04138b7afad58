"""When tail and removed rows are folded into a new base.

It is learned and measured anew: rows that are added are often of other kinds than those that were there.
"""

from __future__ import annotations

from lookalike.index.build import build_base
from lookalike.index.io.mapping import is_mapped
from lookalike.index.io.sinks import MemorySinks, Sinks, TemporarySinks
from lookalike.index.io.sources import ArrayRows, SnapshotRows
from lookalike.index.options import Options
from lookalike.index.snapshot import Snapshot

SPILL_BYTES = 256 << 20
"""Rows that come from files, and are more than this, are built into files too."""


def folded(state: Snapshot, settings: Options, threads: int) -> Snapshot:
    """Return one base of base and tail, in memory or, where the base is large and in files, in temporary files."""
    source = SnapshotRows.of(state)
    place = sinks_for(source, in_memory=not is_mapped(state.base.vectors))
    ids = state.row_ids()[source.rows]
    return Snapshot.of(build_base(source, ids, settings, place, threads))


def sinks_for(source: ArrayRows | SnapshotRows, *, in_memory: bool) -> Sinks:
    """Return where to build a base of `source`."""
    size = source.count * source.dimension * source.dtype.itemsize
    return MemorySinks() if in_memory or size < SPILL_BYTES else TemporarySinks()
