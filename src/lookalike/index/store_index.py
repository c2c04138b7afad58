"""The index whose buckets are kept elsewhere, and shared with other processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Int64, Rows
from lookalike.buckets import BucketStore, Header
from lookalike.errors import BucketStoreError, OptionError, VectorError
from lookalike.hashing import Family, FamilySpec
from lookalike.index.base import VectorReader
from lookalike.index.index import Index
from lookalike.index.lsh.probing import Probing
from lookalike.index.lsh.search import LshSearch
from lookalike.index.lsh.stored import StoredBuckets
from lookalike.index.options import Options
from lookalike.index.row_forms import prepared
from lookalike.index.shared_index import SharedIndex, settled, without_buckets
from lookalike.index.store_view import StoreState

VERIFIED = 64
"""Rows that are looked for in the buckets at once."""


class StoreIndex(SharedIndex):
    """A `VectorIndex` over a bucket store: ids in buckets there, vectors where a reader takes them from.

    The store's header tells family, metric and the recall measured, so any process can open it.
    """

    error = BucketStoreError
    store: BucketStore | None

    def __init__(self, store: BucketStore | None, name: str, reader: VectorReader, state: StoreState) -> None:
        """Use `open`, `build` or `without_buckets` instead."""
        super().__init__(name, reader, state)
        self.store = store

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
        return cls(None, name, reader, without_buckets(options, name, stamp, trouble))

    def refresh(self) -> bool:
        """See `SharedIndex`."""
        with self._writing:
            header = None if self.store is None else self.store.header()
            if self.store is None or header is None:
                return False
            state = self._state
            if state.probing is None or header.stamp != state.seen:
                self._settle(_state(self._stored(self.store, header), self.name, header.stamp))
            return True

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
        """See `SharedIndex`."""
        state, probing = self._state, self._probing
        if self.store is None or probing is None:
            return False
        stored = StoredBuckets(state.options, probing)
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
        probing = self._probing
        if probing is None:
            raise BucketStoreError(f"{self.name} has no buckets; build them")
        return probing.family

    def takes(self, vectors: Rows) -> bool:
        """Whether rows of such lengths may be added to the buckets as they were fitted."""
        probing = self._probing
        return probing is not None and probing.lift.takes(vectors)

    def fits(self) -> bool:
        """See `SharedIndex`; rows that were added are not longer, too."""
        return self.takes(self._state.tail.tail_vectors) and super().fits()

    def ids(self) -> Int64:
        """See `SharedIndex`."""
        return np.empty(0, dtype=np.int64) if self.store is None else self.store.ids()

    def misplaced(self, ids: Int64, vectors: Rows) -> Bool:
        """See `SharedIndex`."""
        state, probing = self._state, self._probing
        if self.store is None or probing is None:
            return np.zeros(len(ids), dtype=np.bool_)
        keys = StoredBuckets(state.options, probing).keys(prepared(vectors, self.metric))
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

    @property
    def _probing(self) -> Probing | None:
        return cast("Probing | None", self._state.probing)

    def _stored(self, store: BucketStore, header: Header) -> StoredBuckets:
        """Return what a header tells; what is known already is not read again."""
        probing = self._probing
        if probing is not None and probing.family.table_uuids() == header.tables:
            return StoredBuckets(self._state.options, probing)
        return StoredBuckets.of(store, header)


def _state(stored: StoredBuckets, name: str, stamp: int) -> StoreState:
    return settled(stored.options, name, stored.probing, stamp)
