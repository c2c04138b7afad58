"""Where the indexes of a collection are, wherever its catalogue is."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lookalike.arrays import Int64, Rows
from lookalike.catalogue import FeatureRecord
from lookalike.collection.stored_index import StoredIndex, place_of
from lookalike.errors import CollectionError, CollectionLockedError, IndexFormatError, LookalikeError
from lookalike.hashing import FamilySpec
from lookalike.index import Index, VectorIndex
from lookalike.index.io.array_directory import MANIFEST

log = logging.getLogger(__name__)

Blocks = Iterable[tuple[Int64, Rows]]
"""Numbers (b,) and vectors (b, d) of a feature, block by block."""

SCAN_BELOW = 10_000
"""With fewer rows of a feature every row is compared, exactly, unless a hash family was chosen for it: a process that
asks once would load the kernels for longer than it scans."""


class IndexHome(Protocol):
    """Keeps one index a feature. Methods may be called from several threads."""

    def open(self, feature: FeatureRecord, *, verify: bool = False) -> VectorIndex | None:
        """Open the index of a feature as it was published last; None where there is none.

        Raises:
            IndexFormatError: it is damaged, or of another kind than the feature asks for; with `verify`, every
                checksum is compared.
        """
        ...

    def build(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> VectorIndex:
        """Build the index of a feature, and publish it in place of the one that was there. Needs the writer lock.

        Raises:
            CollectionError, IndexFormatError: it cannot be kept.
        """
        ...

    def build_private(
        self, feature: FeatureRecord, blocks: Blocks, *, stamp: int, because: LookalikeError
    ) -> VectorIndex:
        """Make an index of a feature for this process only; `because` says why it is not made for all."""
        ...

    def drop(self, feature: FeatureRecord) -> None:
        """Delete the index of a feature, if there is one. Needs the writer lock."""
        ...

    def bytes_used(self) -> int:
        """Size of all indexes on this machine."""
        ...

    def close(self) -> None:
        """Let go of what private indexes took, and of connections."""
        ...


class FolderHome:
    """Indexes within this process, each saved in a folder of its own within `folder`, which is made if need be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private: list[tempfile.TemporaryDirectory[str]] = []

    def open(self, feature: FeatureRecord, *, verify: bool = False) -> Index | None:
        """See `IndexHome`."""
        folder = self._folder_of(feature)
        if not (folder / MANIFEST).exists():  # none was finished yet
            return None
        index = Index.open(folder, verify=verify)
        asked = FamilySpec.of(feature.index)
        if feature.metric == "jaccard" and index.dimension < feature.dimension:  # a larger set has come
            return None
        if (index.dimension, index.metric, index.family) != (feature.dimension, feature.metric, asked):
            raise IndexFormatError(f"{folder}: is of another kind than feature {feature.name}; rebuild it")
        return index

    def build(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> Index:
        """See `IndexHome`."""
        folder = self._folder_of(feature)
        try:
            folder.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise CollectionError(
                f"{folder.parent}: the indexes cannot be kept there ({error.strerror}); make it a folder"
            ) from None
        if folder.exists() and not (folder / MANIFEST).exists():  # whatever lies there is no index
            self.drop(feature)
        return _build(feature, blocks, folder, stamp)

    def build_private(
        self, feature: FeatureRecord, blocks: Blocks, *, stamp: int, because: LookalikeError
    ) -> Index:
        """See `IndexHome`."""
        if not isinstance(because, CollectionLockedError):  # whoever holds the lock publishes one
            log.warning("%s; the index is built for this process only", because)
        temporary = tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True)
        self._private.append(temporary)
        return _build(feature, blocks, Path(temporary.name) / feature.name, stamp)

    def drop(self, feature: FeatureRecord) -> None:
        """See `IndexHome`."""
        folder = self._folder_of(feature)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.unlink(missing_ok=True)  # a file of that name

    def bytes_used(self) -> int:
        """See `IndexHome`. Another process may take some files away meanwhile."""
        total = 0
        for parent, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.stat(os.path.join(parent, name)).st_size
        return total

    def close(self) -> None:
        """See `IndexHome`."""
        while self._private:
            self._private.pop().cleanup()

    def _folder_of(self, feature: FeatureRecord) -> Path:
        return self.folder / feature.name


def _build(feature: FeatureRecord, blocks: Blocks, folder: Path, stamp: int) -> Index:
    family = FamilySpec.of(feature.index)
    return Index.build_from_blocks(
        blocks,
        folder,
        dimension=feature.dimension,
        metric=feature.metric,
        scan_below=SCAN_BELOW if family is None else 0,
        family=family,
        stamp=stamp,
    )


class SharedHome(IndexHome, Protocol):
    """A home on servers, which may be out of reach."""

    def check(self, feature: FeatureRecord, given: str | None) -> None:
        """Look whether the server of a feature can be reached, by the URL `given`.

        Raises:
            BucketStoreError, EngineError: it refuses, or cannot be reached.
        """
        ...


class FeatureHomes:
    """The indexes of a collection: each where its feature's record says."""

    def __init__(self, embedded: IndexHome, stores: SharedHome, engines: SharedHome) -> None:
        self._embedded = embedded
        self._stores = stores
        self._engines = engines

    def check(self, feature: FeatureRecord, given: str | None) -> None:
        """Look whether the home of a feature can be reached, by the URL `given`; the embedded one always can.

        Raises:
            BucketStoreError, EngineError: it refuses, or cannot be reached.
        """
        home = self._shared_of(feature)
        if home is not None:
            home.check(feature, given)

    def open(self, feature: FeatureRecord, *, verify: bool = False) -> VectorIndex | None:
        """See `IndexHome`."""
        return self._of(feature).open(feature, verify=verify)

    def build(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> VectorIndex:
        """See `IndexHome`."""
        return self._of(feature).build(feature, blocks, stamp=stamp)

    def build_private(
        self, feature: FeatureRecord, blocks: Blocks, *, stamp: int, because: LookalikeError
    ) -> VectorIndex:
        """See `IndexHome`."""
        return self._of(feature).build_private(feature, blocks, stamp=stamp, because=because)

    def drop(self, feature: FeatureRecord) -> None:
        """See `IndexHome`."""
        self._of(feature).drop(feature)

    def bytes_used(self) -> int:
        """See `IndexHome`."""
        return sum(home.bytes_used() for home in (self._embedded, self._stores, self._engines))

    def close(self) -> None:
        """See `IndexHome`."""
        self._embedded.close()
        self._stores.close()
        self._engines.close()

    def _of(self, feature: FeatureRecord) -> IndexHome:
        return self._shared_of(feature) or self._embedded

    def _shared_of(self, feature: FeatureRecord) -> SharedHome | None:
        place = place_of(feature.index)
        if place is None:
            return None
        return self._stores if isinstance(place, StoredIndex) else self._engines
