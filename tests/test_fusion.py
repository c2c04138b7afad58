"""How distances are made comparable, and what the weights that nobody gave do."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.fusion import FEWEST, Distributions

Vectors = npt.NDArray[np.float64]
GROUPS, EACH = 24, 10


def distances(vectors: Vectors) -> Vectors:
    found: Vectors = np.sqrt(np.square(vectors[:, np.newaxis] - vectors[np.newaxis]).sum(axis=2))
    return found


def grouped(noise: float, dimension: int = 16, seed: int = 0) -> Vectors:
    """Return vectors of groups, the members of which differ by `noise`."""
    random = np.random.default_rng(seed)
    middles = np.repeat(random.normal(size=(GROUPS, dimension)), EACH, axis=0)
    members: Vectors = middles + noise * random.normal(size=middles.shape)
    return members


def precision(fused: Vectors) -> float:
    """Return how many of the nine nearest are of the source's own group."""
    labels = np.repeat(np.arange(GROUPS), EACH)
    own = fused.copy()
    np.fill_diagonal(own, np.inf)
    nearest = np.argsort(own, axis=1)[:, : EACH - 1]
    return float((labels[nearest] == labels[:, np.newaxis]).mean())


def fused(features: Mapping[str, Vectors], weights: Mapping[str, float] | None = None) -> Vectors:
    told = Distributions.of(features)
    shares = told.shares(told.weights(features) if weights is None else weights)
    total: Vectors = np.sum([shares[name] * matrix for name, matrix in features.items()], axis=0)
    return total


@pytest.mark.parametrize("bad", ["noise", "hubs", "few numbers", "constant", "one number that says nothing"])
def test_a_feature_that_knows_nothing_does_not_hurt(bad: str) -> None:
    random = np.random.default_rng(1)
    count = GROUPS * EACH
    vectors = {
        "noise": random.normal(size=(count, 32)),
        "hubs": random.lognormal(size=(count, 1)) * random.normal(size=(count, 8)),
        "few numbers": random.integers(0, 3, size=(count, 6)).astype(np.float64),
        "constant": np.ones((count, 2)),
        "one number that says nothing": random.normal(size=(count, 1)),
    }[bad]
    good = distances(grouped(0.5))
    for scale in (0.001, 1.0, 1000.0):
        both = {"good": good, "bad": scale * distances(vectors)}
        assert precision(fused(both)) >= precision(good) - 0.003
    equally = fused({"good": good, "bad": distances(vectors)}, {"good": 1.0, "bad": 1.0})
    assert bad == "constant" or precision(equally) < precision(good) - 0.003  # so there was something to lose


def test_features_that_complete_each_other_are_better_than_the_better_one() -> None:
    features = {"one": distances(grouped(1.0, seed=3)), "other": distances(grouped(1.1, seed=4))}
    alone = [precision(matrix) for matrix in features.values()]
    assert precision(fused(features)) > max(alone) + 0.02


def test_equal_weights_have_equal_say_whatever_the_scales() -> None:
    one, other = distances(grouped(0.5, seed=3)), distances(grouped(0.5, seed=4))
    told = Distributions.of({"one": one, "other": 1000 * other + 5})
    shares = told.shares({"one": 1, "other": 1})
    assert shares["one"] * one.std() == pytest.approx(shares["other"] * 1000 * other.std(), rel=0.03)
    assert sum(shares.values()) == pytest.approx(1)
    assert told.shares({"other": 3}) == {"other": 1}


@given(factor=st.floats(1e-6, 1e6), offset=st.floats(-10, 10))
@settings(max_examples=20, deadline=None)
def test_weights_do_not_depend_on_scales(factor: float, offset: float) -> None:
    plain = {"one": distances(grouped(0.5, seed=3)), "other": distances(grouped(0.9, seed=4))}
    scaled = {**plain, "other": factor * (plain["other"] + offset)}
    expected, found = (Distributions.of(each).weights(["one", "other"]) for each in (plain, scaled))
    assert found == pytest.approx(expected, rel=1e-6)


def test_what_is_on_the_diagonal_is_not_read() -> None:
    plain = distances(grouped(0.5))
    odd = plain.copy()
    np.fill_diagonal(odd, -7)
    assert Distributions.of({"a": plain}).to_json() == Distributions.of({"a": odd}).to_json()


def test_sources_that_lack_a_feature_are_left_out() -> None:
    one, other = distances(grouped(0.5, seed=3)), distances(grouped(0.9, seed=4))
    half = np.arange(len(one)) % 2 == 0
    lacking = other.copy()
    lacking[~half], lacking[:, ~half] = np.nan, np.nan
    told = Distributions.of({"one": one, "other": lacking})
    alone = Distributions.of({"other": other[np.ix_(half, half)]})
    assert told.quality[1] == pytest.approx(alone.quality[0])
    assert told.spread[1] == pytest.approx(alone.spread[0])
    whole = Distributions.of({"one": one, "other": other}).weights(["one", "other"])
    assert told.weights(["one", "other"]) == pytest.approx(whole, abs=0.15)


@pytest.mark.parametrize("count", range(FEWEST, FEWEST + 8))
def test_few_more_are_measured(count: int) -> None:
    features = {
        "one": distances(grouped(0.5)[::7][:count]),
        "other": 9 * distances(grouped(1.0)[::7][:count]),
    }
    weights = Distributions.of(features).weights(["one", "other"])
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) > 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, FEWEST - 1])
def test_few_sources_weigh_all_features_the_same(count: int) -> None:
    features = {"one": distances(grouped(0.5)[:count]), "other": 9 * distances(grouped(1.0)[:count])}
    told = Distributions.of(features)
    assert told.weights(["one", "other"]) == {"one": 0.5, "other": 0.5}
    shares = told.shares({"one": 1, "other": 1})
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in shares.values())


def test_distances_that_are_all_the_same_are_borne() -> None:
    same = {"zero": np.zeros((40, 40)), "three": np.full((40, 40), 3.0)}
    told = Distributions.of(same)
    assert told.weights(["zero", "three"]) == {"zero": 0.5, "three": 0.5}
    assert told.shares({"zero": 1, "three": 1}) == pytest.approx({"zero": 0.75, "three": 0.25})


def test_a_feature_that_was_not_measured_has_the_scale_one() -> None:
    told = Distributions.of({"one": 4 * distances(grouped(0.5))})
    assert told.weights(["one", "new"]) == {"one": 0.5, "new": 0.5}
    assert told.shares({"one": 1, "new": 1})["new"] > 0.5


def test_it_can_be_kept_as_json() -> None:
    for count in (GROUPS * EACH, 4, 0):
        features = {"one": distances(grouped(0.5)[:count]), "other": distances(grouped(0.9)[:count])}
        told = Distributions.of(features)
        again = Distributions.from_json(json.loads(json.dumps(told.to_json(), allow_nan=False)))
        assert again.to_json() == told.to_json()
        assert again.weights(["other", "one"]) == told.weights(["other", "one"])
    assert Distributions.from_json(Distributions.of({}).to_json()).names == ()
