"""A sample tells the recall among all rows, how sure it is, and allows for rows that were learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.engine.true_sample import true_sample

from lookalike.engine.sample import QUERIES, Sample
from lookalike.engine.tokens import TokenScheme
from lookalike.engine.trial import Trial
from lookalike.hashing import Clusterings


def rows_of(count: int, seed: int = 1, dimension: int = 8) -> Any:
    random = np.random.default_rng(seed)
    centres = 2 * np.random.default_rng(9).standard_normal((30, dimension))
    return (centres[random.integers(0, 30, count)] + random.standard_normal((count, dimension))).astype(
        np.float32
    )


def sample_of(learned: int, rows: int = 1000, queries: int = 400) -> Sample:
    """Return a sample whose nearest rows were learned from in proportion."""
    nearest = np.random.default_rng(4).integers(0, rows, (queries, 10))
    return Sample(rows_of(queries), rows_of(rows), learned, nearest)


@pytest.mark.parametrize("clusters", [64, 256])
def test_a_sample_tells_the_recall_among_all_rows(clusters: int) -> None:
    rows, queries = rows_of(20_000), rows_of(300, seed=5)
    told = Sample.of(rows[:2500], "euclidean", 99_999, 0)
    scheme = TokenScheme(Clusterings(tables=1, clusters=clusters).fit(told.rows[: told.learned]), "euclidean")
    measured = {
        probes: union.found.mean()
        for probes, union in Trial(scheme, true_sample(queries, rows), 20_000).unions((2, 4, 8))
    }
    for probes, union in Trial(scheme, told, 20_000).unions((2, 4, 8)):
        recall, error = told.recall(union.found, 20_000)
        assert recall == pytest.approx(measured[probes], abs=2 * error + 0.02)
        assert error < 0.03


def test_of_a_sample_that_is_all_rows_the_recall_is_the_share_that_is_found() -> None:
    sample = sample_of(0)
    found = (np.random.default_rng(5).random((400, 10)) < 0.9 - 0.02 * np.arange(10)).astype(float)
    assert sample.recall(found, 1000)[0] == pytest.approx(found.mean(), abs=0.002)


def test_rows_that_were_learned_from_are_allowed_for() -> None:
    sample = sample_of(500)
    known = sample.nearest < 500
    found = (np.random.default_rng(5).random((400, 10)) < np.where(known, 0.95, 0.85)).astype(float)
    held, learned = found[~known].mean(), found[known].mean()
    assert sample.recall(found, 1000)[0] == pytest.approx((held + learned) / 2, abs=0.005)
    assert sample.recall(found, 1_000_000)[0] < held + 0.03


def test_nearer_neighbours_are_found_more_often() -> None:
    sample = sample_of(0)
    chances = 1 / (1 + np.exp(np.log(np.arange(10) + 0.5) - 2))
    found = (np.random.default_rng(5).random((400, 10)) < chances).astype(float)
    recalls = [sample.recall(found, rows)[0] for rows in (1000, 3000, 10_000)]
    true = [
        (1 / (1 + np.exp(np.log((np.arange(10) + 0.5) * 1000 / rows) - 2))).mean() for rows in (1000, 10_000)
    ]
    assert recalls == sorted(recalls)
    assert recalls[0] == pytest.approx(true[0], abs=0.02)
    assert recalls[2] == pytest.approx(true[1], abs=0.03)


def test_the_error_is_that_of_queries_which_differ() -> None:
    sample = sample_of(0)
    random = np.random.default_rng(5)
    alike = (random.random((400, 10)) < 0.9).astype(float)
    apart = np.repeat((random.random((400, 1)) < 0.9).astype(float), 10, axis=1)
    assert sample.recall(alike, 1000)[1] == pytest.approx(alike.mean(axis=1).std() / 20, rel=0.2)
    assert sample.recall(apart, 1000)[1] == pytest.approx(apart.mean(axis=1).std() / 20, rel=0.2)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_nothing_is_told_as_such(share: float) -> None:
    recall, error = sample_of(300).recall(np.full((400, 10), share), 50_000)
    assert recall == pytest.approx(share, abs=0.002)
    assert error < 0.002


def test_queries_are_no_rows_and_all_other_rows_are_there() -> None:
    given = rows_of(4000)
    sample = Sample.of(given, "euclidean", 1000, 0)
    assert len(sample.queries) == QUERIES
    assert sample.learned == 1000
    both = np.concatenate([sample.queries, sample.rows])
    assert np.array_equal(np.unique(both, axis=0), np.unique(given, axis=0))
    again = true_sample(sample.queries, sample.rows)
    assert np.array_equal(sample.nearest, again.nearest)


def test_of_a_small_sample_every_fourth_row_is_a_query() -> None:
    sample = Sample.of(rows_of(100), "cosine", 1000, 0)
    assert (len(sample.queries), len(sample.rows), sample.learned) == (25, 75, 50)
    assert np.linalg.norm(sample.rows, axis=1) == pytest.approx(1, abs=1e-5)
