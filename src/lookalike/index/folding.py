"""When tail and removed rows are folded into a new base.

It is learned and measured anew: rows that are added are often of other kinds than those that were there.
"""

from __future__ import annotations

from lookalike.index.building import build_base
from lookalike.index.placing import MemoryPlace, Place, TemporaryPlace
from lookalike.index.rows import ArrayRows, StateRows, is_mapped
from lookalike.index.settings import Settings
from lookalike.index.state import State

FOLD_SHARE = 0.1
"""When tail and removed rows are more than this share of the base, they are folded into a new base."""

SPILL_BYTES = 256 << 20
"""Rows that come from files, and are more than this, are built into files too."""


def is_due(state: State, settings: Settings) -> bool:
    """Whether `state` should be folded."""
    if not state.count or settings.recall == 1:
        return False
    if state.base.buckets is None:
        return state.count >= settings.scan_below
    return state.loose_share > FOLD_SHARE


def folded(state: State, settings: Settings, threads: int) -> State:
    """Return one base of base and tail, in memory or, where the base is large and in files, in temporary files."""
    source = StateRows.of(state)
    place = place_for(source, in_memory=not is_mapped(state.base.vectors))
    ids = state.row_ids()[source.rows]
    return State.of(build_base(source, ids, settings, place, threads))


def place_for(source: ArrayRows | StateRows, *, in_memory: bool) -> Place:
    """Return where to build a base of `source`."""
    size = source.count * source.dimension * source.dtype.itemsize
    return MemoryPlace() if in_memory or size < SPILL_BYTES else TemporaryPlace()
