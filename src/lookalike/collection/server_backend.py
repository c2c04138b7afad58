"""A collection whose catalogue is on a server: its indexes are in a folder of each user of each machine."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from lookalike.catalogue import Catalogue
from lookalike.catalogue.opening import address_of
from lookalike.collection.index_homes import FolderHome, IndexHome
from lookalike.collection.lock import writer_lock
from lookalike.errors import CollectionMissingError


class PostgresBackend:
    """A schema of PostgreSQL with the catalogue, and a cache of indexes here, which carry stamps."""

    def __init__(self, url: str) -> None:
        """Raises: OptionError for a URL that makes no sense; MissingDependencyError."""
        self._url = url
        self._address = address_of(url)
        key = hashlib.sha256(self._address.name.encode()).hexdigest()[:32]
        self._cache = user_cache() / "lookalike" / key
        self._indexes = FolderHome(self._cache / "indexes")

    @property
    def location(self) -> str:
        """The URL without its password."""
        return self._address.name

    @property
    def indexes(self) -> IndexHome:
        """The folders in this user's cache."""
        return self._indexes

    def has_catalogue(self) -> bool:
        """Whether there is a collection. Raises CollectionError where that cannot be told."""
        try:
            self.open_catalogue().close()
        except CollectionMissingError:
            return False
        return True

    def create_catalogue(self) -> Catalogue:
        """Make an empty catalogue, and the schema if need be. Raises: CollectionExistsError, CollectionError."""
        return Catalogue.create(self._url)

    def open_catalogue(self) -> Catalogue:
        """See `Backend`."""
        return Catalogue.open(self._url)

    def writing(self, purpose: str) -> AbstractContextManager[None]:
        """See `Backend`. Writers wait for one another."""
        return self._server_lock(purpose, wait=True)

    def filling(self, *, shared: bool) -> AbstractContextManager[None]:
        """See `Backend`. An index in the cache is built without keeping writers from the catalogue."""
        if shared:
            return self._server_lock("search", wait=False)
        self._make_cache()
        return writer_lock(self._cache, "search")

    def _server_lock(self, purpose: str, *, wait: bool) -> AbstractContextManager[None]:
        from lookalike.catalogue.postgresql.lock import writer_lock as server_lock

        self._make_cache()
        return server_lock(self._address, purpose, wait=wait)

    def _make_cache(self) -> None:
        with suppress(OSError):  # then the index is built for this process only
            self._cache.mkdir(parents=True, exist_ok=True, mode=0o700)


def user_cache() -> Path:
    """Where this user's programs keep what they can make anew."""
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
