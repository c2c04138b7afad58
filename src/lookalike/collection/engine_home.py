"""Indexes in search engines, which several processes and machines may share.

`lookalike.engine` is loaded when the first of them is opened, since every command would wait for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.catalogue_rows import CatalogueRows
from lookalike.collection.index_homes import Blocks
from lookalike.collection.stored_index import EngineIndexed, is_engine, with_password
from lookalike.errors import EngineError, LookalikeError
from lookalike.urls import without_password

if TYPE_CHECKING:
    from lookalike.engine.client import Engine
    from lookalike.engine.follower_index import FollowerIndex


class EngineHome:
    """A `SharedHome` for features whose record names a search engine. The catalogue is the truth."""

    def __init__(self, catalogue: Catalogue, given: str | None) -> None:
        """Read vectors from `catalogue`, and take the password from the URL `given` where it is the same engine's.

        It is kept until that engine is opened.
        """
        self._catalogue = catalogue
        self._given = given if given is not None and is_engine(given) else None
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def check(self, feature: FeatureRecord, given: str | None) -> None:
        """See `SharedHome`. Raises EngineError, EngineUnavailableError; OptionError for an engine of the other kind."""
        with self._lock:
            before, self._given = self._given, given or self._given
        try:
            self._engine(_indexed(feature))
        except BaseException:
            self._given = before
            raise

    def open(self, feature: FeatureRecord, *, verify: bool = False) -> FollowerIndex | None:
        """See `IndexHome`. There is no checksum to `verify`: the engine answers for what it holds.

        Raises:
            EngineUnavailableError: the engine cannot be reached.
            EngineError: it refuses, or the index is damaged or another's.
        """
        from lookalike.engine.follower_index import FollowerIndex

        place = _indexed(feature)
        index = FollowerIndex.open(self._engine(place), place.index, place.name, self._rows(feature))
        if index is not None and (index.dimension, index.metric) != (feature.dimension, feature.metric):
            raise EngineError(f"{place.name}: is of another kind than feature {feature.name}; rebuild it")
        return index

    def build(self, feature: FeatureRecord, blocks: Blocks, *, stamp: int) -> FollowerIndex:
        """See `IndexHome`. Raises EngineError."""
        from lookalike.engine.follower_index import FollowerIndex

        place = _indexed(feature)
        return FollowerIndex.build(
            self._engine(place),
            place.index,
            place.name,
            self._rows(feature),
            blocks,
            dimension=feature.dimension,
            metric=feature.metric,
            graph=place.graph,
            stamp=stamp,
        )

    def build_private(
        self, feature: FeatureRecord, blocks: Blocks, *, stamp: int, because: LookalikeError
    ) -> FollowerIndex:
        """See `IndexHome`: every vector of the catalogue is compared, and answers say so."""
        from lookalike.engine.follower_index import FollowerIndex

        place, trouble = _indexed(feature), because
        if not isinstance(trouble, EngineError):
            trouble = EngineError(
                f"{place.name}: the index is gone or of another state, and cannot be made now: {because}"
            )
        return FollowerIndex.without_tokens(
            place.index,
            place.name,
            self._rows(feature),
            dimension=feature.dimension,
            metric=feature.metric,
            stamp=stamp,
            trouble=trouble,
        )

    def drop(self, feature: FeatureRecord) -> None:
        """See `IndexHome`. Raises EngineError."""
        from lookalike.engine.followed import drop_followed

        place = _indexed(feature)
        drop_followed(self._engine(place), place.index)

    def bytes_used(self) -> int:
        """See `IndexHome`: nothing on this machine."""
        return 0

    def close(self) -> None:
        """Close all engines that were opened."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].close()

    def _engine(self, place: EngineIndexed) -> Engine:
        """Return the one handle that this collection has on an engine, which alone knows the password from then on."""
        from lookalike.engine.client import Engine

        with self._lock:
            if place.url not in self._engines:
                self._engines[place.url] = Engine.open(with_password(place.url, self._given))
            if self._given is not None and without_password(self._given) == place.url:
                self._given = None
            return self._engines[place.url]

    def _rows(self, feature: FeatureRecord) -> CatalogueRows:
        return CatalogueRows(self._catalogue, feature.name)


def _indexed(feature: FeatureRecord) -> EngineIndexed:
    place = EngineIndexed.of(feature.index)
    if place is None:
        raise EngineError(f"feature {feature.name} is in no search engine; build its index")
    return place
