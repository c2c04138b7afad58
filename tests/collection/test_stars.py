"""Groups about middles: every member is near its middle, and no two middles are near one another."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.collection.stars import members_of, stars


@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0, 1.5))
def test_members_are_near_their_middle_and_middles_apart(seed: int, count: int, limit: float) -> None:
    random = np.random.default_rng(seed)
    places = random.normal(size=(count, 2))
    apart = np.linalg.norm(places[:, np.newaxis] - places, axis=2).astype(np.float32)
    first, second = np.nonzero(np.triu(apart <= limit, 1))
    far = apart[first, second]
    middles, distances = stars(count, first, second, far, np.ones(count, dtype=np.int64))
    own = np.flatnonzero(middles == np.arange(count))
    assert set(middles.tolist()) <= set(own.tolist())
    for place in range(count):
        if middles[place] != place:
            assert distances[place] == apart[place, middles[place]] <= limit
            assert distances[place] == apart[place, own].min()
        else:
            assert distances[place] == 0
    groups = members_of(middles)
    sizes = [len(group) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    grouped = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    assert len(grouped) == len(set(grouped.tolist()))
    for group in groups:
        assert middles[group[0]] == group[0]
        assert (middles[group] == group[0]).all()
    near_middles = [
        (one, other) for one in own for other in own if one < other and apart[one, other] <= limit
    ]
    assert not near_middles


def test_a_chain_is_cut_and_not_followed() -> None:
    places = np.arange(9)
    middles, distances = stars(
        9, places[:-1], places[1:], np.ones(8, dtype=np.float32), np.ones(9, dtype=np.int64)
    )
    assert distances.max() == 1
    assert max(len(group) for group in members_of(middles)) == 3


def test_what_stands_for_many_is_a_middle_before_others() -> None:
    weights = np.array([1, 1, 5])
    middles, _ = stars(3, np.array([0, 1]), np.array([1, 2]), np.array([0.5, 0.5], dtype=np.float32), weights)
    assert middles.tolist() == [0, 2, 2] or middles.tolist() == [1, 1, 1]
