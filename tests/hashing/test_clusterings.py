"""Several clusterings of the whole vector: what they learn, whom they bring together, and what is no such family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import OptionError
from lookalike.hashing import Clusterings, Clusters, family_from_parts
from lookalike.hashing.clustering_learner import ClusteringLearner
from lookalike.hashing.components import principal_components
from lookalike.hashing.k_means import many_means, nearest_centroid, nearest_centroids
from lookalike.hashing.residuals import Cells, residual_means


def sample(rows: int = 600, dimension: int = 12, seed: int = 1) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31), st.booleans())
def test_the_nearest_centroids_are_the_nearest(
    rows: int, clusters: int, count: int, seed: int, ties: bool
) -> None:
    random = np.random.default_rng(seed)
    vectors, centroids = (random.integers(-3, 4, (n, 2)).astype(np.float32) for n in (rows, clusters))
    if ties:
        centroids = np.concatenate((centroids, -centroids))  # whose mean is exactly nothing
    else:
        centroids += random.random((clusters, 2), dtype=np.float32)
    count = min(count, len(centroids))
    numbers, distances = nearest_centroids(vectors, centroids, count)
    true = np.linalg.norm(vectors[:, np.newaxis].astype(np.float64) - centroids, axis=2)
    assert np.allclose(distances, np.sort(true, axis=1)[:, :count], atol=1e-3)
    assert np.allclose(np.take_along_axis(true, numbers, axis=1), distances, atol=1e-3)
    assert all(len(set(row)) == count for row in numbers.tolist())
    if ties:  # whole numbers have no rounding error, so that ties are ties
        squares = np.square(vectors[:, np.newaxis] - centroids).sum(axis=2)
        found = np.take_along_axis(squares, numbers, axis=1)
        falls = (np.diff(found, axis=1) == 0) & (np.diff(numbers, axis=1) < 0)
        assert not falls.any()


def test_keys_are_the_nearest_centroids_among_the_components() -> None:
    rows = sample()
    family = Clusterings(tables=3, clusters=20, components=5, seed=2).fit(rows)
    arrays = family.arrays()
    turned = (rows - arrays["mean"]) @ arrays["components"]
    keys, distances = family.nearest(rows, 4)
    for table in range(3):
        true = np.linalg.norm(turned[:, np.newaxis] - arrays["centroids"][table], axis=2)
        assert np.allclose(distances[:, table], np.sort(true, axis=1)[:, :4], atol=1e-4)
        assert np.array_equal(keys[:, table, 0], family.keys(rows)[:, table])


def test_distances_are_true_where_no_component_is_left_out() -> None:
    rows = sample()
    family = Clusterings(tables=1, clusters=20, seed=2).fit(rows)
    arrays = family.arrays()
    centroids = arrays["centroids"][0] @ arrays["components"].T + arrays["mean"]
    true = np.linalg.norm(rows[:, np.newaxis] - centroids, axis=2)
    assert np.allclose(family.nearest(rows, 20)[1][:, 0], np.sort(true, axis=1), atol=1e-4)


def test_components_are_those_of_the_largest_variance() -> None:
    rows = sample() * np.linspace(1, 12, 12, dtype=np.float32)
    family = Clusterings(tables=1, clusters=4, components=3).fit(rows)
    components = family.arrays()["components"]
    assert components.shape == (12, 3)
    assert np.allclose(components.T @ components, np.eye(3), atol=1e-5)
    assert np.array_equal(np.abs(components).argmax(axis=0), [11, 10, 9])
    assert np.allclose(principal_components(rows)[:, :3], components)


def test_no_two_tables_are_alike() -> None:
    rows = sample()
    centroids = Clusterings(tables=4, clusters=16).fit(rows).arrays()["centroids"]
    assert len({table.tobytes() for table in centroids}) == 4


def test_tables_find_neighbours_that_the_first_one_parts() -> None:
    rows = sample(4000, 8)
    near = rows + 0.1 * sample(4000, 8, seed=2)
    family = Clusterings(tables=6, clusters=64).fit(rows)
    met = family.keys(rows) == family.keys(near)
    assert met[:, 0].mean() + 0.1 < met.any(axis=1).mean()


def test_one_table_of_all_components_is_one_plain_clustering() -> None:
    rows = sample()
    several = Clusterings(tables=1, clusters=16).fit(rows)
    plain = Clusters(clusters=16).fit(rows)
    errors = [float(np.square(family.nearest(rows, 1)[1]).mean()) for family in (several, plain)]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)


def test_a_sample_of_few_rows_gives_few_centroids() -> None:
    family = Clusterings(tables=2, clusters=16).fit(sample(3))
    assert family.probe_keys(sample(2), 9).shape == (2, 2, 3)
    with pytest.raises(OptionError, match="clusterings learns from vectors, and the sample has none"):
        Clusterings(tables=2, clusters=16).fit(sample(0))


def test_a_far_origin_costs_no_digits() -> None:
    rows = sample()
    near, far = (Clusterings(tables=2, clusters=16).fit(part) for part in (rows, rows + np.float32(4096)))
    assert (near.keys(rows) == far.keys(rows + np.float32(4096))).mean() > 0.99


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 40), st.integers(1, 9), st.integers(1, 60), st.integers(0, 2**31))
def test_the_nearest_cells_are_the_nearest_sums_of_centroids(
    rows: int, clusters: int, rest: int, count: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((rows, 3)).astype(np.float32)
    centroids = random.standard_normal((2, clusters, 3)).astype(np.float32)
    residuals = random.standard_normal((2, rest, 3)).astype(np.float32) / np.float32(16)
    count = min(count, clusters * rest)
    numbers, distances = Cells(centroids, residuals).nearest(vectors, count)
    cells = (centroids[:, :, np.newaxis] + residuals[:, np.newaxis]).reshape(2, -1, 3)
    true = np.linalg.norm(vectors[:, np.newaxis, np.newaxis] - cells, axis=3)
    assert np.allclose(np.take_along_axis(true, numbers, axis=2), distances, atol=1e-3)
    assert (np.diff(distances, axis=2) >= 0).all()
    if clusters <= 32:
        assert np.allclose(distances, np.sort(true, axis=2)[:, :, :count], atol=1e-3)
    else:  # some of the clusters are not looked into
        assert np.isclose(distances[:, :, 0], true.min(axis=2), atol=1e-3).mean() > 0.8


def test_residuals_leave_less_than_as_many_more_clusters_would_cost() -> None:
    rows = sample(4000)
    random = np.random.default_rng(0)
    centroids, residuals = residual_means(rows, many_means(rows, 64, random), 16, random)
    _, left = Cells(centroids[np.newaxis], residuals[np.newaxis]).nearest(rows, 1)
    plain = Clusterings(tables=1, clusters=80, components=12).fit(rows).nearest(rows, 1)[1]
    assert np.square(left).mean() < 0.8 * np.square(plain).mean()
    assert len(np.unique(nearest_centroid(rows, centroids))) == 64


def test_a_key_of_several_residuals_is_the_cell() -> None:
    rows = sample()
    family = Clusterings(tables=2, clusters=8, residuals=4, components=5).fit(rows)
    arrays = family.arrays()
    turned = (rows - arrays["mean"]) @ arrays["components"]
    keys, distances = family.nearest(rows, 3)
    for table in range(2):
        cells = (arrays["centroids"][table][:, np.newaxis] + arrays["residuals"][table]).reshape(32, 5)
        true = np.linalg.norm(turned[:, np.newaxis] - cells, axis=2)
        assert np.allclose(np.sort(true, axis=1)[:, :3], distances[:, table], atol=1e-4)
        assert np.array_equal(family.keys(rows), keys[:, :, 0])
    assert family.centroids == 32


@pytest.mark.parametrize("residuals", [1, 4])
def test_a_learner_gives_what_families_fit_by_themselves_whatever_it_learned_before(residuals: int) -> None:
    rows = sample()
    learner = ClusteringLearner(rows, 5, 7)
    for tables, clusters, cells in ((1, 8, 1), (3, 8, residuals), (2, 8, residuals)):
        family, alone = (
            Clusterings(tables=tables, clusters=clusters, residuals=cells, components=5, seed=7)
            for _ in range(2)
        )
        assert np.array_equal(family.learn(learner).keys(rows), alone.fit(rows).keys(rows))


def test_a_family_of_few_tables_is_the_beginning_of_one_of_more() -> None:
    few, more = (Clusterings(tables=tables, clusters=8, residuals=4).fit(sample()) for tables in (2, 3))
    assert np.array_equal(few.keys(sample()), more.keys(sample())[:, :2])


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("centroids", np.zeros((3, 16, 8), dtype=np.float32)),
        ("centroids", np.zeros((2, 17, 8), dtype=np.float32)),
        ("centroids", np.zeros((2, 0, 8), dtype=np.float32)),
        ("centroids", np.zeros((2, 16, 7), dtype=np.float32)),
        ("centroids", np.zeros((2, 16, 8))),
        ("centroids", np.full((2, 16, 8), np.nan, dtype=np.float32)),
        ("centroids", np.zeros((16, 8), dtype=np.float32)),
        ("components", np.zeros((12, 7), dtype=np.float32)),
        ("components", np.zeros((12, 8))),
        ("components", np.full((12, 8), np.inf, dtype=np.float32)),
        ("components", np.zeros(12, dtype=np.float32)),
        ("mean", np.zeros(11, dtype=np.float32)),
        ("mean", np.full(12, np.nan, dtype=np.float32)),
        ("mean", None),
        ("residuals", np.zeros((2, 5, 8), dtype=np.float32)),
        ("residuals", np.zeros((2, 4, 7), dtype=np.float32)),
        ("residuals", np.full((2, 4, 8), np.nan, dtype=np.float32)),
        ("residuals", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "" if value is None else str(value.shape),
)
def test_damaged_arrays_are_told(name: str, array: Any) -> None:
    family = Clusterings(tables=2, clusters=16, residuals=4, components=8).fit(sample())
    arrays = {key: value for key, value in {**family.arrays(), name: array}.items() if value is not None}
    with pytest.raises(OptionError, match=r"hash family '?clusterings"):
        family_from_parts("clusterings", family.parameters(), arrays)
