"""What takes reading all buckets: the ids in them, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.base import BucketStats
from lookalike.buckets.gather import bucket_stats
from lookalike.buckets.journal import ENTRY
from lookalike.buckets.redis.server import Server
from lookalike.buckets.redis.state import ATTEMPTS, REPLACED, State, View
from lookalike.buckets.redis.writing import directories
from lookalike.buckets.table import firsts
from lookalike.errors import BucketStoreUnavailableError

BUCKETS = 10_000
"""Buckets that are read at once."""

Told = TypeVar("Told")


def whole(state: State, told: Callable[[State, View], Told], nothing: Told) -> Told:
    """Return what `told` makes of all buckets, which were all there while it read them; `nothing` of none."""
    for _ in range(ATTEMPTS):
        view = state.view()
        if view is None:
            return nothing
        answer = told(state, view)
        after = state.view()
        if after is not None and after.generation == view.generation:
            return answer
    raise BucketStoreUnavailableError(REPLACED)


def ids_of(state: State, view: View) -> Int64:
    """Return the ids in the buckets, ascending."""
    keys = directories(state.server, view.generation)[0]
    members = [ids for _, ids in members_of(state.server, view, 0, keys)]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *members]))


def stats_of(state: State, view: View) -> BucketStats:
    """Return the stats of a view."""
    generation, sizes, ids = view.generation, [np.empty(0, dtype=np.int64)], 0
    tables = directories(state.server, generation)
    names = [state.names.header, generation.journal, generation.next_number]
    names += [generation.witnesses, *state.server.witnesses(generation)]
    for table, keys in enumerate(tables):
        names += [generation.directory(table), *generation.buckets(table, keys)]
        for own, members in members_of(state.server, view, table, keys):
            sizes.append(np.unique(own, return_counts=True)[1])
            ids += len(members) if table == 0 else 0
    return bucket_stats(
        np.concatenate(sizes), ids=ids, tables=len(tables), size=state.server.size(names), notes=view.notes()
    )


def members_of(server: Server, view: View, table: int, keys: UInt64) -> Iterator[tuple[UInt64, Int64]]:
    """Yield the ids (n,) in buckets of a table, each once a bucket, with the keys (n,) of theirs, many at once."""
    for first in range(0, len(keys), BUCKETS):
        some = keys[first : first + BUCKETS]
        contents = [content or b"" for content in server.get(view.generation.buckets(table, some))]
        lengths = np.fromiter(map(len, contents), dtype=np.int64, count=len(contents)) // ENTRY.itemsize
        entries: npt.NDArray[np.uint32] = np.frombuffer(b"".join(contents), dtype=ENTRY)
        kept, ids = view.journal.live(entries)
        own = np.repeat(some, lengths)[kept]
        order = np.lexsort((ids, own))
        own, ids = own[order], ids[order]
        once = firsts(own, ids)
        yield own[once], ids[once]
