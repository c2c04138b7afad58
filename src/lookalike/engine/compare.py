"""What a search returned as neighbours: by the engine's scores where these tell enough, else by their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.engine.multi_search import RETURNED, Neighbours, returned, send_searches
from lookalike.engine.query import vectors_body
from lookalike.engine.rescore import doubtful, exact_distances, scored_distances
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


def compared(target: Target, query: Float32, answer: Mapping[str, Any], k: int, *, scored: bool) -> Compared:
    """Return the hits of an answer.

    Args:
        scored: whether the answer has scores by distance and no vectors; otherwise it has vectors.
        k: how many of them are wanted.
    """
    metric = target.header.metric
    ids, vectors, documents, scores = returned(answer, target.feature, vectors=not scored)
    if not ids:
        return Compared(Neighbours((), np.empty(0, dtype=np.float32), ()), 0.0)
    unclear: tuple[str, ...] = ()
    if scored:
        wide = np.array(scores)
        distances = scored_distances(wide, metric)
        unclear = tuple(ids[place] for place in doubtful(wide, k))
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
        ids, vectors, *_ = returned(answer, target.feature)
        exact: Mapping[str, float] = {}
        if ids:
            exact = dict(zip(ids, exact_distances(queries[i], vectors, target.header.metric), strict=True))
        gone = {*found[i].doubtful} - exact.keys()
        kept = neighbours[i].take([at for at, one in enumerate(neighbours[i].ids) if one not in gone])
        distances = [exact.get(one, distance) for one, distance in zip(kept.ids, kept.distances, strict=True)]
        neighbours[i] = replace(kept, distances=np.array(distances, dtype=np.float32)).by_distance()
    return neighbours
