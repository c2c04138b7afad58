"""Searches sent together, and what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.engine.client import Engine, as_bytes, path_of
from lookalike.engine.mapping import OBJECT, vector_field
from lookalike.engine.vector_form import VectorForm
from lookalike.errors import EngineUnavailableError

SENT_TOGETHER = 64
"""Searches of one request, and less where they are dear: a request has one timeout, however many searches it has."""
COMPARED_TOGETHER = 200_000_000
"""Numbers that an engine compares for one request. OpenSearch 3.5 compares 400 a microsecond, Elasticsearch fewer."""
SENT_BYTES = 16 << 20
"""Of one request's JSON; engines take 100 MB."""
RETURNED = 100
"""To return a number costs an engine about as much as to compare so many."""
WORDS = {"search_type": "dfs_query_then_fetch"}
"""Parameters of a search whose scores are BM25's: by default each shard counts words by itself, so that the scores of
the same text differ with the shard. Engines leave the count out where there is one shard."""
WHOLE = {"allow_partial_search_results": "false"}
"""An answer that lacks a shard is none."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Documents that a search returned, in its order."""

    ids: tuple[str, ...]
    distances: Float32
    documents: tuple[Mapping[str, Any], ...]

    def take(self, order: Sequence[int]) -> Neighbours:
        """Return the documents at these places."""
        return Neighbours(
            tuple(self.ids[i] for i in order),
            self.distances[np.asarray(order, dtype=np.int64)],
            tuple(self.documents[i] for i in order),
        )

    def first(self, count: int) -> Neighbours:
        """Return the first `count`, or all where there are fewer."""
        if len(self.ids) <= count:
            return self
        return Neighbours(self.ids[:count], self.distances[:count], self.documents[:count])

    def by_distance(self) -> Neighbours:
        """Return them nearest first, equal ones by id."""
        distances = self.distances.tolist()
        order = sorted(range(len(self.ids)), key=lambda i: (distances[i], self.ids[i]))
        return self if order == list(range(len(order))) else self.take(order)


def search_request(index: str, bodies: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, str], Any]:
    """Return path, parameters and body of the request that sends these searches."""
    if len(bodies) == 1:
        return path_of(index, "_search"), dict(WHOLE), bodies[0]
    lines = [line for body in bodies for line in ({"allow_partial_search_results": False}, body)]
    return path_of(index, "_msearch"), {}, lines


def send_searches(
    engine: Engine, index: str, bodies: Sequence[Mapping[str, Any]], costs: Sequence[float] = ()
) -> list[Any]:
    """Return the answer to each search, as many of which are sent together as one timeout is surely enough for.

    Args:
        engine: where `index` is.
        index: its name.
        bodies: of the searches.
        costs: numbers that the engine compares for each, and `RETURNED` times those that it returns; nothing for
            searches that are cheap.

    Raises:
        EngineUnavailableError: a shard cannot be reached, or the engine.
        EngineError: the engine refuses one of them.
    """
    answers: list[Any] = []
    for some in _together(bodies, costs or [0.0] * len(bodies)):
        path, params, body = search_request(index, some)
        answer = engine.call("POST", path, body, params=params, parts="" if len(some) == 1 else "responses")
        answers += [answer] if len(some) == 1 else answer["responses"]
    for answer in answers:
        _check(engine, index, answer)
    return answers


def search_words(engine: Engine, index: str, body: Mapping[str, Any]) -> Any:
    """Return the answer to one search whose hits are scored by words. Errors: `send_searches`."""
    answer = engine.call("POST", path_of(index, "_search"), body, params={**WHOLE, **WORDS})
    _check(engine, index, answer)
    return answer


def _check(engine: Engine, index: str, answer: Mapping[str, Any]) -> None:
    """Raise the error that an answer is."""
    if "error" in answer:
        raise engine.refusal(int(answer.get("status", 500)), answer, index)
    if answer.get("timed_out") or answer["_shards"]["failed"]:
        raise EngineUnavailableError(
            f"{engine.shown}, index {index!r}: some of its shards did not answer; "
            "see that all its nodes run and are not overloaded, then try again"
        )


def _together(
    bodies: Sequence[Mapping[str, Any]], costs: Sequence[float]
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the searches of each request."""
    some: list[Mapping[str, Any]] = []
    cost, size = 0.0, 0
    for body, its_cost in zip(bodies, costs, strict=True):
        its_size = len(as_bytes(body)) if len(bodies) > 1 else 0
        dear = cost + its_cost > COMPARED_TOGETHER or size + its_size > SENT_BYTES
        if some and (dear or len(some) == SENT_TOGETHER):
            yield some
            some, cost, size = [], 0.0, 0
        some.append(body)
        cost, size = cost + its_cost, size + its_size
    if some:
        yield some


def returned(
    answer: Mapping[str, Any], feature: str, form: VectorForm, *, vectors: bool = True
) -> tuple[list[str], Float32, list[Mapping[str, Any]], list[float]]:
    """Return ids, vectors (n, d), documents and scores of an answer's hits that have a vector.

    Args:
        vectors: whether they were asked for; otherwise all hits are returned, and no vectors.
    """
    ids: list[str] = []
    found: list[Float32] = []
    documents: list[Mapping[str, Any]] = []
    scores: list[float] = []
    field = vector_field(feature)
    for hit in answer["hits"]["hits"]:
        document = dict(hit.get("_source") or {})
        added = document.pop(OBJECT, None) or {}
        kept = hit.get("fields", {}).get(field) or added.get(feature, {}).get("vector")
        if kept is not None:
            found.append(form.read(kept))
        elif vectors:
            continue
        ids.append(hit["_id"])
        documents.append(document)
        scores.append(hit["_score"] or 0.0)
    return ids, np.array(found, dtype=np.float32), documents, scores
