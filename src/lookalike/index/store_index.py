"""The index whose buckets are kept elsewhere, and shared with other processes."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count
from lookalike.arrays import Bool, Float32, Given, Int64, Rows, as_ids, as_rows
from lookalike.buckets import BucketStore, Header
from lookalike.errors import BucketStoreError, OptionError, VectorError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.base import Ids, VectorReader
from lookalike.index.fetched_rows import StaleBucketsError
from lookalike.index.index import Index
from lookalike.index.lsh.search import LshSearch
from lookalike.index.lsh.stored import StoredBuckets, longest
from lookalike.index.options import Options
from lookalike.index.reader import ViewReader
from lookalike.index.row_forms import prepared
from lookalike.index.snapshot import Base, Snapshot, Tail
from lookalike.index.store_view import StoreState, StoreView

ATTEMPTS = 8
"""Searches of one call, where another process changes the buckets meanwhile again and again."""
VERIFIED = 64
"""Rows that are looked for in the buckets at once."""
GROWN = 2
"""Parameters are fitted anew where there are more than so many times the rows that they were fitted to."""
LONGER = 1 + 1e-6
"""And where a row is longer than what they were fitted to, under "dot"."""


class OutdatedBucketsError(Exception):
    """The buckets should be built anew."""


class StoreIndex(ViewReader):
    """A `VectorIndex` over a bucket store: ids in buckets there, vectors where a reader takes them from.

    The store's header tells family, metric and the recall measured, so any process can open it. A process that only
    reads changes nothing there: what is newer than the buckets goes into a tail of its own, which is compared exactly;
    what was removed is hidden. `publish` gives both to the store.
    """

    def __init__(self, store: BucketStore | None, name: str, reader: VectorReader, state: StoreState) -> None:
        """Use `open`, `build` or `without_buckets` instead."""
        self.store = store
        self.name = name
        self._reader = reader
        self._state = state
        self._tail = Tail()
        self._writing = threading.RLock()

    @classmethod
    def open(cls, store: BucketStore, name: str, reader: VectorReader) -> Self | None:
        """Open the index whose buckets are in `store`, which people call `name`; None where there are none.

        Raises:
            BucketStoreError: it cannot be read, or is of something else.
        """
        header = store.header()
        if header is None:
            return None
        return cls(store, name, reader, _state(StoredBuckets.of(store, header), name, header.stamp))

    @classmethod
    def build(
        cls,
        store: BucketStore,
        name: str,
        reader: VectorReader,
        blocks: Iterable[tuple[Sequence[int] | npt.NDArray[Any], npt.ArrayLike]],
        *,
        dimension: int,
        metric: str,
        family: Family | FamilySpec | str,
        recall: float = 0.95,
        seed: int = 0,
        stamp: int,
    ) -> Self:
        """Fit a family to the vectors of `blocks`, which `reader` can read too, and fill the store with their buckets.

        That is the family, with the same parameters and the same recall measured, of the embedded index of the same
        vectors: an index is built in temporary files, and its buckets are given to the store. No vectors, no buckets.

        Raises:
            OptionError: no family, or another argument has no such value.
            VectorError, DuplicateIdError: see `Index.build_from_blocks`.
            BucketStoreError: the store cannot take them; what was there stays.
        """
        if FamilySpec.of(family) is None or recall == 1:
            raise OptionError(f"{name}: a bucket store needs a hash family, and a recall below 1; choose one")
        with tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True) as folder:
            index = Index.build_from_blocks(
                blocks,
                Path(folder) / "index",
                dimension=dimension,
                metric=metric,
                recall=recall,
                seed=seed,
                family=family,
                scan_below=0,
                stamp=stamp,
            )
            view, buckets = index.view(), index.view().snapshot.base.buckets
            try:
                if not isinstance(buckets, LshSearch):  # there are no rows
                    store.drop()
                    return cls.without_buckets(name, reader, view.options, stamp=stamp)
                stored = StoredBuckets(view.options, replace(buckets.probing, store=store))
                stored.fill(view.snapshot, stamp)
            finally:
                index.close()
        return cls(store, name, reader, _state(stored, name, stamp))

    @classmethod
    def without_buckets(
        cls,
        name: str,
        reader: VectorReader,
        options: Options,
        *,
        stamp: int,
        trouble: BucketStoreError | None = None,
    ) -> Self:
        """Return an index that compares every row that `reader` has; `trouble` says why, where there are rows."""
        nothing = np.empty(0, dtype=np.int64)
        state = StoreState(options, name, None, stamp, stamp, _no_rows(options), nothing, trouble=trouble)
        return cls(None, name, reader, state)

    @property
    def family(self) -> FamilySpec | None:
        """The hash family that was asked for."""
        return FamilySpec.of(self._state.options.family)

    @property
    def has_buckets(self) -> bool:
        """Whether anything is probed; else every row is compared, and updates need no vectors."""
        return self._state.probing is not None

    def view(self) -> StoreView:
        """See `VectorIndex`; vectors are those that there are when it is asked."""
        return StoreView(self._state, self._reader)

    def search(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> tuple[Int64, Float32]:
        """See `IndexView`. Where the buckets have changed meanwhile, they are looked at anew.

        Raises:
            BucketStoreError: they cannot be read, or are gone.
        """
        for _ in range(ATTEMPTS):
            view = self.view()
            try:
                return view.search(
                    queries, k, allow=allow, max_distance=max_distance, recall=recall, n_jobs=n_jobs
                )
            except StaleBucketsError as error:
                if error.cause is not None:
                    raise error.cause from None
                if not self.refresh():
                    raise BucketStoreError(f"{self.name}: the buckets are gone; build them anew") from None
        raise BucketStoreError(f"{self.name}: the buckets change faster than they are read; try again later")

    def refresh(self) -> bool:
        """Look at the store's header anew; False where there are no buckets.

        Where another process has written since, its state is this index's from now on, without a tail.

        Raises:
            BucketStoreError: it cannot be read, or is of something else.
        """
        with self._writing:
            header = None if self.store is None else self.store.header()
            if self.store is None or header is None:
                return False
            state = self._state
            if state.probing is None or header.stamp != state.seen:
                self._settle(_state(self._stored(self.store, header), self.name, header.stamp))
            return True

    def update(self, removed: Ids, ids: Ids, vectors: Given, *, stamp: int) -> None:
        """See `VectorIndex`: the change is this process's until it is published."""
        stamp = as_count(stamp, "stamp", least=0)
        gone = as_ids(removed, name="removed")
        options = self._state.options
        new = as_rows(vectors, np.dtype(options.dtype), dimension=options.dimension, metric=options.metric)
        numbers = as_ids(ids, rows=len(new))
        with self._writing:
            state = self._state
            if state.probing is None:
                self._state = replace(state, seen=stamp, stamp=stamp)
                return
            tail = state.tail
            rows = tail.find(np.concatenate((gone, numbers)))
            rows = np.unique(rows[rows >= 0])
            if len(rows):
                tail = tail.without(rows)
            if len(new):
                tail = self._tail.added(tail, numbers, prepared(new, options.metric))
            hidden = np.union1d(state.hidden, np.concatenate((gone, numbers)))
            self._state = replace(state, tail=tail, hidden=hidden, stamp=stamp)

    def publish(self) -> None:
        """Give what the index holds now to the store.

        Raises:
            OutdatedBucketsError: the buckets are not those that were seen.
            BucketStoreError: they cannot be written; this index goes on with its tail.
        """
        with self._writing:
            state = self._state
            if self.store is None or state.probing is None:
                raise OutdatedBucketsError
            if state.stamp == state.seen and not len(state.hidden):
                return
            tail, rows = state.tail, state.tail.tail_order
            vectors, ids = tail.tail_vectors[rows], tail.tail_ids[rows]
            if not self._apply(state.hidden, ids, vectors, state.stamp):
                raise OutdatedBucketsError

    def apply(self, removed: Int64, ids: Int64, vectors: Rows, *, stamp: int) -> bool:
        """Change the store at once; False, with nothing done, where others have changed it.

        Arguments are those of `update`, checked.

        Raises:
            VectorError: under "dot", a vector is longer than those that the buckets were fitted to.
            BucketStoreError: it cannot be written.
        """
        rows = prepared(vectors, self.metric)
        with self._writing:
            if self.has_buckets and not self.takes(rows):
                raise VectorError(
                    f"{self.name}: a vector is longer than those that the buckets were fitted to, which inner products "
                    "need; create them anew"
                )
            return self._apply(removed, ids, rows, stamp)

    def _apply(self, removed: Int64, ids: Int64, rows: Rows, stamp: int) -> bool:
        state = self._state
        if self.store is None or state.probing is None:
            return False
        stored = StoredBuckets(state.options, state.probing)
        done = self.store.apply(removed, ids, stored.keys(rows), seen=state.seen, stamp=stamp)
        if done:
            self._settle(_state(stored, self.name, stamp))
        return done

    def check_family(self, asked: FamilySpec | None) -> None:
        """Raise BucketStoreError where the buckets are of another family, or other parameters, than `asked`."""
        family = self.fitted
        if asked is not None and not asked.is_met_by(family):
            raise BucketStoreError(
                f"{self.name} has buckets of {family.name} with {dict(family.parameters())}, not of {asked.name} with "
                f"{dict(asked.parameters)}; choose another namespace, or replace them"
            )

    @property
    def fitted(self) -> Family:
        """The family as it was fitted. Raises BucketStoreError where there are no buckets."""
        probing = self._state.probing
        if probing is None:
            raise BucketStoreError(f"{self.name} has no buckets; build them")
        return probing.family

    def takes(self, vectors: Rows) -> bool:
        """Whether rows of such lengths may be added to the buckets as they were fitted."""
        probing = self._state.probing
        return probing is not None and longest(vectors, self.metric) <= LONGER * probing.lift.radius

    def fits(self) -> bool:
        """Whether the buckets, as they were fitted, still are for rows of such lengths and such a number."""
        state = self._state
        if state.probing is None or not self.takes(state.tail.tail_vectors):
            return False
        return len(self._reader) <= GROWN * state.probing.rows

    def misplaced(self, ids: Int64, vectors: Rows) -> Bool:
        """Return which of `ids` (n,) are not in all buckets that `vectors` (n, d) have, (n,).

        Raises:
            BucketStoreError: the buckets cannot be read.
        """
        state = self._state
        if self.store is None or state.probing is None:
            return np.zeros(len(ids), dtype=np.bool_)
        keys = StoredBuckets(state.options, state.probing).keys(prepared(vectors, self.metric))
        wrong = np.ones(len(ids), dtype=np.bool_)
        for start in range(0, len(ids), VERIFIED):
            part = slice(start, start + VERIFIED)
            found = self.store.candidates(keys[part, :, np.newaxis], limit=2**31)
            query = np.repeat(np.arange(start, start + len(keys[part])), np.diff(found.offsets))
            own = (found.ids == ids[query]) & (found.hits == keys.shape[1])
            wrong[query[own]] = False
        return wrong

    def close(self) -> None:
        """See `VectorIndex`; the store is closed too."""
        if self.store is not None:
            self.store.close()

    def _stored(self, store: BucketStore, header: Header) -> StoredBuckets:
        """Return what a header tells; what is known already is not read again."""
        state = self._state
        if state.probing is not None and state.probing.family.table_uuids() == header.tables:
            return StoredBuckets(state.options, state.probing)
        return StoredBuckets.of(store, header)

    def _settle(self, state: StoreState) -> None:
        self._state, self._tail = state, Tail()


def _state(stored: StoredBuckets, name: str, stamp: int) -> StoreState:
    """Return the state of buckets of which nothing has changed."""
    nothing = np.empty(0, dtype=np.int64)
    tail = _no_rows(stored.options)
    return StoreState(stored.options, name, stored.probing, stamp, stamp, tail, nothing)


def _no_rows(options: Options) -> Snapshot:
    vectors = np.empty((0, options.dimension), dtype=options.dtype)
    return Snapshot.of(Base.of(vectors, np.empty(0, dtype=np.int64)))
