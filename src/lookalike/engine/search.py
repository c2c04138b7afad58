"""Searching: how candidates are found is planned, and what the engine returns is compared exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lookalike.arrays import Float32
from lookalike.engine.asked import Asked
from lookalike.engine.blending import BLEND_DEPTH, ByWords, by_words_within, fused, within
from lookalike.engine.compare import Compared, compared, resolved
from lookalike.engine.filters import Clause, filter_clauses, leaves, word_clauses
from lookalike.engine.hits import EngineHits
from lookalike.engine.mapping import filtered_field, vector_field
from lookalike.engine.multi_search import RETURNED, Neighbours, send_searches
from lookalike.engine.planning import MOST_UNION_TERMS, Plan, Planner
from lookalike.engine.query import (
    MOST_HITS,
    Body,
    count_body,
    facet_aggregations,
    facet_counts,
    graph_query,
    hits_body,
    rescored,
    token_query,
    union_filter,
)
from lookalike.engine.rescore import is_settled, script_query
from lookalike.engine.target import Target
from lookalike.engine.terms import Term, packed
from lookalike.errors import EngineError, MetadataError

_SHARED = "share a token with the query"
_FOUND = {"tokens": _SHARED, "union": _SHARED, "knn": "were found by the engine's graph"}

MOST_CLAUSES = 1000
"""Leaf clauses of a query; OpenSearch refuses more than 1,024."""
FEWEST_TERMS = 64
"""A query has room for so many, however many conditions and words there are."""
MARGIN = 2
"""Hits that are fetched beyond k, to see that none of them is as near as the k-th."""
QUERIES_TOGETHER = 256
"""Queries whose terms and hits are kept at a time."""


def clause_count(target: Target, clauses: Sequence[Clause]) -> int:
    """Return how many queries filters and words become. Raises EngineError for more than the engine takes."""
    count, most = sum(map(leaves, clauses)), MOST_CLAUSES - FEWEST_TERMS
    if count > most and target.engine.name == "opensearch":
        raise EngineError(
            f"{target.shown}: filters and words are {count} clauses (a date is two), and OpenSearch takes "
            f"no more than {most}; ask with fewer words, conditions or dates"
        )
    return count


class Search:
    """One batch of queries that ask for the same."""

    def __init__(self, target: Target, asked: Asked, also: Sequence[Clause] = ()) -> None:
        """Make the clauses. Raises MetadataError, OptionError.

        Args:
            also: filters beside those that are asked for.
        """
        self._target, self._asked = target, asked
        self._blended = asked.text is not None and asked.text_weight is not None
        try:
            self._words = [] if asked.text is None else word_clauses(asked.text, target.fields)
            narrowing = [] if self._blended else self._words
            self._filters: list[Clause] = [*also, *filter_clauses(asked.where, target.fields), *narrowing]
            self._facets = [filtered_field(target.fields, name) for name in asked.facets]
        except MetadataError as error:
            raise MetadataError(f"{target.shown}: {error}") from error
        self._clauses = clause_count(target, [*self._filters, *(self._words if self._blended else ())])
        self._k = min(MOST_HITS // 2, max(BLEND_DEPTH, 10 * asked.k)) if self._blended else asked.k
        self._planner = Planner(target, self._k, self._filters)

    def run(self, queries: Float32) -> list[EngineHits]:
        """Return what each of `queries` (q, d) finds, prepared as the index keeps vectors."""
        plan = self.plan()
        found: list[Neighbours] = []
        facets: tuple[dict[str, Any], list[str]] = ({}, [])
        for start in range(0, len(queries), QUERIES_TOGETHER):
            near, counted = self._nearest(queries[start : start + QUERIES_TOGETHER], plan, counted=not start)
            found, facets = found + near, facets if start else counted
        notes = [self._notes(neighbours, plan) for neighbours in found]
        counts, inexact = facets
        also = tuple(
            f"the counts of {name} are not exact: it has many values and the index several shards"
            for name in inexact
        )
        if self._blended:
            found, of_words = self._fused(queries, found)
            also = (*of_words, *also)
        answers = []
        for neighbours, told in zip(found, notes, strict=True):
            kept = within(neighbours, self._asked.max_distance)
            kept = kept.first(self._asked.k)
            answers.append(EngineHits(kept.ids, kept.distances, kept.documents, counts, (*told, *also)))
        return answers

    def plan(self) -> Plan:
        """Return how candidates are found, for which a filter is counted first. Raises OptionError."""
        return self._planner.plan(self._asked.way)

    def count(self) -> int:
        """Return how many documents have a vector and meet the filters."""
        return self._planner.matching()

    def bodies(self, queries: Float32, plan: Plan, *, counted: bool = True) -> list[Body]:
        """Return the first search for each query; that of the first counts the facets, too, if they are `counted`."""
        size = self._first_size(plan)
        return [
            self._body(query, terms, plan, size, counted=counted and i == 0)
            for i, (query, terms) in enumerate(zip(queries, self._terms(queries, plan), strict=True))
        ]

    def _nearest(
        self, queries: Float32, plan: Plan, *, counted: bool
    ) -> tuple[list[Neighbours], tuple[dict[str, Any], list[str]]]:
        """Return all that was compared for each query, nearest first, and the facets if they are to be counted."""
        target = self._target
        asked = dict.fromkeys(range(len(queries)), plan)
        bodies = dict(enumerate(self.bodies(queries, plan, counted=counted)))
        errors = target.header.form.errors(queries).tolist()
        seen: dict[int, Compared] = {}
        facets: tuple[dict[str, Any], list[str]] = ({}, [])
        while bodies:
            costs = (
                [self._cost(asked[i], body["size"]) for i, body in bodies.items()] if len(bodies) > 1 else ()
            )
            answers = send_searches(target.engine, target.index, list(bodies.values()), costs)
            again: dict[int, Body] = {}
            for (i, body), answer in zip(bodies.items(), answers, strict=True):
                if "aggs" in body:
                    facets = facet_counts(answer, self._facets)
                mine = asked[i]
                scored = self._is_scored(mine) and not self._asked.to_the_bit
                limit = self._asked.max_distance
                seen[i] = compared(
                    target, queries[i], answer, self._k, scored=scored, limit=limit, error=errors[i]
                )
                size = body["size"]
                if self._planner.may_probe_more(mine, answer):
                    asked[i] = self._planner.with_more_probes(mine)
                elif self._is_enough(seen[i], size, len(answer["hits"]["hits"]), mine, errors[i]):
                    continue
                else:
                    size = min(mine.window, 4 * size)
                (terms,) = self._terms(queries[i : i + 1], asked[i])
                again[i] = self._body(queries[i], terms, asked[i], size, counted=False)
            bodies = again
        found = dict(enumerate(resolved(target, queries, [seen[i] for i in range(len(queries))])))
        few = [i for i in found if len(found[i].ids) < self._k]
        if plan.way != "exact" and few and self._planner.may_lack(min(len(found[i].ids) for i in few)):
            exact, _ = self._nearest(queries[few], Plan("exact", 0, MOST_HITS), counted=False)
            found.update(zip(few, exact, strict=True))
        return [found[i] for i in range(len(queries))], facets

    def _cost(self, plan: Plan, size: int) -> float:
        """Return about how many numbers an engine compares for one search of `size` hits: see `send_searches`."""
        family, dimension = self._target.scheme.family, self._target.header.dimension
        rows = float(plan.window)
        if plan.way in ("exact", "union"):
            share = 1.0 if plan.way == "exact" else plan.probes * family.tables / family.centroids
            rows = self._planner.matching() * min(1.0, share)
        fetched = 0 if self._is_scored(plan) and not self._asked.to_the_bit else size
        return dimension * (rows + RETURNED * fetched)

    def _is_scored(self, plan: Plan) -> bool:
        """Whether scores are by exact distance."""
        return self._target.scripts and plan.way != "knn"

    def _is_enough(self, found: Compared, size: int, returned: int, plan: Plan, error: float) -> bool:
        """Whether nothing that the engine left out belongs to the k nearest."""
        if plan.way == "knn" or not self._target.scripts or returned < size or size >= plan.window:
            return True
        settled = len(found.neighbours.ids) >= self._k
        metric = self._target.header.metric
        return settled and is_settled(found.neighbours.distances, self._k, found.last, metric, error)

    def _terms(self, queries: Float32, plan: Plan) -> list[list[Term]]:
        """Return the terms of each query, as many as the engine takes."""
        if not plan.by_tokens:
            return [[] for _ in queries]
        room = max(FEWEST_TERMS, MOST_CLAUSES - self._clauses)
        scheme = self._target.scheme
        if plan.way == "union":  # of one clause, whatever the boosts
            return [
                [(tuple(tokens[:MOST_UNION_TERMS]), 1.0)]
                for tokens in scheme.query_tokens(queries, plan.probes)
            ]
        return [packed(terms, room) for terms in scheme.query_terms(queries, plan.probes)]

    def _first_size(self, plan: Plan) -> int:
        if plan.way == "knn":
            return plan.window
        if not self._target.scripts:
            return min(plan.window, max(self._planner.matching(), 1)) if plan.way == "exact" else plan.window
        return min(plan.window, self._k + MARGIN)

    def _body(self, query: Float32, terms: Sequence[Term], plan: Plan, size: int, *, counted: bool) -> Body:
        target = self._target
        name, feature = target.engine.name, target.feature
        vector = target.header.form.asked(query)
        body = hits_body(
            feature,
            size,
            documents=self._asked.documents,
            binary=target.header.form.binary,
            vectors=not self._is_scored(plan) or self._asked.to_the_bit,
        )
        if plan.way == "knn":
            body |= graph_query(name, feature, vector, plan.window, self._filters)
        elif self._is_scored(plan) and plan.way != "tokens":
            among = [union_filter(feature, terms)] if plan.way == "union" else []
            body["query"] = script_query(name, vector_field(feature), vector, [*among, *self._filters])
            if plan.wanted:
                body["track_total_hits"] = plan.wanted
        elif plan.way == "exact":
            body["query"] = count_body(self._filters, feature)["query"]
        else:
            if self._filters:
                body["track_total_hits"] = plan.wanted
            body["query"] = token_query(feature, terms, self._filters, factors=target.header.factors)
            if target.scripts:
                body = rescored(name, feature, body, vector, plan.window)
        if counted and self._facets:
            body["aggs"] = facet_aggregations(self._facets, self._filters)
        return body

    def _fused(
        self, queries: Float32, found: Sequence[Neighbours]
    ) -> tuple[list[Neighbours], tuple[str, ...]]:
        """Return what was found for each query fused with the ranking by words; and notes."""
        asked = self._asked
        words = ByWords(self._target, self._words, self._filters, documents=asked.documents)
        by_words_within(words, queries, asked.k, self._k, asked.max_distance)
        weight = asked.text_weight or 0.0
        return [
            fused(near.first(self._k), words.found(query), weight)
            for query, near in zip(queries, found, strict=True)
        ], words.notes

    def _notes(self, neighbours: Neighbours, plan: Plan) -> list[str]:
        if plan.way == "exact" or len(neighbours.ids) >= self._k or not self._planner.has_counted:
            return []
        if len(neighbours.ids) >= self._planner.matching():
            return []
        return [f"too few documents {_FOUND[plan.way]}, and there are too many to compare them all"]
