"""Where a collection lives: its catalogue, its indexes, and the lock of the one who writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.lock import writer_lock
from lookalike.errors import CollectionError, CollectionMissingError, IndexFormatError
from lookalike.hashing import FamilySpec
from lookalike.index import Index, VectorIndex
from lookalike.index.io.array_directory import MANIFEST

Blocks = Iterable[tuple[Int64, Float32]]
"""Numbers (b,) and vectors (b, d) of a feature, block by block."""

CATALOGUE = "catalogue.sqlite"
INDEXES = "indexes"

SCAN_BELOW = 10_000
"""With fewer rows of a feature every row is compared, exactly, unless a hash family was chosen for it: a process that
asks once would load the kernels for longer than it scans."""


class Backend(Protocol):
    """A home of collections. Methods may be called from several threads."""

    @property
    def location(self) -> str:
        """Where the collection is, for people."""
        ...

    def open_catalogue(self) -> Catalogue:
        """Open the catalogue. Raises CollectionError."""
        ...

    def writing(self, purpose: str) -> AbstractContextManager[None]:
        """Hold the lock of the one who writes; `purpose` ("add") is what the next one is told.

        Raises:
            CollectionLockedError: somebody else holds it.
        """
        ...

    def open_index(self, feature: FeatureRecord, *, verify: bool = False) -> VectorIndex | None:
        """Open the index of a feature as it was published last; None where there is none.

        Raises:
            IndexFormatError: it is damaged, or of another kind than the feature asks for; with `verify`, every
                checksum is compared.
        """
        ...

    def build_index(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> VectorIndex:
        """Build the index of a feature, and publish it in place of the one that was there. Needs the lock.

        Raises:
            CollectionError, IndexFormatError: it cannot be kept.
        """
        ...

    def build_private_index(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> VectorIndex:
        """Build an index of a feature for this process only."""
        ...

    def drop_index(self, feature: str) -> None:
        """Delete the index of a feature, if there is one. Needs the lock."""
        ...

    def index_bytes(self) -> int:
        """Size of all indexes."""
        ...

    def close(self) -> None:
        """Let go of what private indexes took."""
        ...


class FolderBackend:
    """A folder with the catalogue in a file of SQLite and the indexes beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private: list[tempfile.TemporaryDirectory[str]] = []

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def has_catalogue(self) -> bool:
        """Whether there is a collection, be it a damaged one."""
        return os.path.exists(self.folder / CATALOGUE)

    def create_catalogue(self) -> Catalogue:
        """Make an empty catalogue, and the folder if need be.

        Raises:
            CollectionExistsError, CollectionError.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CollectionError(f"{self.folder}: the folder cannot be made ({reason})") from None
        return Catalogue.create(self.folder / CATALOGUE)

    def open_catalogue(self) -> Catalogue:
        """See `Backend`."""
        if not os.path.isfile(self.folder / CATALOGUE):
            raise CollectionMissingError(
                f"there is no collection in {self.folder}; make one with lookalike add, or name another with -c"
            )
        return Catalogue.open(self.folder / CATALOGUE)

    def writing(self, purpose: str) -> AbstractContextManager[None]:
        """See `Backend`."""
        return writer_lock(self.folder, purpose)

    def open_index(self, feature: FeatureRecord, *, verify: bool = False) -> Index | None:
        """See `Backend`."""
        folder = self._folder_of(feature.name)
        if not (folder / MANIFEST).exists():  # none was finished yet
            return None
        index = Index.open(folder, verify=verify)
        asked = FamilySpec.of(feature.index)
        if (index.dimension, index.metric, index.family) != (feature.dimension, feature.metric, asked):
            raise IndexFormatError(f"{folder}: is of another kind than feature {feature.name}; rebuild it")
        return index

    def build_index(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> Index:
        """See `Backend`."""
        folder = self._folder_of(feature.name)
        try:
            folder.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise CollectionError(
                f"{folder.parent}: the indexes cannot be kept there ({error.strerror}); make it a folder"
            ) from None
        if folder.exists() and not (folder / MANIFEST).exists():  # whatever lies there is no index
            self.drop_index(feature.name)
        return _build(feature, blocks, folder, stamp)

    def build_private_index(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> Index:
        """See `Backend`."""
        temporary = tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True)
        self._private.append(temporary)
        return _build(feature, blocks, Path(temporary.name) / feature.name, stamp)

    def drop_index(self, feature: str) -> None:
        """See `Backend`."""
        folder = self._folder_of(feature)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.unlink(missing_ok=True)  # a file of that name

    def index_bytes(self) -> int:
        """See `Backend`. Another process may take some files away meanwhile."""
        total = 0
        for parent, _, names in os.walk(self.folder / INDEXES):
            for name in names:
                with suppress(FileNotFoundError):
                    total += os.stat(os.path.join(parent, name)).st_size
        return total

    def close(self) -> None:
        """See `Backend`."""
        while self._private:
            self._private.pop().cleanup()

    def _folder_of(self, feature: str) -> Path:
        return self.folder / INDEXES / feature


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
