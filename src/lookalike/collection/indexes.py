"""The indexes of a collection, one a feature, derived from the catalogue and kept up with it.

An index carries the stamp of the catalogue's state that it has seen.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.lock import writer_lock
from lookalike.errors import CollectionError, CollectionLockedError, IndexFormatError
from lookalike.index import Index
from lookalike.index.io.array_directory import MANIFEST

log = logging.getLogger(__name__)

SCAN_BELOW = 10_000
"""With fewer rows of a feature every row is compared, exactly: a process that asks once would load the kernels for
longer than it scans."""

REBUILD_SHARE = 0.5
"""If this share of the index or more is new, it is built anew, which needs no memory for the new rows."""


class Indexes:
    """Opens the index of a feature, caught up with the catalogue; builds it if there is none or it is damaged."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self._collection = folder
        self._folder = folder / "indexes"
        self._catalogue = catalogue
        self._open: dict[str, Index] = {}
        self._temporary: list[tempfile.TemporaryDirectory[str]] = []

    def folder_of(self, feature: str) -> Path:
        """Return where the index of `feature` lies."""
        return self._folder / feature

    def get(self, feature: FeatureRecord) -> Index:
        """Return the index of `feature` with everything that the catalogue holds now.

        One that had to be built is saved, so that this is done once; unless somebody else is writing to the
        collection, who will do it then. One that was only behind is saved by the next write.
        """
        index = self._usable(feature)
        if index is not None:
            self._catch_up(index, feature)
            return index
        with suppress(CollectionLockedError, CollectionError), writer_lock(self._collection, "search"):
            return self.build(feature)
        temporary = tempfile.TemporaryDirectory(prefix="lookalike-")
        self._temporary.append(temporary)
        return self._build(feature, Path(temporary.name) / feature.name)

    def update(self, feature: FeatureRecord) -> Index:
        """Bring the index of `feature` up to date, and save it. Needs the writer lock."""
        index = self._usable(feature)
        if index is None:
            return self.build(feature)
        self._catch_up(index, feature)
        index.save(self.folder_of(feature.name))
        return index

    def build(self, feature: FeatureRecord) -> Index:
        """Build the index of `feature` from the catalogue, and save it. Needs the writer lock."""
        folder = self.folder_of(feature.name)
        try:
            folder.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise CollectionError(
                f"{folder.parent}: the indexes cannot be kept there ({error.strerror}); make it a folder"
            ) from None
        try:
            return self._build(feature, folder)
        except IndexFormatError:  # what lies there is no index
            self.drop(feature.name)
            return self._build(feature, folder)

    def drop(self, feature: str) -> None:
        """Delete the index of `feature`. Needs the writer lock."""
        self._open.pop(feature, None)
        shutil.rmtree(self.folder_of(feature), ignore_errors=True)

    def close(self) -> None:
        """Let go of all indexes."""
        self._open.clear()
        while self._temporary:
            self._temporary.pop().cleanup()

    def _usable(self, feature: FeatureRecord) -> Index | None:
        """Return the index as it was opened or saved last, if it is worth catching up.

        It is not if it is of another feature of that name, or saw a state that this catalogue never had: a catalogue
        may be restored from a copy, and the indexes not.
        """
        index = self._open.get(feature.name)
        if index is None:
            index = self._read(feature.name)
        if index is None or (index.dimension, index.metric) != (feature.dimension, feature.metric):
            return None
        seen = self._catalogue.generation_of(index.stamp)
        if seen is None or seen < feature.generation:
            return None
        if self._catalogue.count(feature.name) > (1 + REBUILD_SHARE) * len(index):
            return None
        self._open[feature.name] = index
        return index

    def _read(self, feature: str) -> Index | None:
        folder = self.folder_of(feature)
        if not (folder / MANIFEST).exists():  # none was finished yet
            return None
        try:
            return Index.open(folder)
        except IndexFormatError as error:
            log.warning("%s; it is built anew from the catalogue", error)
            return None

    def _build(self, feature: FeatureRecord, folder: Path) -> Index:
        stamp = self._catalogue.stamp()  # before the reading: what is written meanwhile is then seen again
        index = Index.build_from_blocks(
            self._catalogue.changes(feature.name),
            folder,
            dimension=feature.dimension,
            metric=feature.metric,
            scan_below=SCAN_BELOW,
            stamp=stamp,
        )
        self._open[feature.name] = index
        return index

    def _catch_up(self, index: Index, feature: FeatureRecord) -> None:
        stamp = self._catalogue.stamp()
        seen = self._catalogue.generation_of(index.stamp)
        if seen is None or stamp == index.stamp:
            return
        changes = list(self._catalogue.changes(feature.name, seen))
        numbers = np.concatenate([np.empty(0, dtype=np.int64), *(numbers for numbers, _ in changes)])
        vectors = np.concatenate(
            [np.empty((0, feature.dimension), dtype=np.float32), *(vectors for _, vectors in changes)]
        )
        index.update(self._catalogue.removed_after(seen), numbers, vectors, stamp=stamp)
