"""What tokens find is counted as an engine counts it, and told by a sample as among all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.true_pairs import true_pairs

from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.hashing import Clusterings
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import near_pairs


def rows_of(count: int, seed: int = 1, dimension: int = 10) -> Any:
    random = np.random.default_rng(seed)
    centres = 2 * np.random.default_rng(9).standard_normal((30, dimension))
    return (centres[random.integers(0, 30, count)] + random.standard_normal((count, dimension))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def scheme() -> TokenScheme:
    family = Clusterings(tables=3, clusters=12, residuals=4).fit(rows_of(2000))
    return TokenScheme(family, "euclidean", ranks=2).spread_out(rows_of(2000))


@pytest.mark.parametrize("factors", [False, True])
@pytest.mark.parametrize("tables", [1, 3])
def test_standings_are_those_of_the_terms_and_tokens(scheme: TokenScheme, factors: bool, tables: int) -> None:
    rows, queries = rows_of(500), rows_of(20, seed=2)
    pairs = true_pairs(queries, rows)
    standing = next(
        standing
        for count, weighed, standing in Trial(scheme, rows, 500).standings(pairs, 5, (1, 3))
        if (count, weighed) == (tables, factors)
    )
    tokens, own = scheme.documents(rows)
    entries = sharing = 0
    for query, terms in enumerate(scheme.query_terms(queries, probes=5)):
        few = [(name, boost) for name, boost in terms if int(name.split("-")[0]) < tables]
        sums = np.array(
            [sum(boost for name, boost in few if name in row) for row in tokens], dtype=np.float32
        )
        scores = sums * own if factors else sums
        entries += sum(name in row for row in tokens for name, _ in few)
        for place in range(pairs.firsts[query], pairs.firsts[query + 1]):
            [neighbour] = np.flatnonzero((rows == pairs.neighbours[place]).all(axis=1))
            before = (scores > scores[neighbour]).sum() if scores[neighbour] else np.inf
            level = (scores == scores[neighbour]).sum()
            if factors:  # a neighbour's own may differ in the last bit from that of the same row among others
                assert standing.before[place] == pytest.approx(before, abs=2)
            else:
                assert (standing.before[place], standing.level[place]) == (before, level)
        sharing += (sums > 0).sum()
    assert standing.postings == pytest.approx(entries / 20)
    assert standing.sharing == pytest.approx(sharing / 20)


def standing_of(before: list[float], level: list[float], owners: list[int], wanted: list[int]) -> Standing:
    return Standing(np.array(before), np.array(level), np.array(owners), np.array(wanted), 0, 0)


def test_recall_counts_those_that_share_a_score_by_chance() -> None:
    standing = standing_of([0, 4, 5, np.inf], [1, 4, 1, 9], [0] * 4, [4])
    assert standing.recall(1) == 0.25
    assert standing.recall(5) == pytest.approx((1 + 1 / 4 + 0) / 4)
    assert standing.recall(100) == standing.recall(np.inf) == 0.75


def test_of_neighbours_that_are_equally_far_as_many_as_are_wanted_are_enough() -> None:
    standing = standing_of([0, 0, 9, np.inf, 0, 9], [1] * 6, [0, 0, 0, 0, 1, 1], [2, 2])
    assert standing.recall(1) == pytest.approx((1 + 1 / 2) / 2)
    assert standing.recall(10) == 1


def test_the_error_is_that_of_queries_which_differ() -> None:
    standing = standing_of([0, 0, 9, 9, 0, 9, 9, 0], [1] * 8, [0, 0, 1, 1, 2, 2, 3, 3], [2] * 4)
    assert standing.recall(1) == 0.5
    assert standing.error(1) == pytest.approx(np.std([1, 0, 0.5, 0.5]) / 2)
    assert standing.error(10) == 0


def test_a_sample_tells_the_recall_among_all_rows() -> None:
    rows, queries = rows_of(16_000, dimension=4), rows_of(200, seed=5, dimension=4)
    scheme = TokenScheme(Clusterings(tables=4, clusters=64, residuals=4).fit(rows[:4000]), "euclidean")
    [(_, _, measured)] = Trial(scheme, rows, 16_000).standings(true_pairs(queries, rows), 8, (4,))
    told = near_pairs(rows[:4000], Lift("euclidean", 0.0), 16_000, np.random.default_rng(1), 200)
    [(_, _, predicted)] = Trial(scheme, told.others, 16_000).standings(told, 8, (4,))
    for window in (50, 200, 800):
        assert predicted.recall(window) == pytest.approx(measured.recall(window), abs=0.05)
    assert predicted.postings == pytest.approx(measured.postings, rel=0.15)
