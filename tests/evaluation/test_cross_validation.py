"""Weights by cross-validation: they are found, and never do worse than the best feature alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.arrays import Float64
from lookalike.evaluation.cross_validation import folds_of, propose, simplex


def peaked(best: tuple[float, ...], queries: int, noise: float, seed: int = 0):  # type: ignore[no-untyped-def]
    """Return a measure that is highest at some weights, with noise of its own for each query."""
    random = np.random.default_rng(seed)
    own = random.normal(size=queries)

    def measure(weights: tuple[float, ...]) -> Float64:
        distance = sum((one - other) ** 2 for one, other in zip(weights, best, strict=True))
        jitter = np.random.default_rng(abs(hash(weights)) % 2**32).normal(size=queries)
        values: Float64 = 0.5 - distance + 0.1 * own + noise * jitter
        return values

    return measure


@pytest.mark.parametrize(
    "best", [(0.3, 0.7), (0.2, 0.5, 0.3), (0.4, 0.1, 0.2, 0.3), (0.2, 0.2, 0.2, 0.2, 0.1, 0.1)]
)
def test_the_best_weights_are_found(best: tuple[float, ...]) -> None:
    choice = propose(peaked(best, 100, 0.0), len(best), 100)
    assert choice.weights == pytest.approx(best)
    assert choice.gain.mean > 0
    assert choice.folds == 5


def test_the_best_feature_alone_is_proposed_where_others_only_spoil_it() -> None:
    choice = propose(peaked((0.0, 1.0, 0.0), 200, 0.0), 3, 200)
    assert choice.weights == (0.0, 1.0, 0.0)
    assert choice.gain.mean == choice.gain.error == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 5))
def test_a_proposal_is_never_worse_held_out_than_the_best_feature_alone(
    seed: int, queries: int, features: int
) -> None:
    known: dict[tuple[float, ...], Float64] = {}
    random = np.random.default_rng(seed)

    def measure(weights: tuple[float, ...]) -> Float64:
        if weights not in known:
            known[weights] = random.random(queries).round(1)
        return known[weights]

    choice = propose(measure, features, queries)
    alone = [measure(tuple(float(place == one) for place in range(features))) for one in range(features)]
    best = max(values.mean() for values in alone)
    assert choice.gain.mean >= 0
    assert choice.held_out.mean >= best - 1e-12
    assert measure(choice.weights).mean() >= best - 1e-12
    assert sum(choice.weights) == pytest.approx(1)


@given(st.integers(1, 4), st.integers(1, 10))
def test_the_simplex_is_whole(features: int, tenths: int) -> None:
    points = list(simplex(features, tenths))
    assert len(points) == len(set(points)) == math.comb(tenths + features - 1, features - 1)
    assert all(sum(point) == tenths and min(point) >= 0 for point in points)


@given(st.integers(2, 100))
def test_folds_are_even_and_always_the_same(queries: int) -> None:
    fold = folds_of(queries)
    counts = np.bincount(fold)
    assert len(counts) == min(5, queries)
    assert counts.max() - counts.min() <= 1
    assert (folds_of(queries) == fold).all()
