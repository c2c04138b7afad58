"""Each family keeps its contract, its formula and its theory."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import OptionError
from lookalike.hashing import (
    Clusterings,
    Clusters,
    CrossPolytope,
    Hyperplane,
    PStable,
    family_from_json,
    token,
)
from lookalike.hashing.base import family_from_parts
from lookalike.hashing.k_means import k_means, nearest_centroid
from lookalike.hashing.perturbation import cheapest_subsets


def sample(rows: Any = 400, dimension: Any = 12, seed: Any = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


FAMILIES = [
    Hyperplane(tables=3, bits=7, seed=5),
    CrossPolytope(tables=3, bits=8, seed=5),
    PStable(tables=3, floors=4, bucket_size=3.0, seed=5),
    PStable(tables=2, floors=2, bucket_size=9.0, table_size=101, distance="l1", seed=5),
    Clusters(clusters=16, seed=5),
    Clusters(sections=3, clusters=16, rotation=True, seed=5),
    Clusters(sections=5, clusters=8, seed=5),
    Clusterings(tables=3, clusters=16, components=8, seed=5),
    Clusterings(tables=4, clusters=8, residuals=4, seed=5),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.name}-{family.tables}")
def test_contract(family: Any) -> None:
    rows = sample()
    family = family_from_json(family.to_json()).fit(rows)
    keys = family.keys(rows)
    assert keys.shape == (400, family.tables)
    assert keys.dtype == np.uint64
    assert len(np.unique(keys[:, 0])) > 4
    probed = family.probe_keys(rows, 6)
    assert probed.shape == (400, family.tables, 6)
    assert np.array_equal(probed[:, :, 0], keys)
    assert family.probe_keys(rows[:0], 6).shape == (0, family.tables, 6)
    if family.name != "p-stable":
        assert all(len(set(row)) == 6 for row in probed.reshape(-1, 6).tolist())
    again = family_from_json(json.loads(json.dumps(family.to_json())))
    assert again.to_json() == family.to_json()
    assert np.array_equal(again.keys(rows), keys)
    assert np.array_equal(again.probe_keys(rows, 6), probed)
    twin = family_from_json({**family.to_json(), "arrays": {}}).fit(rows)
    assert np.array_equal(twin.keys(rows), keys)
    assert len(set(family.table_uuids())) == family.tables
    assert twin.table_uuids() == family.table_uuids()
    parameters = {**family.parameters(), "seed": 6}
    other = family_from_json({"family": family.name, "parameters": parameters, "arrays": {}}).fit(rows)
    assert not set(other.table_uuids()) & set(family.table_uuids())
    assert not np.array_equal(other.keys(rows), keys)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.name}-{family.tables}")
def test_arrays_that_may_not_be_written_serve_as_well(family: Any) -> None:
    rows = sample()
    family = family_from_json(family.to_json()).fit(rows)
    arrays = {name: array.copy() for name, array in family.arrays().items()}
    for array in arrays.values():
        array.setflags(write=False)  # as memory-mapped ones are
    again = family_from_parts(family.name, family.parameters(), arrays)
    rows.setflags(write=False)
    assert np.array_equal(again.keys(rows), family.keys(rows))
    assert np.array_equal(again.probe_keys(rows, 6), family.probe_keys(rows, 6))


def test_more_probes_find_more_neighbours() -> None:
    rows = sample()
    near = rows + 0.15 * sample(seed=2)
    for family in FAMILIES:
        family = family_from_json(family.to_json()).fit(rows)
        keys = family.keys(rows)
        met = [(family.probe_keys(near, p) == keys[:, :, np.newaxis]).any(axis=2).mean() for p in (1, 2, 6)]
        assert met[0] < met[1] < met[2]


def test_p_stable_is_its_formula() -> None:
    rows = sample(50) * 1000
    family = PStable(tables=2, floors=5, bucket_size=0.01, table_size=2**31 - 1, seed=3).fit(rows)
    arrays = family.arrays()
    projected = (rows @ arrays["directions"]).reshape(50, 2, 5).astype(np.float64)
    floors = np.floor((projected + arrays["offsets"]) / 0.01)
    assert np.abs(floors).max() > 1e5
    for row, table in itertools.product(range(50), range(2)):
        dot = sum(
            int(p) * int(f) for p, f in zip(arrays["multipliers"][table], floors[row, table], strict=True)
        )
        assert int(family.keys(rows)[row, table]) == dot % (2**31 - 1)


def test_p_stable_probes_in_order_of_cost() -> None:
    rows = sample(20)
    family = PStable(tables=1, floors=3, bucket_size=2.0, seed=1).fit(rows)
    arrays = family.arrays()
    positions = ((rows @ arrays["directions"]).astype(np.float64) + arrays["offsets"]) / 2.0
    probed = family.probe_keys(rows, 27)
    for row in range(20):
        floors, costs = np.floor(positions[row]), {}
        for move in itertools.product((-1, 0, 1), repeat=3):
            edge = np.where(np.array(move) < 0, positions[row] - floors, floors + 1 - positions[row])
            key = int(arrays["multipliers"][0] @ (floors + move).astype(np.int64)) % family.table_size
            costs[key] = float(np.sum((np.array(move) != 0) * edge**2))
        order = [costs[key] for key in probed[row, 0].tolist()]
        assert len(order) == len(costs) == 27
        assert np.allclose(order, sorted(order), atol=1e-5)


@pytest.mark.parametrize("degrees", [10, 40, 90])
def test_hyperplane_collision_probability(degrees: Any) -> None:
    angle = math.radians(degrees)
    pair = np.zeros((2, 8), dtype=np.float32)
    pair[0, 0], pair[1, :2] = 1, (math.cos(angle), math.sin(angle))
    family = Hyperplane(tables=4096, bits=3, seed=9).fit(pair)
    keys = family.keys(pair)
    expected = family.collision_probability(1 - math.cos(angle))
    assert expected == pytest.approx((1 - degrees / 180) ** 3)
    measured = np.mean(keys[0] == keys[1])
    assert abs(measured - expected) < 4 * math.sqrt(expected * (1 - expected) / 4096)


@pytest.mark.parametrize("distance", ["euclidean", "l1"])
@pytest.mark.parametrize("table_size", [31, 2**31 - 1])
@pytest.mark.parametrize("ratio", [0.5, 1.5, 4.0])
def test_p_stable_collision_probability(distance: Any, table_size: Any, ratio: Any) -> None:
    pair = sample(2, 8)
    pair[1] = pair[0] + 0.25
    length = 0.25 * (math.sqrt(8) if distance == "euclidean" else 8)
    family = PStable(
        tables=4096, floors=2, bucket_size=ratio * length, table_size=table_size, distance=distance, seed=4
    ).fit(pair)
    keys = family.keys(pair)
    expected = family.collision_probability(length)
    measured = np.mean(keys[0] == keys[1])
    assert abs(measured - expected) < 4 * math.sqrt(expected * (1 - expected) / 4096)


def test_clusters_take_the_nearest_centroid_of_each_section() -> None:
    rows = sample(300, 10)
    family = Clusters(sections=3, clusters=9, seed=2).fit(rows)
    keys, probed, start = family.keys(rows), family.probe_keys(rows, 9), 0
    for table, width in enumerate((4, 3, 3)):
        centroids = family.arrays()[f"centroids_{table}"]
        section = rows[:, start : start + width]
        distances = np.linalg.norm(section[:, np.newaxis] - centroids, axis=2)
        assert np.allclose(
            distances[np.arange(300), keys[:, table].astype(int)], distances.min(axis=1), atol=1e-5
        )
        ordered = np.take_along_axis(distances, probed[:, table].astype(int), axis=1)
        assert (np.diff(ordered, axis=1) > -1e-5).all()
        start += width


def test_k_means_finds_separate_groups_and_repairs_empty_ones() -> None:
    random = np.random.default_rng(0)
    groups = np.eye(6, dtype=np.float32) * 50
    # One group has nearly all rows, so most seeds fall into it.
    labels = np.concatenate((np.zeros(2000, dtype=int), np.repeat(np.arange(1, 6), 20)))
    rows = groups[labels] + random.standard_normal((len(labels), 6)).astype(np.float32)
    centroids = k_means(rows, 40, np.random.default_rng(3))
    counts = np.bincount(nearest_centroid(rows, centroids), minlength=40)
    assert (counts > 0).mean() > 0.9
    assert len(k_means(rows[:3], 40, np.random.default_rng(3))) == 3
    same = k_means(np.ones((30, 4), dtype=np.float32), 8, np.random.default_rng(3))
    assert np.isfinite(same).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=7), st.integers(1, 40))
def test_cheapest_subsets_are_the_cheapest(costs: Any, count: Any) -> None:
    totals = sorted(
        sum(costs[i] for i in chosen)
        for size in range(len(costs) + 1)
        for chosen in itertools.combinations(range(len(costs)), size)
    )
    masks = cheapest_subsets(np.array([costs], dtype=np.float32), count)[0].tolist()
    there = masks[: 2 ** len(costs)]
    assert masks == there + [-1] * (count - len(there))
    assert len(set(there)) == len(there)
    assert [sum(costs[i] for i in range(len(costs)) if mask >> i & 1) for mask in there] == totals[:count]


def test_bad_parameters_are_told() -> None:
    with pytest.raises(OptionError, match="bits is 64"):
        Hyperplane(tables=1, bits=64)
    with pytest.raises(OptionError, match="bucket_size"):
        PStable(tables=1, floors=2, bucket_size=0)
    with pytest.raises(OptionError, match="not fitted"):
        Clusters(clusters=4).keys(sample())
    with pytest.raises(OptionError, match="dimension 12, not 5"):
        Clusters(clusters=4).fit(sample()).keys(sample(3, 5))
    with pytest.raises(OptionError, match="'minhash' is not known"):
        family_from_json({"family": "minhash", "parameters": {}, "arrays": {}})
    damaged = Hyperplane(tables=1, bits=4).fit(sample()).to_json()
    damaged["arrays"]["planes"]["base64"] = "!"
    with pytest.raises(OptionError, match="damaged"):
        family_from_json(damaged)
    assert token(3, 14) == "3-14"
