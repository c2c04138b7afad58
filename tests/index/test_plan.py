"""Buckets or scan, and the limit, are decided once."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.index import Index
from lookalike.index.plan import SearchPlan

VECTORS = (
    np.random.default_rng(0).normal(size=(40, 12))[np.arange(4000) % 40] * 5
    + np.random.default_rng(1).normal(size=(4000, 12))
).astype(np.float32)


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.build(VECTORS, scan_below=1000)


def plan(index: Index, recall: float, shown: int | None = None) -> SearchPlan:
    view = index.view()
    return SearchPlan.of(view.snapshot.base.buckets, view.options, 10, recall, shown=shown)


@pytest.mark.parametrize(
    ("recall", "shown", "reason"),
    [
        (0.9, None, "1000 rows or more"),
        (1.0, None, "a recall of 1 is asked for"),
        (0.9, 999, "the filter leaves fewer than 1000 rows"),
        (0.9, 1000, "1000 rows or more"),
    ],
)
def test_the_plan_says_why(index: Index, recall: float, shown: int | None, reason: str) -> None:
    made = plan(index, recall, shown)
    assert reason in made.reason
    assert (made.chosen is None) == ("or more" not in made.reason)


def test_stats_and_explain_tell_of_the_plan(index: Index) -> None:
    made = plan(index, 0.95)
    stats = index.stats()
    assert made.chosen is not None
    assert (stats.path, stats.reason, stats.probes) == ("buckets", made.reason, made.chosen.probes)
    assert index.explain(VECTORS[0], 0).path == "buckets"


@pytest.mark.parametrize("family", [None, "hyperplane", "clusters"])
@pytest.mark.parametrize("allow", [None, np.arange(2000)])
def test_no_way_to_answer_goes_beyond_the_limit(family: str | None, allow: np.ndarray | None) -> None:
    made = Index.build(VECTORS[:2500], scan_below=1000, family=family)
    made.add([9000], VECTORS[2600:2601])
    ids, distances = made.search(VECTORS[:50] + 0.1, 20, max_distance=2.0, allow=allow)
    assert (distances[ids >= 0] <= 2.0).all()
    assert np.isinf(distances[ids < 0]).all()
    assert (ids < 0).any()
