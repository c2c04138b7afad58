"""The indexes of a collection, one a feature, derived from the catalogue and kept up with it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.lock import writer_lock
from lookalike.errors import CollectionLockedError, IndexFormatError
from lookalike.index import Index
from lookalike.index.format import MANIFEST

log = logging.getLogger(__name__)

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

        It is saved if it had to be built or caught up, so that this is done once; unless somebody else is
        writing to the collection, who will save it then.
        """
        index = self._current(feature)
        if index is not None and index.generation == self._catalogue.generation():
            return index
        with suppress(CollectionLockedError), writer_lock(self._collection, "search"):
            return self.build(feature) if index is None else self.update(feature)
        if index is None:
            temporary = tempfile.TemporaryDirectory(prefix="lookalike-")
            self._temporary.append(temporary)
            return self._build(feature, Path(temporary.name) / feature.name)
        self._catch_up(index, feature)
        return index

    def update(self, feature: FeatureRecord) -> Index:
        """Bring the index of `feature` up to date, and save it. Needs the writer lock."""
        index = self._current(feature)
        if index is None or self._catalogue.count(feature.name) > (1 + REBUILD_SHARE) * len(index):
            return self.build(feature)
        self._catch_up(index, feature)
        index.save(self.folder_of(feature.name))
        return index

    def build(self, feature: FeatureRecord) -> Index:
        """Build the index of `feature` from the catalogue, and save it. Needs the writer lock."""
        folder = self.folder_of(feature.name)
        folder.parent.mkdir(exist_ok=True)
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

    def _current(self, feature: FeatureRecord) -> Index | None:
        """Return the index as it was opened or saved last, if it is one of this very feature."""
        index = self._open.get(feature.name) or self._read(feature.name)
        if (
            index is None
            or index.generation < feature.generation
            or index.generation > self._catalogue.generation()
            or (index.dimension, index.metric) != (feature.dimension, feature.metric)
        ):
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
        generation = self._catalogue.generation()
        index = Index.build_from_blocks(
            self._catalogue.changes(feature.name),
            folder,
            dimension=feature.dimension,
            metric=feature.metric,
            generation=generation,
        )
        self._open[feature.name] = index
        return index

    def _catch_up(self, index: Index, feature: FeatureRecord) -> None:
        seen, generation = index.generation, self._catalogue.generation()
        removed = self._catalogue.removed_after(seen)
        index.remove(removed[np.isin(removed, index.ids())])
        for numbers, vectors in self._catalogue.changes(feature.name, seen):
            index.remove(numbers[np.isin(numbers, index.ids())])
            index.add(numbers, vectors)
        index.generation = generation
