"""What indexes have in common that others write, too: what is newer is kept in a tail, until it is published."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count
from lookalike.arrays import Bool, Float32, Given, Int64, Rows, as_ids, as_rows
from lookalike.errors import LookalikeError
from lookalike.hashing import FamilySpec
from lookalike.index.base import Ids, VectorReader
from lookalike.index.finder import StaleBucketsError
from lookalike.index.options import Options
from lookalike.index.reader import ViewReader
from lookalike.index.row_forms import prepared
from lookalike.index.snapshot import Base, Snapshot, Tail
from lookalike.index.store_view import StoreState, StoreView

ATTEMPTS = 8
"""Searches of one call, where another process changes the buckets meanwhile again and again."""
GROWN = 2
"""Parameters are fitted anew where there are more than so many times the rows that they were fitted to."""


class OutdatedBucketsError(Exception):
    """The buckets should be built anew."""


class SharedIndex(ViewReader):
    """A `VectorIndex` whose buckets or tokens are kept elsewhere, with the stamp of the state that they are of.

    Vectors are taken where a reader has them. A process that only reads changes nothing there: what is newer goes into
    a tail of its own, which is compared exactly; what was removed is hidden. `publish` gives both to all.
    """

    error: ClassVar[type[LookalikeError]]
    """Of which all errors are that say that it cannot be used."""
    keeps_metadata: ClassVar[bool] = False
    """Whether what is kept elsewhere has the sources' metadata, too."""
    store: object | None
    """What is asked; None where every row is compared."""

    def __init__(self, name: str, reader: VectorReader, state: StoreState) -> None:
        self.name = name
        self._reader = reader
        self._state = state
        self._tail = Tail()
        self._writing = threading.RLock()

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
            BucketStoreError, EngineError: they cannot be read, or are gone.
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
                    raise self.error(f"{self.name}: the buckets are gone; build them anew") from None
        raise self.error(f"{self.name}: the buckets change faster than they are read; try again later")

    @abstractmethod
    def refresh(self) -> bool:
        """Look anew at which state the buckets are of; False where there are none.

        Where another process has written since, its state is this index's from now on, without a tail.

        Raises:
            BucketStoreError, EngineError: that cannot be told, or they are of something else.
        """

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
        """Give what the index holds now to all processes.

        Raises:
            OutdatedBucketsError: the buckets are not those that were seen.
            BucketStoreError, EngineError: they cannot be written; this index goes on with its tail.
        """
        with self._writing:
            state = self._state
            if state.probing is None:
                raise OutdatedBucketsError
            if state.stamp == state.seen and not len(state.hidden):
                return
            tail, rows = state.tail, state.tail.tail_order
            vectors, ids = tail.tail_vectors[rows], tail.tail_ids[rows]
            if not self._apply(state.hidden, ids, vectors, state.stamp):
                raise OutdatedBucketsError

    def fits(self) -> bool:
        """Whether what it was fitted to still is like the rows, and about as many."""
        state = self._state
        return state.probing is not None and len(self._reader) <= GROWN * state.probing.rows

    @abstractmethod
    def ids(self) -> Int64:
        """Return the ids that have an entry in the buckets. Raises BucketStoreError, EngineError."""

    @abstractmethod
    def misplaced(self, ids: Int64, vectors: Rows) -> Bool:
        """Return which of `ids` (n,) are not found as `vectors` (n, d) should be, (n,).

        Raises:
            BucketStoreError, EngineError: the buckets cannot be read.
        """

    @abstractmethod
    def close(self) -> None:
        """See `VectorIndex`."""

    @abstractmethod
    def _apply(self, removed: Int64, ids: Int64, rows: Rows, stamp: int) -> bool:
        """Change the buckets, and settle; False, with nothing done, where others have changed them.

        Args:
            removed: ids, ascending; those that change among them.
            rows: vectors as they are kept, (n, d).
        """

    def _settle(self, state: StoreState) -> None:
        self._state, self._tail = state, Tail()


def settled(options: Options, name: str, probing: Any, stamp: int) -> StoreState:
    """Return the state of buckets of which nothing has changed."""
    return StoreState(options, name, probing, stamp, stamp, _no_rows(options), np.empty(0, dtype=np.int64))


def without_buckets(
    options: Options, name: str, stamp: int, trouble: LookalikeError | None = None
) -> StoreState:
    """Return the state in which every row is compared; `trouble` says why, where there are rows."""
    return replace(settled(options, name, None, stamp), trouble=trouble)


def _no_rows(options: Options) -> Snapshot:
    vectors = np.empty((0, options.dimension), dtype=options.dtype)
    return Snapshot.of(Base.of(vectors, np.empty(0, dtype=np.int64)))
