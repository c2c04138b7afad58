"""Writing to the catalogue, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lookalike.arrays import Float32, Int64
from lookalike.catalogue.records import FeatureRecord, Metadata, NewSource, Place


class Writer:
    """The writes of one transaction; `Catalogue.write` makes it."""

    def set_setting(self, name: str, value: Any) -> None:
        """Set a setting to a JSON value."""

    def add_feature(self, feature: FeatureRecord) -> None:
        """Add a feature. Raises DuplicateIdError when there is one of that name."""

    def drop_feature(self, name: str) -> None:
        """Remove a feature and all its vectors. Raises UnknownFeatureError."""

    def add_sources(self, sources: Sequence[NewSource]) -> Int64:
        """Add sources with their metadata, places and vectors; return their numbers (n,), ascending.

        A place that another source had goes over to the new one.

        Raises: DuplicateIdError naming an id that is there, or twice in `sources`; UnknownFeatureError; VectorError;
            MetadataError for metadata that JSON cannot hold.
        """
        raise NotImplementedError

    def add_places(self, places: Iterable[tuple[int, Place]]) -> None:
        """Put sources (by number) to places. A place that is known is replaced. Raises UnknownIdError."""

    def forget_places(self, paths: Iterable[str]) -> None:
        """Forget places. Their sources stay; see `unplaced`. Unknown paths are passed over."""

    def unplaced(self) -> Int64:
        """Ascending numbers of the pictures without any place, as this transaction sees it."""
        raise NotImplementedError

    def add_vectors(self, feature: str, numbers: Sequence[int] | Int64, vectors: Float32) -> None:
        """Give the sources `numbers` (n,) the vectors (n, d) of a feature; what they had is replaced.

        Raises: UnknownFeatureError, UnknownIdError, VectorError, DuplicateIdError (a number twice).
        """

    def update_metadata(self, metadata: Mapping[int, Metadata]) -> None:
        """Replace the metadata of sources by number. Raises UnknownIdError, MetadataError."""

    def remove(self, numbers: Iterable[int] | Int64) -> None:
        """Remove sources with all that belongs to them; indexes learn of it by `removed_after`. Raises UnknownIdError."""
