"""Answers typed queries, each batch of them from one state of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue, FeatureRecord, HitRows
from lookalike.collection.answer import SourceCache, answers, gone_of, numbers_of
from lookalike.collection.distributions import KeptDistributions
from lookalike.collection.explain import Explanation, explanation
from lookalike.collection.hits import Hits
from lookalike.collection.indexes import Indexes, OvertakenError
from lookalike.collection.mixing import resolved_mix
from lookalike.collection.notes import lacking_notes, left_out_notes, trouble_notes
from lookalike.collection.presence import Look, Presence
from lookalike.collection.query import MixQuery, PictureQuery, Query, SourceQuery, VectorQuery
from lookalike.collection.rankings import Rankings
from lookalike.collection.records import Records, by_records
from lookalike.collection.request import SearchRequest
from lookalike.collection.resolve import (
    Extractors,
    ResolvedQueries,
    ResolvedQuery,
    block,
    check_has_all,
    chosen_features,
    from_catalogue,
    from_outside,
    has_all,
    stored_at,
)
from lookalike.collection.say import Say
from lookalike.collection.search import Blend, Searched, blend_of, rank, rank_by_words
from lookalike.collection.stored_index import EngineIndexed, place_of
from lookalike.errors import OptionError
from lookalike.fusion import Distributions
from lookalike.index import IndexView
from lookalike.index.finder import StaleBucketsError

ATTEMPTS = 5
"""Times that a search is begun, where other processes change the buckets of a store meanwhile."""
SAMPLED = 64
"""Sources that tell how far apart things usually are in a feature."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadyMix:
    """A mix whose parts take nothing slow any more, each with its weight."""

    like: Sequence[tuple[Ready, float]]
    unlike: Sequence[tuple[Ready, float]]


Ready = SourceQuery | VectorQuery | ResolvedQuery | ReadyMix
"""A query that takes nothing slow any more, such as a network's pass over a picture."""


@dataclass(frozen=True, slots=True)
class State:
    """What has been asked of the state of the catalogue that has this stamp."""

    stamp: int
    features: Mapping[str, FeatureRecord]
    lacking: dict[tuple[str, ...], tuple[Mapping[str, int], Int64 | None]] = field(default_factory=dict)
    """By features: how many sources lack each, and a sample of those that have all."""
    distributions: list[Distributions] = field(default_factory=list)
    """How distances are distributed, once a search of several features has asked for that."""


@dataclass(frozen=True, slots=True)
class Group:
    """Queries that are compared in the same features, what is searched for them, and where they were in the batch."""

    searched: Searched
    queries: ResolvedQueries
    places: Sequence[int]


