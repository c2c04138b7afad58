"""The indexes of a collection, one a feature, derived from the catalogue and kept up with it.

An index carries the stamp of the catalogue's state that it has seen. A search asks for the indexes of the very state
that it reads; whoever finds one behind brings it up to date, one thread at a time, and the others wait for that.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from lookalike.arrays import Rows, kept_dtype
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.backends import Backend
from lookalike.collection.catalogue_rows import CatalogueRows
from lookalike.collection.index_homes import IndexHome
from lookalike.collection.stored_index import family_of, is_shared
from lookalike.errors import (
    BucketStoreError,
    BucketStoreUnavailableError,
    CollectionDamagedError,
    EngineError,
    EngineUnavailableError,
    IndexFormatError,
    LookalikeError,
)
from lookalike.index import IndexView, VectorIndex
from lookalike.index.finder import StaleBucketsError
from lookalike.index.shared_index import OutdatedBucketsError, SharedIndex
from lookalike.index.store_view import StoreView

log = logging.getLogger(__name__)

REBUILD_SHARE = 0.5
"""If this share of the index or more is new, it is built anew, which needs no memory for the new rows."""
TRIED_AGAIN = 5.0
"""Seconds after which a store that could not be reached, or was to be filled by somebody else, is asked again."""
UNAVAILABLE = (BucketStoreUnavailableError, EngineUnavailableError)
"""Errors that may pass by themselves."""


class OvertakenError(Exception):
    """The index has seen a later state than the one that is read; read anew."""


@dataclass
class _Held:
    """The index of one feature in this process."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held by the thread that opens it or brings it up to date."""
    index: VectorIndex | None = None
    feature: FeatureRecord | None = None
    """What `index` is of."""
    doubted: bool = False
    """Whether the buckets of `index`, in a store, were found to be of another state."""
    made: float = -math.inf
    """When `index` was opened or built, by the monotonic clock."""
    counted: tuple[int, int] | None = None
    """A stamp, and the number of rows then."""

    def keep(self, feature: FeatureRecord, index: VectorIndex | None) -> None:
        """Use `index` from now on."""
        self.index, self.feature, self.doubted, self.made = index, feature, False, time.monotonic()

    def kept(self, feature: FeatureRecord) -> VectorIndex | None:
        """Return `index` where it is of `feature`, and was not made for want of buckets some time ago."""
        index, known = self.index, self.feature  # which other threads may be changing
        if index is None or known is None or _kind(known) != _kind(feature):
            return None
        late = index.trouble is not None and time.monotonic() > self.made + TRIED_AGAIN
        return None if late else index

    def read(self, snapshot: Catalogue, feature: FeatureRecord) -> IndexView | None:
        """Return what `index` holds, where it takes vectors from the catalogue those of `snapshot`."""
        if self.index is None:
            return None
        view = self.index.view()
        if not isinstance(view, StoreView):
            return view
        if self.counted is None or self.counted[0] != view.stamp:
            self.counted = view.stamp, snapshot.count(feature.name)
        return view.reading(CatalogueRows(snapshot, feature.name, self.counted[1]))


