"""A chain of criteria: each further one is a search among the hits of the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lookalike.arguments import as_count, shown
from lookalike.collection.filters import Filters
from lookalike.collection.hits import Hits
from lookalike.collection.late_recall import LateRecall
from lookalike.collection.query import Asked, VectorQuery
from lookalike.collection.request import Compared, SearchRequest
from lookalike.errors import OptionError

MOST_AMONG = 10_000
"""Hits that one more criterion may be asked of."""


@dataclass(frozen=True, slots=True, eq=False)
class Then:
    """One more criterion of a search: what is nearest by this, among the nearest by what comes before.

    "This face, then by colour" is `search("face.jpg", features=["face"], then=Then(features=["cedd"]))`.

    Attributes:
        query: what hits are to look like; None for the query of the criterion before.
        features: as in `Collection.search`, as are those below.
        among: how many of the hits before are searched.
    """

    query: Asked | str | None = None
    features: Compared | None = None
    text: str | None = None
    where: Filters = None
    blend: bool | float = False
    text_weight: float | None = None
    max_distance: float | None = None
    among: int = 100

    def request(self, k: int, first: SearchRequest, ids: Sequence[str]) -> SearchRequest:
        """Return the request for k of the sources `ids`. Raises OptionError, MetadataError."""
        checked = SearchRequest.of(
            k=k,
            text=self.text,
            where=self.where,
            features=self.features,
            blend=self.blend,
            text_weight=self.text_weight,
            max_distance=self.max_distance,
            max_pixels=first.max_pixels,
            strict=first.strict,
        )
        return replace(checked, among=tuple(ids))


Chain = Then | Sequence[Then]
"""One further criterion, or several in their order."""


def answer_chain(
    query: Any,
    request: SearchRequest,
    then: Chain,
    *,
    typed: Callable[[Any], Any],
    answer: Callable[[Any, SearchRequest], Hits],
) -> Hits:
    """Return the k best by the last criterion, with their distances by all; each is answered from a state of its own.

    Args:
        query: of the first criterion, already typed; None for words alone.
        typed: makes a query of what a criterion has.
        answer: answers a typed query.

    Raises:
        OptionError: `then` is no chain, or one of its criteria makes no sense. All are checked before the first search.
    """
    steps = _checked(then)
    queries, requests = [query], [replace(request, k=steps[0].among)]
    for step, k in zip(steps, (*(one.among for one in steps[1:]), request.k), strict=True):
        queries.append(queries[-1] if step.query is None else typed(step.query))
        requests.append(step.request(k, request, ()))
    hits = answer(_compared(query, request), requests[0])
    told: list[Mapping[str, Any]] = []
    for step, asked, wanted in zip(steps, queries[1:], requests[1:], strict=True):
        found = answer(_compared(asked, wanted), replace(wanted, among=tuple(hit.id for hit in hits)))
        told.append({**found.query, "among": step.among})
        hits = _joined(hits, found)
    return replace(hits, query={**hits.query, "k": request.k, "then": told})


def _compared(query: Any, request: SearchRequest) -> Any:
    """Return a query with those of its vectors that one criterion compares; the others are for other ones."""
    if not isinstance(query, VectorQuery) or not isinstance(query.vectors, Mapping) or request.chosen is None:
        return query
    chosen = {name: vector for name, vector in query.vectors.items() if name in request.chosen}
    return VectorQuery(chosen) if chosen else query


def _joined(before: Hits, found: Hits) -> Hits:
    """Return the hits that were found among those before, with what both tell of them."""
    known = {hit.id: hit for hit in before}
    joined = [
        replace(
            hit,
            features={**known[hit.id].features, **hit.features},
            text_score=known[hit.id].text_score if hit.text_score is None else hit.text_score,
        )
        for hit in found
    ]
    notes = tuple(dict.fromkeys((*before.notes, *found.notes)))
    itself = before.itself if found.itself is None else found.itself
    recalls = [one for one in (before.estimated_recall, found.estimated_recall) if one is not None]
    recall = LateRecall.known(min(recalls) if len(recalls) == 2 else None)
    return replace(before, hits=tuple(joined), itself=itself, notes=notes, recall=recall)


def _checked(then: Any) -> list[Then]:
    steps = [then] if isinstance(then, Then) else then
    if isinstance(steps, str | bytes | Mapping) or not isinstance(steps, Iterable):
        raise OptionError(f"then is {shown(then)}; give a Then, or several in a list")
    listed = list(steps)
    if not listed or not all(isinstance(step, Then) for step in listed):
        raise OptionError(f"then is {shown(then)}; give a Then, or several in a list")
    for step in listed:
        as_count(step.among, "among", least=1, most=MOST_AMONG)
    return listed
