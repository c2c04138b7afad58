"""Fused rankings against plain ones, and the proof that nothing nearer was left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.fusing import Candidates, united


def candidates(seed: int, *, lacking: bool = False, ties: bool = False) -> Candidates:
    """Return random candidates of two features: 3 queries and 12 sources."""
    random = np.random.default_rng(seed)
    numbers = np.sort(random.permuted(np.tile(np.arange(20), (3, 1)), axis=1)[:, :12], axis=1)
    numbers[0, -2:] = -1
    distances = {}
    for name in ("a", "b"):
        values = random.integers(0, 4, (3, 12)) if ties else random.random((3, 12))
        distances[name] = values.astype(np.float32)
        distances[name][0, -2:] = np.nan
    if lacking:
        distances["a"][1, ::3] = np.nan
        distances["b"][2, ::4] = np.nan
    return Candidates(
        numbers=numbers,
        grades=(numbers % 3).astype(np.float32) * (numbers >= 0),
        distances=distances,
        ends={name: np.full(3, np.inf, dtype=np.float32) for name in distances},
        scale={"a": 2.0, "b": 0.5},
        usual={"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 1.0, 1.0])},
    )


def plain(table: Candidates, row: int, weights: dict[str, float]) -> list[int]:
    """Return the places of one query's candidates, by the distances that a search gives them."""
    keys = []
    for place in range(table.numbers.shape[1]):
        had = [name for name in weights if not np.isnan(table.distances[name][row, place])]
        if had:
            factor = {name: weights[name] * table.scale[name] for name in weights}
            whole = sum(factor[name] * table.usual[name][row] for name in weights)
            usual = sum(factor[name] * table.usual[name][row] for name in had)
            total = sum(factor[name] * float(table.distances[name][row, place]) for name in had)
            keys.append((total * whole / usual, place))
    return [place for _, place in sorted(keys)]


@given(st.integers(0, 200), st.integers(1, 9), st.booleans(), st.floats(0.1, 0.9))
def test_the_first_are_those_with_the_least_weighted_distance(
    seed: int, k: int, lacking: bool, weight: float
) -> None:
    table, weights = candidates(seed, lacking=lacking), {"a": weight, "b": 1 - weight}
    places = table.first(weights, k)
    for row in range(len(table)):
        assert places[row].tolist() == plain(table, row, weights)[:k]


@given(st.integers(0, 200), st.integers(1, 9))
def test_equal_distances_are_ordered_by_number(seed: int, k: int) -> None:
    table, weights = candidates(seed, ties=True), {"a": 0.25, "b": 1.0}
    for row in range(len(table)):
        assert table.first(weights, k)[row].tolist() == plain(table, row, weights)[:k]


def test_a_feature_without_weight_is_not_looked_at() -> None:
    table = candidates(0, lacking=True)
    alone = table.first({"b": 1.0}, 5)
    assert (table.first({"a": 0.0, "b": 1.0}, 5) == alone).all()


def test_what_is_near_is_proven_by_where_the_lists_end() -> None:
    table = candidates(3)
    weights = {"a": 0.5, "b": 0.5}
    assert table.proven(weights, 3) == table.proven({"a": 1.0, "b": 0.0}, 3) == 1.0
    none = Candidates(
        table.numbers,
        table.grades,
        table.distances,
        {name: np.zeros(3, dtype=np.float32) for name in table.ends},
        table.scale,
        table.usual,
    )
    assert none.proven(weights, 3) == 0.0


@given(st.integers(0, 100))
def test_lists_are_united(seed: int) -> None:
    random = np.random.default_rng(seed)
    lists = [random.integers(-1, 8, (4, 5)) for _ in range(3)]
    found = united(lists)
    for row in range(4):
        expected = sorted({number for one in lists for number in one[row].tolist()} - {-1})
        assert found[row, : len(expected)].tolist() == expected
        assert (found[row, len(expected) :] == -1).all()
