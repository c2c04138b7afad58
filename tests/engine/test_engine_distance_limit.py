"""A distance limit is decided by vectors where an engine's scores are too coarse to tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.museum import make_museum, vectors

from lookalike.arrays import Metric
from lookalike.engine import EngineIndex
from lookalike.engine.client import Engine
from lookalike.index import Index

K = 200
QUERY = vectors()[50] + np.float32(0.3)
WORDS = {"text": "number"}
"""All documents have it."""
WAYS: list[dict[str, Any]] = [
    {},
    {"where": {"year": (1900, None)}},
    {"candidates": "knn"},
    {**WORDS, "text_weight": 0.5},
    {**WORDS, "text_weight": 1},
]


def check(index: EngineIndex, metric: Metric, options: dict[str, Any]) -> None:
    allowed = {int(one[6:]) for one in index.search(QUERY, 600, **{**options, "text_weight": None}).ids}
    ids, distances = Index.build(vectors(), metric=metric).search(QUERY, 600)
    kept = np.array([d for one, d in zip(ids[0], distances[0], strict=True) if int(one) in allowed])[:K]
    for exact in kept[::20]:
        for limit in (exact, np.nextafter(exact, np.float32(0))):
            hits = index.search(QUERY, K, max_distance=float(limit), documents=False, **options)
            assert len(hits) == np.count_nonzero(kept <= limit)
            assert max(hits.distances, default=0) <= limit


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_limit_leaves_what_exact_search_leaves(museum: EngineIndex, options: dict[str, Any]) -> None:
    check(museum, "euclidean", options)


def test_so_it_is_under_cosine(engine: Engine, index_name: str) -> None:
    check(make_museum(engine, index_name, "cosine"), "cosine", {})


@pytest.mark.parametrize("limit", [1e300, float("inf")])
def test_a_limit_may_be_of_any_size(museum: EngineIndex, limit: float) -> None:
    assert len(museum.search(QUERY, 5, max_distance=limit)) == 5