class Searcher:
    """The searches of one open collection; safe for threads."""

    def __init__(self, catalogue: Catalogue, indexes: Indexes, distributions: KeptDistributions) -> None:
        self._catalogue = catalogue
        self._distributions = distributions
        self._indexes = indexes
        self._extractors = Extractors()
        self._sources = SourceCache()
        self._presence = Presence()
        self._known: State | None = None

    def answer(self, queries: Sequence[Query] | npt.NDArray[Any], request: SearchRequest) -> list[Hits]:
        """Return the hits of each query, or of each row of an array; see `Collection.search` for what is raised."""
        return self._fresh(partial(self._answer, queries, request))

    def _fresh(self, asked: Callable[[], T]) -> T:
        """Return what `asked` does, again where the buckets of a store were of another state meanwhile."""
        for attempt in range(1, ATTEMPTS):
            try:
                return asked()
            except StaleBucketsError as error:
                self._indexes.doubt(error, last=attempt == ATTEMPTS - 1)
        return asked()

    def _answer(self, queries: Sequence[Query] | npt.NDArray[Any], request: SearchRequest) -> list[Hits]:
        found: dict[int, Hits] = {}
        with self._groups(queries, request) as (state, groups):
            for group in groups:
                hits = by_records(
                    group.searched.catalogue,
                    group.searched.indexes,
                    request,
                    partial(self._hits, state, group.searched, group.queries, request),
                )
                found.update(zip(group.places, hits, strict=True))
        return [found[place] for place in range(len(queries))]

    def _hits(
        self,
        state: State,
        searched: Searched,
        queries: ResolvedQueries,
        request: SearchRequest,
        records: Records,
    ) -> list[Hits]:
        ranked = partial(rank, searched, queries, records)
        look = self._presence.look()
        rankings, sources, gone = self._ranked(
            searched.catalogue, state.stamp, queries, request, ranked, look
        )
        notes = (
            *trouble_notes(searched),
            *lacking_notes(searched),
            *left_out_notes(searched.catalogue, rankings, gone, request),
        )
        return answers(sources, queries, rankings, records, request, searched.say.weights, notes, look)

    def answer_words(self, request: SearchRequest) -> Hits:
        """Return the sources that match the request's words best."""
        if request.text is None:
            raise OptionError("there is nothing to search for; give a query, text, or both")
        if request.blend or request.max_distance is not None or request.chosen is not None:
            raise OptionError("blend, max_distance and features need a query to compare with; leave them out")
        if request.text_weight is not None or request.candidates != "tokens":
            raise OptionError("text_weight and candidates need a query to compare with; leave them out")
        return self._fresh(partial(self._answer_words, request))

    def _answer_words(self, request: SearchRequest) -> Hits:
        with self._one_state(self._complete) as (catalogue, state, indexes):
            nothing = ResolvedQueries.of([ResolvedQuery({}, {})], ())

            def answered(records: Records) -> Hits:
                ranked = partial(rank_by_words, records)
                look = self._presence.look()
                rankings, sources, gone = self._ranked(catalogue, state.stamp, nothing, request, ranked, look)
                notes = tuple(left_out_notes(catalogue, rankings, gone, request))
                return answers(sources, nothing, rankings, records, request, {}, notes, look)[0]

            return by_records(catalogue, indexes, request, answered, features=())

    def _complete(
        self, catalogue: Catalogue, state: State
    ) -> tuple[Catalogue, State, Mapping[str, IndexView]]:
        """Return an index of an engine that has every source, if there is one."""
        for name, feature in state.features.items():
            if (
                isinstance(place_of(feature.index), EngineIndexed)
                and catalogue.count(name) == catalogue.count()
            ):
                return catalogue, state, self._indexes.views(catalogue, state.stamp, {name: feature})
        return catalogue, state, {}

    def _ranked(
        self,
        catalogue: Catalogue,
        stamp: int,
        queries: ResolvedQueries,
        request: SearchRequest,
        ranked: Callable[[SearchRequest], Rankings],
        look: Look,
    ) -> tuple[Rankings, HitRows, int]:
        """Return what `ranked` gives for a request but for pictures whose files are gone, and how many these are.

        More is asked for until k are there, or no more are to be had.
        """
        asked = request
        while True:
            rankings = ranked(asked)
            sources = self._sources.rows(catalogue, stamp, numbers_of(queries, rankings))
            found = rankings.sources()
            gone = gone_of(sources, found - queries.parts, look)
            if not gone and not queries.parts & found:
                return rankings, sources, 0
            left_out = [*gone, *(queries.parts & found)]
            kept = rankings.leaving_out(np.array(left_out), request.k)
            if ((kept.counts() >= request.k) | (rankings.counts() < asked.k)).all():
                return kept, sources, len(gone)
            asked = replace(asked, k=2 * asked.k + len(left_out))

    def explain(self, query: Query, id_or_path: str, request: SearchRequest) -> Explanation:
        """Tell why a source is, or is not, among the hits of a query."""

        def explained() -> Explanation:
            with self._groups([query], request) as (_, (group,)):
                searched, asked = group.searched, group.queries

                def ranked(records: Records) -> tuple[Rankings, Blend | None]:
                    blend = blend_of(searched, asked, records, request)
                    return rank(searched, asked, records, request), blend

                rankings, blend = by_records(searched.catalogue, searched.indexes, request, ranked)
                return explanation(searched, asked, rankings, blend, id_or_path, request)

        return self._fresh(explained)

    @contextmanager
    def indexes(self) -> Iterator[tuple[Catalogue, Mapping[str, FeatureRecord], Mapping[str, IndexView]]]:
        """Give catalogue, features and the indexes of all features, as of one state while the body runs."""

        def wanted(
            catalogue: Catalogue, state: State
        ) -> tuple[Catalogue, Mapping[str, FeatureRecord], Mapping[str, IndexView]]:
            return catalogue, state.features, self._indexes.views(catalogue, state.stamp, state.features)

        with self._one_state(wanted) as found:
            yield found

    @contextmanager
    def _groups(
        self, queries: Sequence[Query] | npt.NDArray[Any], request: SearchRequest
    ) -> Iterator[tuple[State, list[Group]]]:
        """Give the queries in groups, which stay of one state of the collection while the body runs."""
        if isinstance(queries, np.ndarray):
            rows = queries

            def wanted(catalogue: Catalogue, state: State) -> tuple[State, list[Group]]:
                resolved = block(rows, chosen_features(state.features, request))
                names = _names_of(resolved, request)
                return state, [
                    Group(self._searched(catalogue, state, names, request), resolved, range(len(rows)))
                ]

        else:
            ready = [self._ready(query, request) for query in queries]

            def wanted(catalogue: Catalogue, state: State) -> tuple[State, list[Group]]:
                features = chosen_features(state.features, request)
                alike: dict[tuple[tuple[str, ...], int], list[tuple[int, ResolvedQuery]]] = {}
                for place, one in enumerate(ready):
                    query = self._resolved(one, catalogue, features, request)
                    names = _names_of(query, request)
                    alike.setdefault((names, place if query.parts else -1), []).append((place, query))
                return state, [
                    Group(
                        self._searched(catalogue, state, names, request),
                        ResolvedQueries.of([query for _, query in placed], names),
                        [place for place, _ in placed],
                    )
                    for (names, _), placed in alike.items()
                ]

        with self._one_state(wanted) as groups:
            yield groups

    @contextmanager
    def _one_state(self, wanted: Callable[[Catalogue, State], T]) -> Iterator[T]:
        """Give what `wanted` makes of one state, which is read while the body runs.

        Where another thread has brought an index up to a later state meanwhile, a later state is read; from then on
        no other thread touches the indexes until this one has them.
        """
        names: tuple[str, ...] = ()
        while True:
            with ExitStack() as stack:
                held = stack.enter_context(self._indexes.hold(names))
                catalogue = stack.enter_context(self._catalogue.snapshot())
                state = self._state_of(catalogue)
                try:
                    made = wanted(catalogue, state)
                except OvertakenError:
                    names = tuple(state.features)
                    continue
                held.close()
                yield made
                return

    def _state_of(self, catalogue: Catalogue) -> State:
        stamp, known = catalogue.stamp(), self._known
        if known is None or known.stamp != stamp:
            known = self._known = State(stamp, catalogue.features())
        return known

    def _ready(self, query: Query, request: SearchRequest) -> Ready:
        """Return a query with all done that may take long; what is stored unchanged need not be read again."""
        if isinstance(query, SourceQuery | VectorQuery):
            return query
        if isinstance(query, MixQuery):
            return ReadyMix(
                [(self._ready(one, request), weight) for one, weight in query.weighted_like],
                [(self._ready(one, request), weight) for one, weight in query.weighted_unlike],
            )
        with self._catalogue.snapshot() as catalogue:
            features = chosen_features(self._state_of(catalogue).features, request)
            own = None
            if isinstance(query, PictureQuery) and isinstance(query.picture, Path):
                own = stored_at(query.picture, catalogue)
                if own is not None and has_all(own, catalogue, features):
                    return SourceQuery(own, str(query.picture))
        return replace(from_outside(query, features, request, self._extractors), own=own)

    def _resolved(
        self,
        query: Ready,
        catalogue: Catalogue,
        features: Mapping[str, FeatureRecord],
        request: SearchRequest,
    ) -> ResolvedQuery:
        if isinstance(query, SourceQuery):
            return from_catalogue(query, catalogue, features, request)
        if isinstance(query, ReadyMix):
            return self._mixed(query, catalogue, features, request)
        if isinstance(query, VectorQuery):
            return from_outside(query, features, request, self._extractors)
        if query.own is None:
            return query
        return replace(query, number=catalogue.numbers([query.own]).get(query.own))

    def _mixed(
        self,
        mix: ReadyMix,
        catalogue: Catalogue,
        features: Mapping[str, FeatureRecord],
        request: SearchRequest,
    ) -> ResolvedQuery:
        parts = replace(request, chosen=None, weights=None)  # of what a mix has, those named are compared
        like, unlike = (
            [(self._resolved(one, catalogue, features, parts), weight) for one, weight in ready]
            for ready in (mix.like, mix.unlike)
        )
        return resolved_mix(like, unlike, features)

    def _searched(
        self, catalogue: Catalogue, state: State, names: tuple[str, ...], request: SearchRequest
    ) -> Searched:
        indexes = self._indexes.views(catalogue, state.stamp, {name: state.features[name] for name in names})
        for index in indexes.values() if request.strict else ():
            if index.trouble is not None:
                raise index.trouble
        if request.candidates == "knn":
            from lookalike.collection.engine_records import by_graph

            indexes = {name: by_graph(name, view) for name, view in indexes.items()}
        lacking, sample = self._lacking(catalogue, state, tuple(sorted(names)))
        return Searched(catalogue, indexes, self._say(catalogue, names, request), lacking, sample)

    def _say(self, catalogue: Catalogue, names: tuple[str, ...], request: SearchRequest) -> Say:
        if len(names) == 1:
            return Say.of_one(names[0])
        return Say.of(self.distributions(catalogue), names, request.weights)

    def distributions(self, catalogue: Catalogue) -> Distributions:
        """Return how the distances of all features are distributed in the state that a snapshot reads."""
        state = self._state_of(catalogue)
        if not state.distributions:  # two threads that measure at once get the same
            state.distributions.append(self._distributions.of(catalogue, state.features))
        return state.distributions[0]

    def _lacking(
        self, catalogue: Catalogue, state: State, names: tuple[str, ...]
    ) -> tuple[Mapping[str, int], Int64 | None]:
        if len(names) == 1:
            return {}, None
        if names not in state.lacking:
            counts = {name: count for name, count in catalogue.lacking_counts(names).items() if count}
            sample = None
            if counts:
                complete = catalogue.numbers_with(names)
                sample = complete[np.linspace(0, len(complete) - 1, min(SAMPLED, len(complete))).astype(int)]
            state.lacking[names] = counts, sample
        return state.lacking[names]


def _names_of(query: ResolvedQuery | ResolvedQueries, request: SearchRequest) -> tuple[str, ...]:
    """Return the features by which a query is compared. Raises UnknownFeatureError."""
    check_has_all(query.vectors, request)
    return tuple(query.vectors if request.chosen is None else request.chosen)
