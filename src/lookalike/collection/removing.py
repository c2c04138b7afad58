"""The part of a collection that takes sources, files and features out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from lookalike.collection.indexing import Indexing
from lookalike.collection.remove import MissingReport, as_names, remove_missing, remove_sources
from lookalike.collection.report import Listener
from lookalike.collection.row_arguments import check_name


class Removing(Indexing):
    """What is removed from a collection; the files themselves are not touched."""

    def remove(self, what: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> int:
        """Remove sources by id, or what lies at a path or in a folder; return how many sources went.

        The files are not touched. A source that also lies elsewhere loses only the named place.

        Raises:
            UnknownIdError: something named is not there; nothing was removed then.
            InputError: something is no name.
        """
        names = as_names(what)
        with self._backend.writing("remove"):
            count = remove_sources(self._catalogue, names)
            self._update_indexes(Listener())
        return count

    def remove_missing(self) -> MissingReport:
        """Forget the files of pictures that are gone, and remove the pictures that have no other file.

        Files whose folder is missing or empty too are kept, as the disk or share that they lie on may be away.

        Raises:
            CollectionLockedError.
        """
        with self._backend.writing("remove"):
            report = remove_missing(self._catalogue)
            self._update_indexes(Listener())
        return report

    def remove_feature(self, name: str) -> None:
        """Remove a feature with all its vectors and its index. Sources that have other features stay.

        Raises:
            UnknownFeatureError: there is none of that name.
        """
        check_name(name, "name")
        with self._backend.writing("remove"):
            features = self._catalogue.features()
            with self._catalogue.write() as writer:
                writer.drop_feature(name)
            self._indexes.drop(features[name])
