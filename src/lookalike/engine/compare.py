"""What a search returned as neighbours: by the engine's scores where these tell enough, else by their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Metric
from lookalike.engine.multi_search import RETURNED, Neighbours, returned, send_searches
from lookalike.engine.query import vectors_body
from lookalike.engine.rescore import SLACK, doubtful, engine_score, exact_distances, scored_distances
from lookalike.engine.target import Target


@dataclass(frozen=True, slots=True)
class Compared:
    """Hits of one query."""

    neighbours: Neighbours
    """Nearest first."""
    last: float
    """The least of their scores."""
    doubtful: tuple[str, ...] = ()
    """Ids of those whose vectors are yet to be compared."""


def compared(
    target: Target,
    query: Float32,
    answer: Mapping[str, Any],
    k: int,
    *,
    scored: bool,
    limit: float | None = None,
    error: float = 0.0,
) -> Compared:
    """Return the hits of an answer.

    Args:
        limit: a distance; who is about so far away is in doubt, as scores do not tell whether it is farther.
        scored: whether the answer has scores by distance and no vectors; otherwise it has vectors.
        k: how many of them are wanted.
        error: how far the query may be from what the engine compared, whose scores tell no distance then.
    """
    metric = target.header.metric
    ids, vectors, documents, scores = returned(answer, target.feature, target.header.form, vectors=not scored)
    if not ids:
        return Compared(Neighbours((), np.empty(0, dtype=np.float32), ()), 0.0)
    unclear: tuple[str, ...] = ()
    if scored:
        distances = scored_distances(scores, metric)
        places = set(range(len(ids))) if error else doubtful(scores, k)
        if limit is not None:
            places |= _about(scores[:k], limit, metric)
        unclear = tuple(ids[place] for place in sorted(places))
    else:
        distances = exact_distances(query, vectors, metric)
    found = Neighbours(tuple(ids), distances, tuple(documents)).by_distance()
    return Compared(found, min(scores), unclear)


def resolved(target: Target, queries: Float32, found: Sequence[Compared]) -> list[Neighbours]:
    """Return the neighbours of each query (q, d), those that were in doubt by their vectors, asked for together."""
    unclear = [i for i, one in enumerate(found) if one.doubtful]
    bodies = [vectors_body(target.feature, found[i].doubtful) for i in unclear]
    costs = [float(RETURNED * target.header.dimension * len(found[i].doubtful)) for i in unclear]
    neighbours = [one.neighbours for one in found]
    answers = send_searches(target.engine, target.index, bodies, costs)
    for i, answer in zip(unclear, answers, strict=True):
        ids, vectors, *_ = returned(answer, target.feature, target.header.form)
        exact: Mapping[str, float] = {}
        if ids:
            exact = dict(zip(ids, exact_distances(queries[i], vectors, target.header.metric), strict=True))
        gone = {*found[i].doubtful} - exact.keys()
        kept = neighbours[i].take([at for at, one in enumerate(neighbours[i].ids) if one not in gone])
        distances = [exact.get(one, distance) for one, distance in zip(kept.ids, kept.distances, strict=True)]
        neighbours[i] = replace(kept, distances=np.array(distances, dtype=np.float32)).by_distance()
    return neighbours


def _about(scores: Sequence[float], limit: float, metric: Metric) -> set[int]:
    """Return the places of scores that may be of distances on either side of `limit`."""
    score = engine_score(max(limit, 0.0), metric)
    return {place for place, one in enumerate(scores) if abs(one - score) <= SLACK * score}
