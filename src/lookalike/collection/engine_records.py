"""Filters, words and candidates of a feature that is searched in an engine; loaded only where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from lookalike.arrays import Int64
from lookalike.collection.records import Facets, scored
from lookalike.collection.request import SearchRequest
from lookalike.engine import records
from lookalike.engine.filters import Clause
from lookalike.engine.finder import TokenFinder
from lookalike.engine.query import MOST_HITS
from lookalike.errors import OptionError
from lookalike.index import IndexView
from lookalike.index.finder import StaleBucketsError
from lookalike.index.store_view import StoreView


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
            found |= scored(finder.text_scores(self.view.state.seen, self.words, some, len(some)))
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
