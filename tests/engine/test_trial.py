"""What tokens find is counted as an engine counts it, and told by a sample as among all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.engine.near_pairs import NearPairs, near_pairs
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.hashing import Clusterings


def rows_of(count: int, seed: int = 1, dimension: int = 10) -> Any:
    random = np.random.default_rng(seed)
    centres = 2 * np.random.default_rng(9).standard_normal((30, dimension))
    return (centres[random.integers(0, 30, count)] + random.standard_normal((count, dimension))).astype(
        np.float32
    )


def truth(queries: Any, rows: Any, k: int = 10) -> Any:
    distances = np.linalg.norm(queries[:, np.newaxis] - rows, axis=2)
    return np.argsort(distances, axis=1)[:, :k], np.sort(distances, axis=1)[:, :k]


@pytest.fixture(scope="module")
def scheme() -> TokenScheme:
    family = Clusterings(tables=3, clusters=12, residuals=4).fit(rows_of(2000))
    return TokenScheme(family, "euclidean", ranks=2).spread_out(rows_of(2000))


@pytest.mark.parametrize("factors", [False, True])
@pytest.mark.parametrize("tables", [1, 3])
def test_standings_are_those_of_the_terms_and_tokens(scheme: TokenScheme, factors: bool, tables: int) -> None:
    rows, queries = rows_of(500), rows_of(20, seed=2)
    nearest, _ = truth(queries, rows)
    pairs = NearPairs(queries, rows[nearest])
    standing = next(
        standing
        for count, weighed, standing in Trial(scheme, rows, 500).standings(pairs, 5, (1, 3))
        if (count, weighed) == (tables, factors)
    )
    tokens, own = scheme.documents(rows)
    entries = 0
    for query, terms in enumerate(scheme.query_terms(queries, probes=5)):
        few = [(name, boost) for name, boost in terms if int(name.split("-")[0]) < tables]
        sums = np.array(
            [sum(boost for name, boost in few if name in row) for row in tokens], dtype=np.float32
        )
        scores = sums * own if factors else sums
        entries += sum(name in row for row in tokens for name, _ in few)
        for place, neighbour in enumerate(nearest[query]):
            before = (scores > scores[neighbour]).sum() if scores[neighbour] else np.inf
            level = (scores == scores[neighbour]).sum()
            if factors:  # a neighbour's own may differ in the last bit from that of the same row among others
                assert standing.before[query, place] == pytest.approx(before, abs=2)
            else:
                assert (standing.before[query, place], standing.level[query, place]) == (before, level)
    assert standing.postings == pytest.approx(entries / 20)


def test_recall_counts_those_that_share_a_score_by_chance() -> None:
    standing = Standing(np.array([[0.0, 4.0, 5.0, np.inf]]), np.array([[1.0, 4.0, 1.0, 9.0]]), 0)
    assert standing.recall(1) == 0.25
    assert standing.recall(5) == pytest.approx((1 + 1 / 4 + 0) / 4)
    assert standing.recall(100) == 0.75


def test_the_error_is_that_of_queries_which_differ() -> None:
    before = np.array([[0.0, 0.0], [9.0, 9.0], [0.0, 9.0], [9.0, 0.0]])
    standing = Standing(before, np.ones((4, 2)), 0)
    assert standing.recall(1) == 0.5
    assert standing.error(1) == pytest.approx(np.std([1, 0, 0.5, 0.5]) / 2)
    assert standing.error(10) == 0


def test_where_the_sample_is_all_rows_neighbours_are_its_own() -> None:
    rows, queries = rows_of(300), rows_of(40, seed=2)
    nearest, _ = truth(queries, rows, 5)
    assert np.allclose(near_pairs(queries, rows, 5, 300).neighbours, rows[nearest], atol=1e-5)


def test_neighbours_of_a_sample_are_moved_to_where_those_of_all_rows_are() -> None:
    rows, queries = rows_of(16_000, dimension=4), rows_of(100, seed=2, dimension=4)
    pairs = near_pairs(queries, rows[:1000], 10, len(rows))
    told = np.linalg.norm(pairs.neighbours - queries[:, np.newaxis], axis=2)
    true, untouched = (truth(queries, some)[1].mean() for some in (rows, rows[:1000]))
    assert told.mean() == pytest.approx(true, rel=0.1)
    assert untouched > 1.5 * true


def test_equal_rows_have_near_pairs_without_end_or_error() -> None:
    rows = np.ones((50, 4), dtype=np.float32)
    pairs = near_pairs(rows[:5], rows, 10, 5000)
    assert np.array_equal(pairs.neighbours, np.ones((5, 10, 4)))


def test_a_sample_tells_the_recall_among_all_rows() -> None:
    rows, queries = rows_of(16_000, dimension=4), rows_of(200, seed=5, dimension=4)
    scheme = TokenScheme(Clusterings(tables=4, clusters=64, residuals=4).fit(rows[:4000]), "euclidean")
    nearest, _ = truth(queries, rows)
    [(_, _, measured)] = Trial(scheme, rows, 16_000).standings(NearPairs(queries, rows[nearest]), 8, (4,))
    told = near_pairs(queries, rows[:4000], 10, 16_000)
    [(_, _, predicted)] = Trial(scheme, rows[:4000], 16_000).standings(told, 8, (4,))
    for window in (50, 200, 800):
        assert predicted.recall(window) == pytest.approx(measured.recall(window), abs=0.05)
    assert predicted.postings == pytest.approx(measured.postings, rel=0.15)
