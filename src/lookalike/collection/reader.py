"""What can be asked of a collection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lookalike.arguments import as_count, as_finite, check_text
from lookalike.catalogue import Catalogue, Problem, Source
from lookalike.collection import explain as explaining
from lookalike.collection import search as searching
from lookalike.collection.filters import Filters, as_where, labelled
from lookalike.collection.hits import Hits
from lookalike.collection.indexes import Indexes
from lookalike.collection.query import Query, resolve
from lookalike.collection.verify import verify_collection
from lookalike.errors import CollectionMissingError, OptionError, UnknownIdError
from lookalike.images.decode import MAX_PIXELS

CATALOGUE = "catalogue.sqlite"


class Reader:
    """The half of a collection that changes nothing; `Collection` adds the other."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._indexes = Indexes(folder, catalogue)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Open the collection in `folder`.

        Raises:
            CollectionMissingError: there is none.
            CollectionVersionError: it was made by a newer version of Lookalike.
            CollectionDamagedError: its catalogue cannot be read.
        """
        path = Path(folder)
        if not os.path.isfile(path / CATALOGUE):
            raise CollectionMissingError(
                f"there is no collection in {path}; make one with lookalike add, or name another with -c"
            )
        return cls(path, Catalogue.open(path / CATALOGUE))

    def close(self) -> None:
        """Close the collection. Closing twice does no harm."""
        self._indexes.close()
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Number of sources."""
        return self._catalogue.count()

    @property
    def folder(self) -> Path:
        """Where the collection lies."""
        return self._folder

    def search(
        self,
        query: Query,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Mapping[str, float] | None = None,
        blend: bool = False,
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Hits:
        """Find the `k` sources that look most like `query`.

        Args:
            query: a picture's path or bytes, a source's id (which is then left out of the hits), a row of a vector
                file as in "features.h5#17", a vector, or a mapping of features to vectors.
            text: only sources whose title, description, tags or other metadata have all these words; with `blend`
                they weigh in by reciprocal-rank fusion instead.
            where: only sources whose metadata fits. A filter costs no recall: k hits come back if k exist.
            features: which features to compare, and how much each weighs; by default all that the query has,
                equally. The distance of a hit is their weighted mean.
            max_distance: farther sources are left out.
            max_pixels: a picture with more is refused.

        Raises:
            PictureError, UnknownIdError, UnknownFeatureError, FeatureMismatchError, VectorError, OptionError,
            MetadataError.
        """
        k = as_count(k, "k", least=1)
        if max_distance is not None:
            max_distance = as_finite(max_distance, "max_distance")
        max_pixels = as_count(max_pixels, "max_pixels", least=1)
        check_text(text)
        if blend and text is None:
            raise OptionError("blend needs text: the words that are to weigh in")
        filters = as_where(where)
        records = self._catalogue.features()
        resolved, weights = resolve(query, self._catalogue, records, features, max_pixels)
        described = {
            **resolved.described,
            "text": text,
            "where": list(labelled(where)),
            "features": weights,
            "k": k,
            "max_distance": max_distance,
            "blend": blend,
        }
        for attempt in range(3):
            try:
                indexes = {name: self._indexes.get(records[name]) for name in weights}
                ranking = searching.rank(
                    self._catalogue,
                    indexes,
                    resolved,
                    weights,
                    k,
                    text=text,
                    where=filters,
                    max_distance=max_distance,
                    blend=blend,
                )
                hits = searching.hits_of(self._catalogue, indexes, resolved, ranking, text=text)
                return Hits(hits, described, resolved.pixels)
            except UnknownIdError:  # removed by another process since the index was read
                if attempt == 2:
                    raise
        raise AssertionError("the loop returns or raises")

    def explain(
        self,
        query: Query,
        id_: str,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Mapping[str, float] | None = None,
        blend: bool = False,
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> explaining.Explanation:
        """Tell why the source `id_` (an id or the path of one of its files) is, or is not, among the hits.

        The other arguments are those of `search`, whose errors it also raises; UnknownIdError if there is no such
        source.
        """
        number = self._number_of(id_)
        (source,) = self._catalogue.sources([number])
        records = self._catalogue.features()
        resolved, weights = resolve(query, self._catalogue, records, features, max_pixels)
        hits = self.search(
            query,
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            max_distance=max_distance,
            max_pixels=max_pixels,
        )
        indexes = {name: self._indexes.get(records[name]) for name in weights}
        return explaining.explanation(
            source,
            hits,
            resolved,
            indexes,
            weights,
            filters={label: part.matches(source.metadata) for label, part in labelled(where).items()},
            words={} if text is None else self._catalogue.text_matches(text, number),
            narrowing=not blend,
            limit=max_distance,
            k=k,
        )

    def list(
        self, *, text: str | None = None, where: Filters = None, limit: int | None = None
    ) -> Iterator[Source]:
        """Yield the sources in the order in which they were added, no more than `limit` of them.

        Raises:
            OptionError, MetadataError.
        """
        check_text(text)
        if limit is not None:
            limit = as_count(limit, "limit", least=0)
        return self._catalogue.iterate(as_where(where), text, limit)

    def info(self) -> dict[str, Any]:
        """Return counts, sizes, features, families and bucket statistics, as JSON has them."""
        from lookalike.collection.info import describe

        return describe(self._folder, self._catalogue, self._indexes)

    def verify(self) -> Iterator[Problem]:
        """Look for damage in the catalogue, the indexes and the files, one problem at a time."""
        return verify_collection(self._catalogue, self._indexes)

    def _number_of(self, id_or_path: str) -> int:
        if not isinstance(id_or_path, str):
            raise OptionError(f"the source is {id_or_path!r}; give its id or the path of a file, as a string")
        number = self._catalogue.numbers([id_or_path]).get(id_or_path)
        if number is None:
            for place in self._catalogue.places([os.path.abspath(id_or_path)]):
                number = place.number
        if number is None:
            raise UnknownIdError(
                f"{id_or_path!r} is neither the id nor the path of a source (lookalike list)"
            )
        return number
