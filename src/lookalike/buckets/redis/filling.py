"""Fills a namespace with buckets, changes them, and rewrites them without what counts no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, UInt64, as_ids
from lookalike.buckets.base import Header
from lookalike.buckets.gather import checked
from lookalike.buckets.journal import ENTRY, NUMBERED, numbered, record
from lookalike.buckets.redis.counting import members_of
from lookalike.buckets.redis.names import Generation
from lookalike.buckets.redis.state import State, View
from lookalike.buckets.redis.writing import FreshWriter, Writer, delete, directories, sweep
from lookalike.errors import BucketStoreError

Asking = Callable[[], AbstractContextManager[object]]
"""Surrounds what is asked of the server, to explain its errors; the caller's batches stay outside."""


def fill(state: State, header: Header, batches: Iterable[tuple[Int64, UInt64]], asking: Asking) -> None:
    """See `BucketStore.fill`."""
    header.properties_json()  # raises before anything is written
    with _filling(state, len(header.tables), asking) as generation:
        writer = FreshWriter(state.server, generation)
        given, wide, count = [_NOBODY], [_NOBODY], 0
        for ids, keys in batches:
            ids, keys = checked(ids, keys, header)
            is_wide = ids >= NUMBERED
            entries = ids.astype(ENTRY)
            entries[is_wide] = numbered(count, int(is_wide.sum()))
            with asking():
                writer.add(entries, keys)
            given.append(ids)
            wide.append(ids[is_wide])
            count += len(wide[-1])
        filled = len(as_ids(np.concatenate(given)))
        with asking():
            writer.flush()
            if not state.swap(generation, header, np.concatenate(wide), filled):
                raise BucketStoreError(
                    "another process has begun to fill the same buckets since, and goes on"
                )


def apply(state: State, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
    """See `BucketStore.apply`."""
    view = state.view()
    if view is None or view.header.stamp != seen:
        return False
    ids, keys = checked(ids, keys, view.header)
    ids, removed, first = as_ids(ids), np.asarray(removed, dtype=np.int64), 0
    if len(ids):
        first = state.numbers(view, len(ids))
        writer = Writer(state.server, view.generation, state.buckets(view))
        writer.add(numbered(first, len(ids)), keys)
        writer.flush()
    made = state.commit(view, stamp, record(seen, stamp, first, removed, ids))
    if not made and not state.is_read(view.generation):
        # Others have deleted it, but for what was added since.
        delete(state.server, view.generation, [np.unique(keys[:, i]) for i in range(keys.shape[1])])
    return made


def compact(state: State, view: View, asking: Asking) -> bool:
    """Rewrite the buckets of `view` without what counts no longer; False, with nothing done, if the state changed."""
    journal, tables = view.journal, view.generation.tables
    wide = np.sort(journal.owners[journal.owners >= NUMBERED])
    with _filling(state, tables, asking) as generation, asking():
        writer, filled = FreshWriter(state.server, generation), 0
        for table, keys in enumerate(directories(state.server, view.generation)):
            for own, ids in members_of(state.server, view, table, keys):
                plain = np.where(ids < NUMBERED, ids, NUMBERED + np.searchsorted(wide, ids))
                writer.write(table, plain.astype(ENTRY), own)
                filled += len(ids) if table == 0 else 0
        return state.swap(generation, view.header, wide, filled, follows=view)


@contextmanager
def _filling(state: State, tables: int, asking: Asking) -> Iterator[Generation]:
    """Begin a generation, and sweep up in the end: what it replaces, or itself where it comes to nothing."""
    with asking():
        generation = state.begin(tables)
        sweep(state.server, state.names)
    try:
        yield generation
    finally:
        # What cannot be deleted now is by whoever fills next.
        with suppress(BucketStoreError), asking():
            state.discard(generation)
            sweep(state.server, state.names)


_NOBODY: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
