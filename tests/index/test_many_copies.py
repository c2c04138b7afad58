"""Most rows are copies of one, as a shop's "no picture yet"; whoever asks for another still finds its neighbours."""

import numpy as np
import pytest

from lookalike import Index
from lookalike.index.drawn_queries import drawn_queries

FAMILIES = (None, "hyperplane", "p-stable", "cross-polytope", "clusters")


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_hide_nobody(family: str | None) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(2_000, 16)).astype(np.float32)
    rows[100:] = rows[100]
    rows = rows[random.permutation(len(rows))]
    others = np.flatnonzero((rows != np.median(rows, axis=0)).any(axis=1))
    index = Index.build(rows, family=family, recall=0.9, scan_below=0)
    _, found = index.search(rows[others], 10)
    exact = np.sqrt(np.sort(((rows[others, np.newaxis] - rows) ** 2).sum(axis=2), axis=1)[:, :10])
    assert (found[:, 0] < 1e-3).mean() == 1
    assert (found <= exact[:, -1:] + 1e-4).mean() >= 0.88


@pytest.mark.parametrize("copies", [0, 300, 999, 1_000])
def test_no_two_drawn_queries_are_equal(copies: int) -> None:
    rows = np.arange(1_000, dtype=np.float32)[:, np.newaxis].repeat(3, axis=1)
    rows[:copies] = -1
    drawn = drawn_queries(rows, 64, np.random.default_rng(0))
    assert len(np.unique(rows[drawn], axis=0)) == len(drawn) == len(np.unique(drawn))
    assert len(drawn) == min(64, len(np.unique(rows, axis=0)))
    assert (np.diff(drawn) > 0).all()
