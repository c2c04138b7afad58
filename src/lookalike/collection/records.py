"""What says which sources meet filters and have words, and how well: the catalogue, or an engine in the same state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self, TypeVar

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import Catalogue
from lookalike.catalogue.facets import Facet
from lookalike.collection.request import SearchRequest
from lookalike.engine import records
from lookalike.engine.filters import Clause
from lookalike.engine.finder import TokenFinder
from lookalike.engine.query import MOST_HITS
from lookalike.errors import EngineUnavailableError, OptionError
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
        return _scored(self._catalogue.text_scores(self._request.text, numbers))

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


@dataclass(frozen=True, slots=True)
class EngineRecords:
    """`Records` of a feature's index in a search engine, by one query with what looks alike."""

    view: StoreView
    finder: TokenFinder
    """With the filters, and the words that narrow."""
    words: Sequence[Clause]
    request: SearchRequest

    @classmethod
    def of(cls, indexes: Mapping[str, IndexView], request: SearchRequest) -> Self | None:
        """Return the records of what is searched; None where it is not one engine, or that cannot tell.

        It cannot where it lacks some changes, nor what long texts are, see `lookalike.engine.records`; and it knows
        sources by numbers, not by ids.
        """
        view = next(iter(indexes.values()))
        finder = engine_finder(view)
        if len(indexes) != 1 or finder is None or not isinstance(view, StoreView):
            return None
        if request.among is not None:
            return None
        if view.state.stamp != view.state.seen or len(view.state.hidden):
            return None
        clauses = records.filters(request.where)
        words = [] if request.text is None else records.word_clauses(request.text)
        if clauses is None or words is None or not all(map(records.is_countable, request.facets)):
            return None
        narrowing = [] if request.narrowing is None else words
        return cls(view, replace(finder, clauses=(*clauses, *narrowing)), words, request)

    def views(self, indexes: Mapping[str, IndexView]) -> tuple[Mapping[str, IndexView], Int64 | None]:
        """See `Records`."""
        return dict.fromkeys(indexes, with_finder(self.view, self.finder)), None

    def by_words(self, limit: int) -> Int64:
        """See `Records`."""
        if limit > MOST_HITS:
            raise StaleBucketsError(self.finder)
        return self.finder.text_scores(self.view.state.seen, self.words, None, limit)[0]

    def text_scores(self, numbers: Sequence[int]) -> Mapping[int, float]:
        """See `Records`."""
        found: dict[int, float] = {}
        finder = replace(self.finder, clauses=())  # the query's own source is told of, whatever filters say
        for start in range(0, len(numbers), MOST_HITS):
            some = np.array(numbers[start : start + MOST_HITS], np.int64)
            found |= _scored(finder.text_scores(self.view.state.seen, self.words, some, len(some)))
        return found

    def facets(self) -> Facets:
        """See `Records`."""
        if not self.request.facets:
            return {}, ()
        counts, inexact = self.finder.facets(self.view.state.seen, self.request.facets)
        if not all(counts.values()):  # nobody may have such a field, which the catalogue says
            raise StaleBucketsError(self.finder)
        return counts, tuple(
            f"the counts of {field} are not exact: it has many values and the index several shards"
            for field in inexact
        )


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
    engine = EngineRecords.of(indexes, request) if indexes and has_conditions else None
    if engine is not None:
        try:
            return asked(engine)
        except StaleBucketsError as error:
            if isinstance(error.cause, EngineUnavailableError):
                raise
    return asked(CatalogueRecords(catalogue, tuple(indexes) if features is None else features, request))


def engine_finder(view: IndexView) -> TokenFinder | None:
    """Return what finds the rows of a view in a search engine; None where something else does."""
    found = view.state.probing if isinstance(view, StoreView) else None
    return found if isinstance(found, TokenFinder) else None


def with_finder(view: StoreView, finder: TokenFinder) -> StoreView:
    """Return the same view, whose rows are found by `finder`."""
    return replace(view, state=replace(view.state, probing=finder))


def by_graph(name: str, view: IndexView) -> IndexView:
    """Return a view of feature `name` that has the engine find candidates by its own HNSW.

    Raises:
        OptionError: it is in no engine, or has no such graph there.
    """
    finder = engine_finder(view)
    if finder is None or not isinstance(view, StoreView) or not finder.followed.target.header.graph:
        raise OptionError(
            f'candidates="knn": feature {name} has no graph in a search engine; make one by '
            f"set_index({name!r}, engine=URL, graph=True)"
        )
    return with_finder(view, replace(finder, way="knn"))


def _scored(found: tuple[Int64, Float32]) -> dict[int, float]:
    return dict(zip(found[0].tolist(), found[1].tolist(), strict=True))