class Indexes:
    """Gives the index of a feature as of one state of the catalogue; builds it if there is none or it is damaged."""

    def __init__(self, backend: Backend, homes: IndexHome, catalogue: Catalogue) -> None:
        self._backend = backend
        self._homes = homes
        self._catalogue = catalogue
        self._held: dict[str, _Held] = {}

    def views(
        self, snapshot: Catalogue, stamp: int, features: Mapping[str, FeatureRecord]
    ) -> dict[str, IndexView]:
        """Return the indexes of `features` as of the state that `snapshot` reads, whose stamp is `stamp`.

        One that had to be built is published, so that this is done once; unless somebody else is writing to the
        collection, who will do it then. One that was only behind is published by the next write.

        Raises:
            OvertakenError: another thread has brought one of them up to a later state meanwhile.
        """
        return {name: self._view(snapshot, stamp, feature) for name, feature in features.items()}

    def hold(self, names: Iterable[str]) -> ExitStack:
        """Return a context in which no other thread brings the indexes of these features up to date."""
        held = ExitStack()
        for name in sorted(names):
            held.enter_context(self._slot(name).lock)
        return held

    def update(self, feature: FeatureRecord) -> None:
        """Bring the index of `feature` up to date, and publish it. Needs the writer lock."""
        slot = self._slot(feature.name)
        with slot.lock, self._catalogue.snapshot() as snapshot:
            slot.made = -math.inf  # whoever writes does not wait to ask a store again
            index = self._current(slot, snapshot, snapshot.stamp(), feature)
            if index is not None and index.trouble is not None:
                raise index.trouble
            try:
                if index is None or (isinstance(index, SharedIndex) and not index.fits()):
                    raise OutdatedBucketsError
                index.publish()
            except OutdatedBucketsError:
                self._build(slot, snapshot, feature)

    def build(self, feature: FeatureRecord) -> VectorIndex:
        """Build the index of `feature` from the catalogue, and publish it. Needs the writer lock."""
        slot = self._slot(feature.name)
        with slot.lock, self._catalogue.snapshot() as snapshot:
            return self._build(slot, snapshot, feature)

    def drop(self, feature: FeatureRecord) -> None:
        """Delete the index of `feature`. Needs the writer lock."""
        slot = self._slot(feature.name)
        with slot.lock:
            slot.index = None
            self._homes.drop(feature)

    def close(self) -> None:
        """Let go of all indexes."""
        for slot in self._held.values():
            with slot.lock:
                slot.index = None
        self._homes.close()

    def _slot(self, feature: str) -> _Held:
        return self._held.setdefault(feature, _Held())

    def _view(self, snapshot: Catalogue, stamp: int, feature: FeatureRecord) -> IndexView:
        slot = self._slot(feature.name)
        index = slot.index
        if index is not None and index.stamp == stamp and not slot.doubted and slot.kept(feature) is index:
            view = slot.read(snapshot, feature)
            if view is not None and view.stamp == stamp:
                return view
        with slot.lock:
            if self._current(slot, snapshot, stamp, feature) is None:
                self._build_for_search(slot, snapshot, feature)
            view = slot.read(snapshot, feature)
            assert view is not None
            return view

    def _current(
        self, slot: _Held, snapshot: Catalogue, stamp: int, feature: FeatureRecord
    ) -> VectorIndex | None:
        """Return the index, brought up to the state that `snapshot` reads; None where it should be built anew.

        It should if it is of another feature of that name, or saw a state that this catalogue never had (a catalogue
        may be restored from a copy, and the indexes not), or lacks too much.
        """
        index = self._opened(slot, stamp, feature)
        if index is None:
            return None
        if (
            isinstance(index, SharedIndex) and not index.has_buckets
        ):  # all that it compares is in the catalogue
            if index.trouble is None and snapshot.count(feature.name):
                return None
            index.update([], [], _no_vectors(feature), stamp=stamp)
        if index.stamp == stamp:
            return index
        seen = snapshot.generation_of(index.stamp)
        if seen is None and self._catalogue.generation_of(index.stamp) is not None:
            raise OvertakenError
        if seen is None or seen < feature.generation or not _catch_up(index, snapshot, stamp, feature, seen):
            slot.index = None  # which other threads may be searching still
            return None
        return index

    def _opened(self, slot: _Held, stamp: int, feature: FeatureRecord) -> VectorIndex | None:
        """Return the index that this process has or, where it has none, the published one; None without any.

        Buckets in a store are looked at anew where they were doubted, or the catalogue has changed: another process
        may have brought them up to date, or they were lost. A store that cannot be reached leaves every row to be
        compared, for a while.
        """
        index = slot.kept(feature)
        try:
            if index is None:
                slot.keep(feature, self._homes.open(feature))
            elif (
                isinstance(index, SharedIndex)
                and index.has_buckets
                and (slot.doubted or index.stamp != stamp)
            ):
                same = index.refresh() and index.family == family_of(feature.index)
                slot.keep(feature, index if same else None)
        except UNAVAILABLE as error:
            self._stand_in(slot, feature, stamp, error)
        except (BucketStoreError, EngineError, IndexFormatError) as error:
            log.warning("%s; it is built anew from the catalogue", error)
            slot.keep(feature, None)
        return slot.index

    def doubt(self, found: StaleBucketsError, *, last: bool) -> None:
        """Look at buckets anew that could not be read, or were of another state than a view of them.

        Args:
            last: do without them for a while; so too where they could not be read.
        """
        for slot in self._held.values():
            with slot.lock:
                index, feature = slot.index, slot.feature
                if (
                    isinstance(index, SharedIndex)
                    and index.store is found.probing.store
                    and feature is not None
                ):
                    slot.doubted = True
                    changing = f"{index.name}: the buckets change faster than they are read"
                    cause = found.cause or (index.error(changing) if last else None)
                    if cause is not None:
                        self._stand_in(slot, feature, index.stamp, cause)

    def _stand_in(self, slot: _Held, feature: FeatureRecord, stamp: int, because: LookalikeError) -> None:
        """Compare every row for a while."""
        slot.keep(feature, self._homes.build_private(feature, (), stamp=stamp, because=because))

    def _build_for_search(self, slot: _Held, snapshot: Catalogue, feature: FeatureRecord) -> None:
        """Build an index amid a search, which is answered whether or not the index can be kept."""
        try:
            with self._backend.filling(shared=is_shared(feature.index)):
                self._build(slot, snapshot, feature)
        except CollectionDamagedError:
            raise
        except (
            LookalikeError
        ) as error:  # somebody else is writing, or there is no room, or it may not be written
            blocks = snapshot.changes(feature.name)
            private = self._homes.build_private(feature, blocks, stamp=snapshot.stamp(), because=error)
            slot.keep(feature, private)

    def _build(self, slot: _Held, snapshot: Catalogue, feature: FeatureRecord) -> VectorIndex:
        blocks = snapshot.changes(feature.name)
        built = self._homes.build(feature, blocks, stamp=snapshot.stamp())
        slot.keep(feature, built)
        return built


def _kind(feature: FeatureRecord) -> tuple[int, str, int]:
    return feature.generation, repr(feature.index), feature.dimension


def _no_vectors(feature: FeatureRecord) -> Rows:
    return np.empty((0, feature.dimension), dtype=kept_dtype(np.float32, feature.metric))


def _catch_up(index: VectorIndex, snapshot: Catalogue, stamp: int, feature: FeatureRecord, seen: int) -> bool:
    """Bring an index that saw the write number `seen` up to the state of `snapshot`; False where that is too much."""
    numbers = [np.empty(0, dtype=np.int64)]
    vectors = [_no_vectors(feature)]
    rows = 0
    metadata = isinstance(index, SharedIndex) and index.keeps_metadata
    for block_numbers, block in snapshot.changes(feature.name, seen, metadata=metadata):
        rows += len(block)
        if rows > REBUILD_SHARE * len(index):
            return False
        numbers.append(block_numbers)
        vectors.append(block)
    removed = snapshot.removed_after(seen)
    index.update(removed, np.concatenate(numbers), np.concatenate(vectors), stamp=stamp)
    return True
