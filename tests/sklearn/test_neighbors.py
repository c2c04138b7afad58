"""`LSHNeighbors` beside scikit-learn's own `NearestNeighbors`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install 'lookalike[sklearn]'")

from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, make_blobs
from sklearn.neighbors import NearestNeighbors

from lookalike.errors import InputError, OptionError, VectorError
from lookalike.sklearn import LSHNeighbors

DIGITS = load_digits().data
# As numbers of 4 bits, many are equally far from one another.
SHAKEN = (DIGITS + np.random.default_rng(0).uniform(-0.1, 0.1, DIGITS.shape)).astype(np.float32).astype(float)
ROWS, OTHERS = SHAKEN[:1500], SHAKEN[1500:]


def many_rows() -> np.ndarray[Any, Any]:
    """Return rows in 300 blobs, more than are compared one by one."""
    rows: np.ndarray[Any, Any] = make_blobs(12_000, 24, centers=300, cluster_std=1.0, random_state=0)[0]
    return rows.astype(np.float32)


MANY = many_rows()


def recall(found: Any, true: Any) -> float:
    """Return the mean share of `true` (q arrays of row numbers) that is in `found`, over queries that have any."""
    pairs = [(set(a), set(b)) for a, b in zip(found, true, strict=True) if len(b)]
    return float(np.mean([len(a & b) / len(b) for a, b in pairs]))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("queries", [None, OTHERS], ids=["rows", "others"])
def test_few_rows_have_the_neighbours_of_scikit_learn(metric: str, queries: Any) -> None:
    ours = LSHNeighbors(n_neighbors=7, metric=metric).fit(ROWS).kneighbors(queries)
    theirs = NearestNeighbors(n_neighbors=7, metric=metric).fit(ROWS).kneighbors(queries)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("queries", [None, OTHERS], ids=["rows", "others"])
def test_few_rows_have_the_radius_neighbours_of_scikit_learn(queries: Any) -> None:
    ours = LSHNeighbors(radius=25.5).fit(ROWS).radius_neighbors(queries)
    theirs = NearestNeighbors(radius=25.5).fit(ROWS).radius_neighbors(queries, sort_results=True)
    assert max(map(len, ours[1])) > 64  # more than are looked for at first
    for distances, rows, their_distances, their_rows in zip(*ours, *theirs, strict=True):
        assert set(rows) == set(their_rows)
        np.testing.assert_allclose(distances, their_distances, rtol=1e-6)


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("queries", [None, OTHERS], ids=["rows", "others"])
def test_graphs_are_those_of_scikit_learn(mode: Any, queries: Any) -> None:
    ours, theirs = LSHNeighbors(radius=25.5).fit(ROWS), NearestNeighbors(radius=25.5).fit(ROWS)
    for name in ("kneighbors_graph", "radius_neighbors_graph"):
        graph: csr_matrix = getattr(ours, name)(queries, mode=mode)
        wanted: csr_matrix = getattr(theirs, name)(queries, mode=mode)
        assert (graph.dtype, graph.shape, graph.nnz) == (np.float64, wanted.shape, wanted.nnz)
        assert abs(graph - wanted).max() < 1e-4


def test_a_row_is_left_out_of_its_own_neighbours_and_its_copies_are_not() -> None:
    rows = np.repeat(ROWS[:4], 5, axis=0)
    distances, found = LSHNeighbors().fit(rows).kneighbors(n_neighbors=4)
    assert (distances == 0).all()
    for row, neighbours in enumerate(found):
        copies = set(range(row // 5 * 5, row // 5 * 5 + 5))
        assert set(neighbours) == copies - {row}


def test_more_copies_than_neighbours_leave_out_one_only() -> None:
    found: Any = LSHNeighbors().fit(np.ones((9, 3))).kneighbors(n_neighbors=3, return_distance=False)
    assert found.shape == (9, 3)
    assert all(row not in neighbours and len(set(neighbours)) == 3 for row, neighbours in enumerate(found))


def test_equal_distances_within_a_radius_are_all_found() -> None:
    rows = np.vstack([np.zeros((500, 2)), np.full((200, 2), 3.0)])
    found = LSHNeighbors(radius=0).fit(rows).radius_neighbors(return_distance=False)
    assert [len(each) for each in found] == [499] * 500 + [199] * 200
    assert all(row not in each for row, each in enumerate(found))


def test_a_radius_that_holds_nothing_gives_empty_arrays() -> None:
    distances, rows = LSHNeighbors().fit(ROWS).radius_neighbors(OTHERS[:3], radius=0.5)
    assert [len(each) for each in rows] == [0, 0, 0]
    assert {each.dtype for each in rows} == {np.dtype(np.int64)}
    assert {each.dtype for each in distances} == {np.dtype(np.float64)}


def test_a_radius_includes_what_is_just_as_far() -> None:
    neighbours = LSHNeighbors(radius=0.1).fit(np.array([[0.0], [0.1], [0.2]]))
    assert [list(each) for each in neighbours.radius_neighbors([[0.0]], return_distance=False)] == [[0, 1]]


@cache
def fitted_to_many(family: str | None) -> LSHNeighbors:
    """Return an estimator of MANY at recall 0.9."""
    return LSHNeighbors(family=family, recall=0.9).fit(MANY)


@pytest.mark.parametrize("family", [None, "hyperplane"])
def test_many_rows_have_the_neighbours_at_the_recall_asked_for(family: Any) -> None:
    ours, queries = fitted_to_many(family), MANY[::40]
    assert ours.index_.stats().path == "buckets"
    true = NearestNeighbors(n_neighbors=10).fit(MANY).kneighbors(queries, return_distance=False)
    distances, found = ours.kneighbors(queries, n_neighbors=10)
    assert recall(found, true) > 0.88
    exact = np.linalg.norm(MANY[found].astype(float) - queries[:, np.newaxis], axis=2)
    np.testing.assert_allclose(distances, exact, rtol=1e-5)


def test_many_rows_are_left_out_of_their_own_neighbours() -> None:
    found: Any = fitted_to_many(None).kneighbors(n_neighbors=10, return_distance=False)
    assert (found != np.arange(len(MANY))[:, np.newaxis]).all()
    true = NearestNeighbors(n_neighbors=10).fit(MANY).kneighbors(return_distance=False)
    assert recall(found, true) > 0.88


@pytest.mark.parametrize("family", [None, "hyperplane"])
@pytest.mark.parametrize("radius", [5.0, 40.0])
def test_many_rows_have_the_radius_neighbours_at_the_recall_asked_for(family: Any, radius: float) -> None:
    queries = MANY[::200]
    found = fitted_to_many(family).radius_neighbors(queries, radius, False)
    true = NearestNeighbors().fit(MANY).radius_neighbors(queries, radius, False)
    assert recall(found, true) > 0.88


def test_a_recall_of_one_is_exact_on_many_rows() -> None:
    found = LSHNeighbors(recall=1).fit(MANY).radius_neighbors(MANY[::200], 6.0, False)
    true = NearestNeighbors().fit(MANY).radius_neighbors(MANY[::200], 6.0, False)
    assert all(set(a) == set(b) for a, b in zip(found, true, strict=True))


def test_all_rows_can_be_asked_for() -> None:
    distances, found = fitted_to_many(None).kneighbors(MANY[:3], n_neighbors=len(MANY))
    assert (np.sort(found, axis=1) == np.arange(len(MANY))).all()
    assert (np.diff(distances, axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("queries", "k", "says"),
    [
        (None, 4, "Expected n_neighbors < n_samples_fit, but n_neighbors = 4, n_samples_fit = 4"),
        (ROWS[:2], 5, "Expected n_neighbors <= n_samples_fit, but n_neighbors = 5, n_samples_fit = 4"),
    ],
)
def test_more_neighbours_than_rows_are_refused_as_by_scikit_learn(queries: Any, k: int, says: str) -> None:
    theirs = NearestNeighbors().fit(ROWS[:4])
    with pytest.raises(ValueError, match=says):
        theirs.kneighbors(queries, n_neighbors=k)
    with pytest.raises(InputError, match=says):
        LSHNeighbors().fit(ROWS[:4]).kneighbors(queries, n_neighbors=k)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"metric": "manhattan"}, "metric 'manhattan'"),
        ({"metric": "dot"}, "metric 'dot'"),
        ({"recall": 1.5}, "recall is 1.5"),
        ({"family": "hyperplan"}, "did you mean hyperplane"),
    ],
)
def test_a_parameter_without_such_a_value_is_refused_by_fit(parameters: Any, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        LSHNeighbors(**parameters).fit(ROWS[:20])


@pytest.mark.parametrize(
    ("method", "arguments", "says"),
    [
        ("kneighbors", {"n_neighbors": 0}, "n_neighbors is 0"),
        ("kneighbors", {"n_neighbors": 2.5}, "n_neighbors is 2.5"),
        ("kneighbors_graph", {"mode": "weights"}, "mode is 'weights'"),
        ("radius_neighbors", {"radius": -1}, "radius is -1"),
        ("radius_neighbors", {"radius": "wide"}, "radius is 'wide'"),
        ("radius_neighbors_graph", {"mode": None}, "mode is None"),
    ],
)
def test_an_argument_without_such_a_value_is_refused(method: str, arguments: Any, says: str) -> None:
    with pytest.raises(OptionError, match=says):
        getattr(LSHNeighbors().fit(ROWS[:20]), method)(**arguments)


def test_sparse_rows_are_refused() -> None:
    with pytest.raises(TypeError, match="Sparse data was passed"):
        LSHNeighbors().fit(csr_matrix(ROWS))


def test_a_row_of_zeros_has_no_direction() -> None:
    with pytest.raises(VectorError, match="row 2 is all zero"):
        LSHNeighbors(metric="cosine").fit([[1.0, 0], [0, 1], [0, 0]])


def test_numbers_beyond_float32_are_refused() -> None:
    with pytest.raises(ValueError, match="too large for dtype"):
        LSHNeighbors().fit([[1e300], [0.0]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, np.float32])
def test_narrow_types_are_kept(dtype: Any) -> None:
    assert LSHNeighbors().fit(DIGITS.astype(dtype)).index_.vectors([0]).dtype == dtype


def test_rows_that_change_later_do_not_change_the_answers() -> None:
    rows = ROWS.copy()
    neighbours = LSHNeighbors().fit(rows)
    before = neighbours.kneighbors()
    rows[:] = 0
    for a, b in zip(before, neighbours.kneighbors(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_seed_gives_the_same_answers() -> None:
    first, second = (LSHNeighbors(random_state=7).fit(MANY).kneighbors(MANY[:500]) for _ in range(2))
    np.testing.assert_array_equal(first[1], second[1])


def test_threads_do_not_change_the_answers() -> None:
    one = fitted_to_many(None).kneighbors(MANY[:500])
    all_cores = LSHNeighbors(recall=0.9, n_jobs=-1).fit(MANY).kneighbors(MANY[:500])
    np.testing.assert_array_equal(one[1], all_cores[1])
