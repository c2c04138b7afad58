"""Exact distances: the engine's own, which order candidates, and those of what it returns, which are shown.

An engine scores a vector by 1 / (1 + d^2), d being the Euclidean distance, in float32: OpenSearch's `knn_score` does,
and the script for Elasticsearch. Under cosine all vectors have length one, where d^2 is twice the distance. Scores only
decide which vectors are fetched: their distances are computed here, in float64, as every index of Lookalike does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Float64, Metric
from lookalike.engine.urls import Name
from lookalike.index.scan import DISTANCES

SLACK = 1e-5
"""Share by which an engine's score may be off: sums of up to 16,000 squares in float32."""


def script_query(
    engine: Name, field: str, query: Float32, filters: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the query that scores every document that has the vector and meets `filters`.

    Args:
        query: (d,), of length one under cosine.
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


def engine_scores(distances: Float32, metric: Metric) -> Float64:
    """Return the scores that an engine gives to vectors at these distances."""
    wide = distances.astype(np.float64)
    return 1 / (1 + (2 * wide if metric == "cosine" else wide**2))


def exact_distances(query: Float32, vectors: Float32, metric: Metric) -> Float32:
    """Return the distance of `query` (d,) to each of `vectors` (n, d), all of length one under cosine."""
    distances: Float32 = DISTANCES[metric](np.broadcast_to(query, vectors.shape), vectors).astype(np.float32)
    return distances


def is_settled(distances: Float32, k: int, last_score: float, metric: Metric) -> bool:
    """Whether what the engine left out cannot belong to the k nearest, equal ones of lower ids included.

    Args:
        distances: of what it returned, ascending, at least k.
        last_score: the least score among that.
    """
    kth = float(engine_scores(distances[k - 1 : k], metric)[0])
    return kth > last_score * (1 + SLACK)
