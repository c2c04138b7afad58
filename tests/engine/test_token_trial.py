"""What tokens find of a sample is counted as an engine counts it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.clustered import rows_of
from tests.engine.true_sample import true_sample

from lookalike.engine import trial as trials
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Standing, Trial
from lookalike.hashing import Clusterings

PROBES = (1, 3, 5)


@pytest.fixture(scope="module")
def scheme() -> TokenScheme:
    family = Clusterings(tables=3, clusters=12, residuals=4).fit(rows_of(2000))
    return TokenScheme(family, "euclidean", ranks=2).spread_out(rows_of(2000))


def sums_of(scheme: TokenScheme, query: Any, rows: Any, probes: int) -> tuple[Any, int]:
    """Return the boosts of each row's tokens that are terms, added up, and how many there are."""
    (terms,) = scheme.query_terms(query[np.newaxis], probes)
    tokens = scheme.document_tokens(rows)
    shared = [[boost for name, boost in terms if name in row] for row in tokens]
    return np.array([sum(each) for each in shared], dtype=np.float32), sum(map(len, shared))


@pytest.mark.parametrize("places", [None, 1])
def test_unions_are_of_the_terms_and_tokens(
    scheme: TokenScheme, places: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if places is not None:
        monkeypatch.setattr(trials, "PLACES", places)
    rows, queries = rows_of(500), rows_of(20, seed=2)
    sample = true_sample(queries, rows)
    for probes, union in Trial(scheme, sample, 1000).unions(PROBES):
        entries = sharing = 0
        for query, asked in enumerate(queries):
            sums, shared = sums_of(scheme, asked, rows, probes)
            entries += shared
            sharing += int((sums > 0).sum())
            assert np.array_equal(union.found[query], sums[sample.nearest[query]] > 0)
        assert union.postings == pytest.approx(2 * entries / 20)
        assert union.sharing == pytest.approx(2 * sharing / 20)


@pytest.mark.parametrize("factors", [False, True])
def test_standings_are_those_of_the_terms_and_tokens(scheme: TokenScheme, factors: bool) -> None:
    rows, queries = rows_of(500), rows_of(20, seed=2)
    sample = true_sample(queries, rows)
    standing = dict(Trial(scheme, sample, 500).standings(5))[factors]
    own = scheme.documents(rows)[1]
    for query, asked in enumerate(queries):
        sums, _ = sums_of(scheme, asked, rows, 5)
        scores = sums * own if factors else sums
        for place, neighbour in enumerate(sample.nearest[query]):
            before = (scores > scores[neighbour]).sum() if scores[neighbour] else np.inf
            level = max(1, (scores == scores[neighbour]).sum()) if scores[neighbour] else 1
            if factors:  # a neighbour's own may differ in the last bit from that of the same row among others
                assert standing.before[query, place] == pytest.approx(before, abs=2)
            else:
                assert (standing.before[query, place], standing.level[query, place]) == (before, level)


def test_a_row_that_is_tried_stands_for_others(scheme: TokenScheme) -> None:
    sample = true_sample(rows_of(50, seed=2), rows_of(2000))
    [(_, whole)] = Trial(scheme, sample, 2000, 2000).unions((5,))
    [(_, part)] = Trial(scheme, sample, 20_000, 1000).unions((5,))
    assert np.array_equal(part.found, whole.found)
    assert part.sharing == pytest.approx(10 * whole.sharing, rel=0.05)


def test_the_chance_to_be_found_counts_those_that_share_a_score() -> None:
    standing = Standing(np.array([[0, 4, 5, np.inf]]), np.array([[1, 4, 1, 9]]))
    assert standing.found(1).tolist() == [[1, 0, 0, 0]]
    assert standing.found(5).tolist() == [[1, 0.25, 0, 0]]
    assert standing.found(np.inf).tolist() == [[1, 1, 1, 0]]
