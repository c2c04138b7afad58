"""What says which sources meet filters and have words, and how well: the catalogue, or an engine in the same state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import Catalogue
from lookalike.catalogue.facets import Facet
from lookalike.collection.request import SearchRequest
from lookalike.errors import EngineUnavailableError
from lookalike.index import IndexView
from lookalike.index.finder import StaleBucketsError
from lookalike.index.store_view import StoreView

T = TypeVar("T")
Facets = tuple[Mapping[str, Facet], tuple[str, ...]]
"""Values of fields with their counts; and notes."""


class Records(Protocol):
    """Filters and words of one request, over one state of a collection.

    All but that of the catalogue raise StaleBucketsError where they cannot answer for that state; the catalogue can.
    """

    def views(self, indexes: Mapping[str, IndexView]) -> tuple[Mapping[str, IndexView], Int64 | None]:
        """Return views to be searched, and the numbers that may be found there; None for all."""
        ...

    def by_words(self, limit: int) -> Int64:
        """Return the numbers of the sources that match the words best, best first."""
        ...

    def text_scores(self, numbers: Sequence[int]) -> Mapping[int, float]:
        """Return the scores of those of the sources `numbers` that have the words."""
        ...

    def facets(self) -> Facets:
        """Count values among the sources that meet the filters and have one of the features that are searched."""
        ...


class CatalogueRecords:
    """`Records` of the catalogue, by SQL."""

    def __init__(self, catalogue: Catalogue, features: Sequence[str], request: SearchRequest) -> None:
        """Without `features`, sources are ranked by words alone, and each may be found."""
        self._catalogue, self._features, self._request = catalogue, features, request

    def views(self, indexes: Mapping[str, IndexView]) -> tuple[Mapping[str, IndexView], Int64 | None]:
        """See `Records`."""
        return indexes, self._allowed

    def by_words(self, limit: int) -> Int64:
        """See `Records`."""
        assert self._request.text is not None
        where = self._request.where
        among = self._among(None if where is None else self._catalogue.select(where))
        return self._catalogue.text_scores(self._request.text, among, limit=limit)[0]

    def text_scores(self, numbers: Sequence[int]) -> Mapping[int, float]:
        """See `Records`."""
        assert self._request.text is not None
        return scored(self._catalogue.text_scores(self._request.text, numbers))

    def facets(self) -> Facets:
        """See `Records`."""
        if not self._request.facets:
            return {}, ()
        numbers = self._catalogue.select() if self._allowed is None else self._allowed
        if self._features:
            having = [self._catalogue.numbers_with([name]) for name in self._features]
            numbers = np.intersect1d(numbers, np.unique(np.concatenate(having)), assume_unique=True)
        return {field: self._catalogue.facet(field, numbers) for field in self._request.facets}, ()

    @cached_property
    def _allowed(self) -> Int64 | None:
        where, text = self._request.where, self._request.narrowing
        return self._among(None if where is None and text is None else self._catalogue.select(where, text))

    def _among(self, numbers: Int64 | None) -> Int64 | None:
        """Return those of `numbers`, or of all, that the request is about; None for all."""
        if self._request.among is None:
            return numbers
        asked = np.array(sorted(self._catalogue.numbers(self._request.among).values()), dtype=np.int64)
        return asked if numbers is None else np.intersect1d(numbers, asked, assume_unique=True)


def by_records(
    catalogue: Catalogue,
    indexes: Mapping[str, IndexView],
    request: SearchRequest,
    asked: Callable[[Records], T],
    *,
    features: Sequence[str] | None = None,
) -> T:
    """Return what `asked` makes of filters and words: of an engine that can tell, or else of the catalogue.

    An engine may refuse some of them, which is no reason to do without the rest.
    """
    has_conditions = bool(request.filters or request.facets or request.text is not None)
    engine = engine_records(indexes, request) if has_conditions else None
    if engine is not None:
        try:
            return asked(engine)
        except StaleBucketsError as error:
            if isinstance(error.cause, EngineUnavailableError):
                raise
    return asked(CatalogueRecords(catalogue, tuple(indexes) if features is None else features, request))


def engine_records(indexes: Mapping[str, IndexView], request: SearchRequest) -> Records | None:
    """Return the records of what is searched, where it is one engine that can tell; else None."""
    if not any(isinstance(view, StoreView) for view in indexes.values()):
        return None
    from lookalike.collection.engine_records import (
        EngineRecords,  # few need engines, and all would wait for it
    )

    return EngineRecords.of(indexes, request)


def scored(found: tuple[Int64, Float32]) -> dict[int, float]:
    """Return numbers and their scores as a mapping."""
    return dict(zip(found[0].tolist(), found[1].tolist(), strict=True))
