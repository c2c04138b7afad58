"""What can be asked of a collection."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_count, check_text
from lookalike.arrays import Rows
from lookalike.catalogue import Catalogue, FeatureRecord, Problem, Source
from lookalike.catalogue.facets import Facet
from lookalike.catalogue.records import FieldSummary
from lookalike.collection.backends import Backend, backend_at
from lookalike.collection.browse import Order, browse, facets
from lookalike.collection.distributions import KeptDistributions
from lookalike.collection.engine_home import EngineHome
from lookalike.collection.explain import Explanation
from lookalike.collection.filters import Filters, as_where
from lookalike.collection.hits import Hits
from lookalike.collection.index_homes import FeatureHomes
from lookalike.collection.indexes import Indexes
from lookalike.collection.info import describe
from lookalike.collection.overview import Overview
from lookalike.collection.query import Asked, Query, SourceQuery, as_query, guess
from lookalike.collection.request import Compared, SearchRequest
from lookalike.collection.searcher import Searcher
from lookalike.collection.store_home import StoreHome
from lookalike.collection.stored_index import as_place
from lookalike.collection.then import Chain, answer_chain
from lookalike.collection.verify import verify_collection
from lookalike.errors import CollectionError, InputError, OptionError, UnknownIdError
from lookalike.images import MAX_PIXELS
from lookalike.urls import without_password


class Reader(Overview):
    """The half of a collection that changes nothing; `Collection` adds the other."""

    def __init__(self, backend: Backend, catalogue: Catalogue, place: str | None = None) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._place = None if place is None else without_password(place)
        self._homes = FeatureHomes(backend.indexes, StoreHome(catalogue, place), EngineHome(catalogue, place))
        self._indexes = Indexes(backend, self._homes, catalogue)
        self._distributions = KeptDistributions(backend, catalogue)
        self._searcher = Searcher(catalogue, self._indexes, self._distributions)
        self._closed = False

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], *, buckets: str | None = None, engine: str | None = None
    ) -> Self:
        """Open the collection in `folder`, or at a URL of PostgreSQL.

        Args:
            buckets: the URL of the store for the buckets of features that are new; where features have theirs in the
                same store, the URL's password is used, as the catalogue keeps none. By default what the environment
                (LOOKALIKE_BUCKETS) or `buckets` in `lookalike.toml` in the working folder says; "embedded" for none.
            engine: instead of a store, the URL of a search engine, such as opensearch://host:9200, where features that
                are new are searched, and the password of which is used as above. By default as LOOKALIKE_ENGINE or
                `engine` in `lookalike.toml` says. Features that it cannot compare stay beside the catalogue.

        Raises:
            OptionError: `buckets` or `engine` is no URL, or both are given.
            CollectionMissingError: there is none.
            CollectionVersionError: it was made by a newer version of Lookalike.
            CollectionDamagedError: its catalogue cannot be read.
        """
        backend = backend_at(folder)
        return cls(backend, backend.open_catalogue(), as_place(buckets, engine))

    def close(self) -> None:
        """Close the collection, which stays closed. Closing twice does no harm."""
        self._closed = True
        self._indexes.close()
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise InputError(
            f"the collection {self._backend.location} cannot be pickled or copied; open it where it is needed"
        )

    def __len__(self) -> int:
        """Number of sources."""
        return self._open_catalogue.count()

    @property
    def location(self) -> str:
        """Where the collection lives: its folder."""
        return self._backend.location

    def search(
        self,
        query: Asked | str | None = None,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        facets: Sequence[str] = (),
        candidates: str = "tokens",
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
        strict: bool = False,
        then: Chain | None = None,
    ) -> Hits:
        """Find the `k` sources that look most like `query`.

        Args:
            query: a picture's path or bytes, a source's id, a row of a vector file as in "features.h5#17", a vector, or
                a mapping of features to vectors. A string is an id where there is such a source, else a row or a path;
                pass a `SourceQuery` where it must not open a file. A source that is asked for by its id, or by the path
                of its unchanged file, is left out of the hits. Without a query, sources are ranked by `text` alone.
            text: only sources whose title, description, tags or other metadata have all these words; with `blend`
                they weigh in by reciprocal-rank fusion instead. Where the feature is searched in an engine, words are
                scored by its own BM25.
            where: only sources whose metadata fits. A filter costs no recall: k hits come back if k exist.
            features: which features to compare, and how much each says, by name; equal weights mean equal say, whatever
                the scales of their distances. By default all that the query has; their weights then, as where names
                alone are given, come from how distances are distributed in the collection, so that a poor feature
                hardly says anything (`lookalike.fusion`). A source that lacks some of them is compared by those that
                it has, brought to the same scale; `Hits.notes` says how many do.
            blend: True, or how much words weigh in the fusion, from 0.0 to 1.0; a half is usual.
            text_weight: how much words weigh in the fusion, from 0 to 1; the same as giving it as `blend`. Without
                `blend`, hits must have the words, and are ranked by both; with 1 and `max_distance`, looks only narrow.
            facets: metadata fields whose most frequent values are counted, in `Hits.facets`, among all sources that
                meet `where`, and `text` unless it is blended, and have one of the features.
            candidates: "knn" to have an engine find candidates by its own HNSW, where the index was made with `graph`.
            max_distance: farther sources are left out.
            max_pixels: a picture with more is refused.
            strict: raise an error where a store or a search engine cannot be used, instead of comparing every source,
                which `Hits.notes` tells of.
            then: a further criterion, or several in a list: the k hits are then the nearest by the last of them, among
                the `Then.among` nearest by the one before. Facets are counted as without it.

        Raises:
            PictureError, UnknownIdError, UnknownFeatureError, FeatureMismatchError, VectorError, OptionError,
            MetadataError; BucketStoreError and EngineError with `strict`.
        """
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            facets=facets,
            candidates=candidates,
            max_distance=max_distance,
            max_pixels=max_pixels,
            strict=strict,
        )
        if then is not None:
            return answer_chain(
                None if query is None else self._typed(query),
                request,
                then,
                typed=self._typed,
                answer=self.answer_one,
            )
        if isinstance(query, str):
            with suppress(UnknownIdError):  # nearly always it is one, so no other statement asks first
                return self.answer_one(SourceQuery(query), request)
            return self.answer_one(guess(query, is_stored=False), request)
        return self.answer_one(None if query is None else as_query(query), request)

    def search_many(
        self,
        queries: Iterable[Asked],
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        facets: Sequence[str] = (),
        candidates: str = "tokens",
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
        strict: bool = False,
    ) -> list[Hits]:
        """Find what looks most like each of `queries`: with one call of an index and one of the catalogue for all.

        Args:
            queries: as in `search`, but for strings; or an array (q, d), a vector a query. A `SourceQuery` is an id.

        The other arguments, and the errors, are those of `search`; one query that cannot be used fails them all.
        """
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            facets=facets,
            candidates=candidates,
            max_distance=max_distance,
            max_pixels=max_pixels,
            strict=strict,
        )
        if isinstance(queries, str | bytes | Mapping) or not isinstance(queries, Iterable):
            raise OptionError(f"queries is of type {type(queries).__name__}; give a list of queries")
        if isinstance(queries, np.ndarray) and queries.ndim == 2:
            return self.answer(queries, request)
        return self.answer([as_query(query) for query in queries], request)

    def parse(self, text: str) -> Query:
        """Return what a word that a person typed stands for: an id, a row of a vector file, or a picture's path."""
        return guess(text, is_stored=text in self._open_catalogue.numbers([text]))

    def _typed(self, query: Asked | str) -> Query:
        return self.parse(query) if isinstance(query, str) else as_query(query)

    def answer_one(self, query: Query | None, request: SearchRequest) -> Hits:
        """Answer a typed query, or a request of words alone; see `search`."""
        if query is not None:
            return self.answer([query], request)[0]
        self._check_open()
        return self._searcher.answer_words(request)

    def answer(self, queries: Sequence[Query] | npt.NDArray[Any], request: SearchRequest) -> list[Hits]:
        """Answer typed queries, or the rows of an array (q, d), all from one state of the collection; see `search`."""
        self._check_open()
        return self._searcher.answer(queries, request)

    def explain(
        self,
        query: Asked | str,
        id_: str,
        *,
        k: int = 10,
        text: str | None = None,
        where: Filters = None,
        features: Compared | None = None,
        blend: bool | float = False,
        text_weight: float | None = None,
        max_distance: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Explanation:
        """Tell why the source `id_` (an id or the path of one of its files) is, or is not, among the hits.

        The other arguments are those of `search`, whose errors it also raises; UnknownIdError if there is no such
        source.
        """
        request = SearchRequest.of(
            k=k,
            text=text,
            where=where,
            features=features,
            blend=blend,
            text_weight=text_weight,
            max_distance=max_distance,
            max_pixels=max_pixels,
        )
        if not isinstance(id_, str):
            raise OptionError(f"the source is {id_!r}; give its id or the path of a file, as a string")
        asked = self._typed(query)
        self._check_open()
        return self._searcher.explain(asked, id_, request)

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
        return self._open_catalogue.iterate(as_where(where), text, limit)

    def browse(
        self,
        *,
        order: Order = "newest",
        seed: int = 0,
        text: str | None = None,
        where: Filters = None,
        start: int = 0,
        limit: int = 50,
    ) -> tuple[Sequence[Source], int]:
        """Return some of the sources, and how many there are in all.

        Args:
            order: "newest" first, "oldest" first, or "random", which is the same for the same `seed` and sources.
            start: how many to leave out.

        Raises:
            OptionError, MetadataError.
        """
        check_text(text)
        return browse(
            self._open_catalogue, as_where(where), text, order=order, seed=seed, start=start, limit=limit
        )

    def facets(
        self, fields: Sequence[str], *, text: str | None = None, where: Filters = None
    ) -> dict[str, Facet]:
        """Return the ten most frequent values of each field with their counts, among what `where` and `text` select.

        Where a field is filtered itself, its values are counted as if it were not: what else could be chosen.

        Raises:
            OptionError, MetadataError.
        """
        check_text(text)
        return facets(self._open_catalogue, fields, as_where(where), text)

    def fields(self) -> dict[str, FieldSummary]:
        """Return the metadata fields of all sources, in alphabetical order: how many have each, and of which types."""
        return self._open_catalogue.metadata_fields()

    @property
    def stamp(self) -> int:
        """A random number of the state that the collection is in: another one after every write."""
        return self._open_catalogue.stamp()

    def source(self, id_: str) -> Source:
        """Return one source. Raises UnknownIdError."""
        catalogue = self._open_catalogue
        number = catalogue.numbers([id_]).get(id_)
        if number is None:
            raise UnknownIdError(f"{id_!r} is not the id of a source (lookalike list)")
        return catalogue.sources([number])[0]

    def vectors(self, id_: str) -> dict[str, Rows]:
        """Return the vectors (d,) of a source by feature. Raises UnknownIdError."""
        catalogue = self._open_catalogue
        found = catalogue.stored_query(id_, list(catalogue.features()))
        if found is None:
            raise UnknownIdError(f"{id_!r} is not the id of a source (lookalike list)")
        return found[1]

    def features(self) -> dict[str, FeatureRecord]:
        """Return the features by name, as they are stored."""
        return self._open_catalogue.features()

    def unmet(self, where: Filters) -> tuple[str, ...]:
        """Return a sentence for each filter that no source meets, with the nearest values that there are."""
        filters = as_where(where)
        return () if filters is None else tuple(self._open_catalogue.unmet(filters))

    def info(self) -> dict[str, Any]:
        """Return counts, sizes, features, families and bucket statistics, as JSON has them."""
        self._check_open()
        with self._searcher.indexes() as (catalogue, features, indexes):
            return describe(self._backend.location, self._homes, catalogue, features, indexes)

    def growth(self) -> dict[str, int]:
        """Return how many of the sources were added on each day (ISO 8601, UTC), the first day first."""
        return self._open_catalogue.growth()

    def verify(self, *, files: bool = False) -> Iterator[Problem]:
        """Look for damage in the catalogue, the indexes and the files, one problem at a time.

        Args:
            files: read the pictures' files whole too, also those whose size and time are as they were.
        """
        return verify_collection(self._open_catalogue, self._homes, files=files)

    @property
    def _open_catalogue(self) -> Catalogue:
        self._check_open()
        return self._catalogue

    def _check_open(self) -> None:
        if self._closed:
            raise CollectionError(f"the collection {self.location} is closed; open it again")
