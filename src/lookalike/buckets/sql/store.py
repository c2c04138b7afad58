"""A bucket store in an SQL database: a row a bucket, which holds packed entries."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from lookalike.arrays import Int64, UInt64, as_ids
from lookalike.buckets.base import BucketStats, BucketStore, Candidates, Header
from lookalike.buckets.batches import Batches
from lookalike.buckets.gather import bucket_stats, check_limit, check_tables, checked, gather, nobody
from lookalike.buckets.packed import Probed
from lookalike.buckets.sql.changes import Changes
from lookalike.buckets.sql.database import NARROW, Database, State, Writer
from lookalike.buckets.table import Table
from lookalike.errors import BucketStoreUnavailableError

COMPACTED_AT, COMPACTED_SHARE = 10_000, 4
"""Buckets are written anew where more entries are dead than the first, and than one for so many ids."""
ATTEMPTS = 10


class SqlBuckets(BucketStore):
    """A `BucketStore` in a database.

    A generation of tables holds the buckets; `fill` writes another in one transaction, so that a writer that dies
    leaves nothing. Ids that are taken out stay in their buckets, and are told apart by `Changes`, which every handle
    keeps and reads on from where it was; when they have become many, `apply` writes the buckets anew.
    """

    def __init__(self, database: Database) -> None:
        """Keep buckets in one namespace of `database`."""
        self._database = database
        self._known: tuple[State, Changes] | None = None

    def header(self) -> Header | None:
        """See `BucketStore`."""
        state = self._database.state()
        return None if state is None else state.header

    def fill(self, header: Header, batches: Iterable[tuple[Int64, UInt64]]) -> None:
        """See `BucketStore`; for the memory that it takes, `Batches`."""
        given = Batches.of(header, batches)
        state = State.new(header, wide=_are_wide(given.ids), ids=len(given.ids))

        def write(writer: Writer) -> None:
            # The connection may have been lost after all was done.
            if writer.state is None or writer.state.generation != state.generation:
                writer.replace(state, given.ids, given.tables())

        self._database.write(write)

    def apply(self, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
        """See `BucketStore`."""
        attempts = itertools.count()

        def change(writer: Writer) -> bool:
            again, state = next(attempts), writer.state
            if state is None:
                return False
            if again and state.header.stamp == stamp:  # the connection was lost after all was done
                return True
            if state.header.stamp != seen:
                return False
            new, rows = checked(ids, keys, state.header)
            self._change(writer, state, np.asarray(removed, dtype=np.int64), as_ids(new), rows, stamp)
            return True

        return self._database.write(change)

    def candidates(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Candidates:
        """See `BucketStore`."""
        check_limit(limit)
        if not len(keys):
            header = self.header()
            return nobody(0, None if header is None else header.stamp)
        for _ in range(ATTEMPTS):
            known = self._known
            if known is None or len(known[0].header.tables) != keys.shape[1]:
                known = self._learned()
            if known is None:
                return nobody(len(keys))
            state, changes = known
            check_tables(keys, state.header)
            probed = Probed.of(np.asarray(keys, dtype=np.uint64))
            answer = self._database.look(state, changes.count, probed)
            if answer is None:  # filled anew, or dropped
                self._known = None
                continue
            changes = changes.followed_by(answer.changes)
            self._known = state, changes
            live = changes.live if changes.count else None
            spans = probed.spans(answer.contents, state.dtype, live)
            return gather(spans, limit=limit, allow=allow, live=live, stamp=answer.stamp)
        raise self._filled_again_and_again()

    def ids(self) -> Int64:
        """See `BucketStore`."""
        for _ in range(ATTEMPTS):
            state = self._database.state()
            if state is None:
                return np.empty(0, dtype=np.int64)
            ids = self._database.ids(state)
            if ids is not None:
                return ids
        raise self._filled_again_and_again()

    def stats(self) -> BucketStats:
        """See `BucketStore`. Reads all buckets where ids were taken out since they were written."""
        for _ in range(ATTEMPTS):
            state = self._database.state()
            if state is None:
                return bucket_stats(np.empty(0, dtype=np.int64), ids=0, tables=0, size=0)
            found = self._database.sizes(state, self._known_changes(state))
            if found is not None:
                sizes, size = found
                return bucket_stats(sizes, ids=state.ids, tables=len(state.header.tables), size=size)
        raise self._filled_again_and_again()

    def drop(self) -> None:
        """See `BucketStore`."""
        self._database.write(lambda writer: writer.drop())

    def close(self) -> None:
        """See `BucketStore`."""
        self._database.close()

    def _learned(self) -> tuple[State, Changes] | None:
        state = self._database.state()
        return None if state is None else (state, Changes())

    def _known_changes(self, state: State) -> Changes:
        known = self._known
        return known[1] if known is not None and known[0].generation == state.generation else Changes()

    def _filled_again_and_again(self) -> BucketStoreUnavailableError:
        return BucketStoreUnavailableError(
            f"{self._database.name} was filled anew at each of {ATTEMPTS} looks; try again later"
        )

    def _change(
        self, writer: Writer, state: State, removed: Int64, ids: Int64, keys: UInt64, stamp: int
    ) -> None:
        changes = self._known_changes(state)
        changes = changes.followed_by(writer.changes(changes.count))
        wide = state.wide or _are_wide(ids)
        if wide != state.wide or len(changes.dead) > max(COMPACTED_AT, state.ids // COMPACTED_SHARE):
            state, changes = _compacted(writer, state, changes, wide), Changes()
        left = writer.leave(np.union1d(removed, ids))
        leaving = changes.leaving(left)
        entering, entries = changes.followed_by(leaving).entering(ids)
        writer.change(changes.count, [*leaving, *entering])
        writer.enter(ids)
        if len(ids):
            for i in range(keys.shape[1]):
                writer.append(i, Table.of(entries, keys[:, i]))
        count = changes.count + len(leaving) + len(entering)
        writer.keep(state.at(stamp, ids=state.ids - len(left) + len(ids), changes=count))


def _compacted(writer: Writer, state: State, changes: Changes, wide: bool) -> State:
    """Write the buckets anew without dead entries and aliases."""
    tables = []
    for i in range(len(state.header.tables)):
        tables.append(Table.of(*writer.contents(i).live(state, changes)))
    ids = tables[0].members.astype(np.int64)
    state = State.new(state.header, wide=wide, ids=len(ids))
    writer.replace(state, ids, tables)
    return state


def _are_wide(ids: Int64) -> bool:
    return int(ids.max(initial=0)) > np.iinfo(NARROW).max
