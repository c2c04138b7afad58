"""Exact distances: the engine's own, which order candidates, and those of what it returns, which are shown.

An engine scores a vector by 1 / (1 + d^2), d being the Euclidean distance, in float32: OpenSearch's `knn_score` does,
and the script for Elasticsearch. Under cosine all vectors have length one, where d^2 is twice the distance. To return a
vector costs an engine more than to compare a hundred, since it reads the whole document. So distances come from scores
where these tell them to about six digits, and their order surely; the vectors of other hits are fetched, and compared
here in float64, as every index of Lookalike does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Array, Float32, Metric
from lookalike.engine.urls import Name
from lookalike.index.scan import DISTANCES

SLACK = 1e-5
"""Share by which an engine's score may be off: sums of up to 16,000 squares in float32."""
LEAST_SQUARE = 0.01
"""Below this d^2 a score, which is close to 1 then, tells too few of a distance's digits."""
LEAST_SCORE = 1e-30
"""Nor does a score below this, which the engine keeps in fewer bits; a document without a vector has 0."""


def script_query(engine: Name, field: str, query: Array, filters: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the query that scores every document that has the vector and meets `filters`.

    Args:
        query: (d,), as `VectorForm.asked` makes it.
    """
    has_vector = {"exists": {"field": field}}
    inner = {"bool": {"filter": [has_vector, *filters]}} if filters else has_vector
    if engine == "opensearch":
        parameters = {"field": field, "query_value": query, "space_type": "l2"}
        script = {"lang": "knn", "source": "knn_score", "params": parameters}
    else:
        source = f"double x = l2norm(params.query, '{field}'); return 1 / (1 + x * x);"
        script = {"source": source, "params": {"query": query}}
    return {"script_score": {"query": inner, "script": script}}


def engine_score(distance: float, metric: Metric) -> float:
    """Return the score that an engine gives to a vector at this distance."""
    return 1 / (1 + (2 * distance if metric == "cosine" else distance * distance))


def scored_distances(scores: Sequence[float], metric: Metric) -> Float32:
    """Return the distances that scores tell, the reverse of `engine_score`."""
    squares = [_square(score) for score in scores]
    distances = [square / 2 if metric == "cosine" else math.sqrt(square) for square in squares]
    return np.array(distances, dtype=np.float32)


def doubtful(scores: Sequence[float], k: int) -> set[int]:
    """Return the places of hits whose vectors decide how far and which are the k nearest.

    Args:
        scores: of hits, from the largest to the least.
    """
    last = scores[min(k, len(scores)) - 1]
    unclear: set[int] = set()
    for place, score in enumerate(scores):
        if score * (1 + SLACK) < last:
            break
        if _square(score) < LEAST_SQUARE or score < LEAST_SCORE:
            unclear.add(place)
        if place and scores[place - 1] <= score * (1 + SLACK):
            unclear |= {place - 1, place}
    return unclear


def exact_distances(query: Float32, vectors: Float32, metric: Metric) -> Float32:
    """Return the distance of `query` (d,) to each of `vectors` (n, d), all of length one under cosine."""
    distances: Float32 = DISTANCES[metric](np.broadcast_to(query, vectors.shape), vectors).astype(np.float32)
    return distances


def is_settled(distances: Float32, k: int, last_score: float, metric: Metric, error: float = 0.0) -> bool:
    """Whether what the engine left out cannot belong to the k nearest, equal ones of lower ids included.

    Args:
        distances: of what it returned, ascending, at least k.
        last_score: the least score among that.
        error: by which each of these distances may be off, as may those of what was left out.
    """
    return engine_score(float(distances[k - 1]) + 2 * error, metric) > last_score * (1 + SLACK)


def _square(score: float) -> float:
    """Return the squared distance that a score tells."""
    return max(1 / max(score, LEAST_SCORE) - 1, 0.0)
