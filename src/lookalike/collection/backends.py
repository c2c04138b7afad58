"""Where a collection lives: its catalogue, the lock of the one who writes, and where its indexes are."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from lookalike.catalogue import Catalogue
from lookalike.catalogue.opening import is_url
from lookalike.collection.index_homes import FolderHome, IndexHome
from lookalike.collection.lock import writer_lock
from lookalike.collection.paths import as_path
from lookalike.errors import CollectionError, CollectionMissingError

CATALOGUE = "catalogue.sqlite"
INDEXES = "indexes"


class Backend(Protocol):
    """A home of collections. Methods may be called from several threads."""

    @property
    def location(self) -> str:
        """Where the collection is, for people."""
        ...

    @property
    def indexes(self) -> IndexHome:
        """Where its indexes are."""
        ...

    def has_catalogue(self) -> bool:
        """Whether there is a collection, be it a damaged one."""
        ...

    def create_catalogue(self) -> Catalogue:
        """Make an empty catalogue. Raises: CollectionExistsError, CollectionError."""
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

    def filling(self, *, shared: bool) -> AbstractContextManager[None]:
        """Hold, for a search that lacks an index, the lock of the one who builds it. It never waits.

        Args:
            shared: whether other machines search the same index, as one in a bucket store.

        Raises:
            CollectionLockedError: somebody else holds it.
        """
        ...


def backend_at(location: str | os.PathLike[str]) -> Backend:
    """The backend of a URL of PostgreSQL, or of a folder. Raises: OptionError, MissingDependencyError."""
    if not is_url(location):
        return FolderBackend(as_path(location, "folder"))
    from lookalike.collection.server_backend import PostgresBackend

    return PostgresBackend(str(location))


class FolderBackend:
    """A folder with the catalogue in a file of SQLite and the indexes beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._indexes = FolderHome(folder / INDEXES)

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def indexes(self) -> IndexHome:
        """The folders beside the catalogue."""
        return self._indexes

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

    def filling(self, *, shared: bool) -> AbstractContextManager[None]:
        """See `Backend`: it is the lock of the one who writes, which never waits here."""
        return self.writing("search")
