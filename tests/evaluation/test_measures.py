"""Measures against plain ones, written as the definitions read, and against scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.measures import Figure, average_precision, ndcg, precision, recall

grades_of_one = st.lists(st.sampled_from([0.0, 0.0, 1.0, 0.5, 2.0, 3.0]), min_size=1, max_size=30)


def plain_average_precision(ranking: Sequence[float], relevant: int) -> float:
    """Return the mean of the precisions at the places of relevant sources, as Manning et al. write it."""
    total = 0.0
    for place, grade in enumerate(ranking, 1):
        if grade > 0:
            total += sum(one > 0 for one in ranking[:place]) / place
    return total / relevant


@given(grades_of_one, st.integers(1, 40), st.integers(0, 5))
def test_measures_are_what_their_definitions_say(ranking: list[float], k: int, missed: int) -> None:
    found = sum(grade > 0 for grade in ranking)
    relevant = max(1, found + missed)
    grades, counts = np.array([ranking], dtype=np.float32), np.array([relevant])
    right = sum(grade > 0 for grade in ranking[:k])
    assert precision(grades, k)[0] == right / k
    assert recall(grades, counts, k)[0] == right / relevant
    assert average_precision(grades, counts)[0] == pytest.approx(plain_average_precision(ranking, relevant))


@given(grades_of_one.filter(any), st.integers(1, 40))
def test_ndcg_is_what_its_definition_says(ranking: list[float], k: int) -> None:
    def gain(grades: Sequence[float]) -> float:
        return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades[:k], 1))

    best = sorted(ranking, reverse=True)
    told = ndcg(np.array([ranking], dtype=np.float32), np.array([best], dtype=np.float32), k)
    assert told[0] == pytest.approx(gain(ranking) / gain(best))


@pytest.mark.parametrize("seed", range(5))
def test_measures_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    grades = random.integers(0, 4, size=(1, 50)).astype(np.float32)
    nearness = -np.arange(50)[np.newaxis]
    ideal = np.sort(grades)[:, ::-1]
    relevant = np.count_nonzero(grades > 0, axis=1)
    expected = metrics.average_precision_score(grades[0] > 0, nearness[0])
    assert average_precision(grades, relevant)[0] == pytest.approx(expected)
    assert ndcg(grades, ideal, 10)[0] == pytest.approx(metrics.ndcg_score(grades, nearness, k=10))


def test_a_figure_is_a_mean_with_its_standard_error() -> None:
    values = np.array([1.0, 0.0, 0.5, 0.5])
    figure = Figure.of(values)
    assert figure.mean == 0.5
    assert figure.error == pytest.approx(values.std(ddof=1) / 2)
    assert Figure.of(np.array([0.25])) == Figure(0.25, 0.0)


def test_a_difference_within_two_standard_errors_is_noise() -> None:
    assert Figure(-0.019, 0.01).is_noise
    assert Figure(0.0, 0.0).is_noise
    assert not Figure(0.021, 0.01).is_noise
