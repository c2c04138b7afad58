"""The indexes of a collection, one a feature, derived from the catalogue and kept up with it.

An index carries the stamp of the catalogue's state that it has seen. A search asks for the indexes of the very state
that it reads; whoever finds one behind brings it up to date, one thread at a time, and the others wait for that.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from lookalike.arrays import kept_dtype
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.backends import Backend
from lookalike.errors import (
    CollectionDamagedError,
    CollectionLockedError,
    IndexFormatError,
    LookalikeError,
)
from lookalike.index import IndexView, VectorIndex

log = logging.getLogger(__name__)

REBUILD_SHARE = 0.5
"""If this share of the index or more is new, it is built anew, which needs no memory for the new rows."""


class OvertakenError(Exception):
    """The index has seen a later state than the one that is read; read anew."""


@dataclass
class _Held:
    """The index of one feature in this process."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held by the thread that opens it or brings it up to date."""
    index: VectorIndex | None = None
    kind: tuple[int, str, int] | None = None
    """Which feature of that name, and what kind of index, `index` is of."""


class Indexes:
    """Gives the index of a feature as of one state of the catalogue; builds it if there is none or it is damaged."""

    def __init__(self, backend: Backend, catalogue: Catalogue) -> None:
        self._backend = backend
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
            index = self._current(slot, snapshot, snapshot.stamp(), feature)
            if index is None:
                self._build(slot, snapshot, feature)
            else:
                index.publish()

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
            self._backend.indexes.drop(feature)

    def close(self) -> None:
        """Let go of all indexes."""
        for slot in self._held.values():
            with slot.lock:
                slot.index = None
        self._backend.indexes.close()

    def _slot(self, feature: str) -> _Held:
        return self._held.setdefault(feature, _Held())

    def _view(self, snapshot: Catalogue, stamp: int, feature: FeatureRecord) -> IndexView:
        slot = self._slot(feature.name)
        if slot.index is not None:
            view = slot.index.view()
            if view.stamp == stamp:
                return view
        with slot.lock:
            index = self._current(slot, snapshot, stamp, feature) or self._build_for_search(
                slot, snapshot, feature
            )
            return index.view()

    def _current(
        self, slot: _Held, snapshot: Catalogue, stamp: int, feature: FeatureRecord
    ) -> VectorIndex | None:
        """Return the index, brought up to the state that `snapshot` reads; None where it should be built anew.

        It should if it is of another feature of that name, or saw a state that this catalogue never had (a catalogue
        may be restored from a copy, and the indexes not), or lacks too much.
        """
        if slot.index is None or slot.kind != _kind(feature):
            slot.index, slot.kind = self._opened(feature), _kind(feature)
        index = slot.index
        if index is None:
            return None
        if index.stamp == stamp:
            return index
        seen = snapshot.generation_of(index.stamp)
        if seen is None and self._catalogue.generation_of(index.stamp) is not None:
            raise OvertakenError
        if seen is None or seen < feature.generation or not _catch_up(index, snapshot, stamp, feature, seen):
            slot.index = None  # which other threads may be searching still
            return None
        return index

    def _opened(self, feature: FeatureRecord) -> VectorIndex | None:
        try:
            return self._backend.indexes.open(feature)
        except IndexFormatError as error:
            log.warning("%s; it is built anew from the catalogue", error)
            return None

    def _build_for_search(self, slot: _Held, snapshot: Catalogue, feature: FeatureRecord) -> VectorIndex:
        """Build an index amid a search, which is answered whether or not the index can be kept."""
        try:
            with self._backend.writing("search"):
                return self._build(slot, snapshot, feature)
        except CollectionDamagedError:
            raise
        except CollectionLockedError:
            pass  # whoever holds the lock publishes one
        except LookalikeError as error:  # no room for it, or the folder may not be written
            log.warning("%s; the index is built for this process only", error)
        blocks = snapshot.changes(feature.name)
        built = self._backend.indexes.build_private(feature, blocks, stamp=snapshot.stamp())
        return _keep(slot, feature, built)

    def _build(self, slot: _Held, snapshot: Catalogue, feature: FeatureRecord) -> VectorIndex:
        blocks = snapshot.changes(feature.name)
        return _keep(slot, feature, self._backend.indexes.build(feature, blocks, stamp=snapshot.stamp()))


def _kind(feature: FeatureRecord) -> tuple[int, str, int]:
    return feature.generation, repr(feature.index), feature.dimension


def _keep(slot: _Held, feature: FeatureRecord, index: VectorIndex) -> VectorIndex:
    slot.index, slot.kind = index, _kind(feature)
    return index


def _catch_up(index: VectorIndex, snapshot: Catalogue, stamp: int, feature: FeatureRecord, seen: int) -> bool:
    """Bring an index that saw the write number `seen` up to the state of `snapshot`; False where that is too much."""
    numbers = [np.empty(0, dtype=np.int64)]
    vectors = [np.empty((0, feature.dimension), dtype=kept_dtype(np.float32, feature.metric))]
    rows = 0
    for block_numbers, block in snapshot.changes(feature.name, seen):
        rows += len(block)
        if rows > REBUILD_SHARE * len(index):
            return False
        numbers.append(block_numbers)
        vectors.append(block)
    removed = snapshot.removed_after(seen)
    index.update(removed, np.concatenate(numbers), np.concatenate(vectors), stamp=stamp)
    return True
