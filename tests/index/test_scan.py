"""The exact scan is exact, however vectors are offset or scaled."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.index import Index

METRICS = ["euclidean", "cosine", "dot"]


def exact(queries: Any, rows: Any, ids: Any, k: Any, metric: Any) -> Any:
    """Return ids and distances by float64 differences, one pair at a time."""
    wide, asked = rows.astype(np.float64), queries.astype(np.float64)
    if metric == "cosine":  # rows are kept in float32 at length one
        wide = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
        asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    if metric == "dot":
        distances = -np.array([[float(q @ r) for r in wide] for q in asked])
    else:
        distances = np.array([[np.sqrt(np.sum((q - r) ** 2)) for r in wide] for q in asked])
        if metric == "cosine":
            distances = distances**2 / 2
    distances = distances.astype(np.float32)
    order = np.lexsort((np.tile(ids, (len(queries), 1)), distances), axis=1)[:, :k]
    return ids[order], np.take_along_axis(distances, order, axis=1)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(METRICS),
    st.integers(1, 60),
    st.integers(1, 20),
    st.sampled_from([1e-15, 1.0, 1e15]),
    st.sampled_from([0, 1, 1000]),
)
def test_scan_is_exact(seed: Any, metric: Any, count: Any, k: Any, scale: Any, offset: Any) -> None:
    random = np.random.default_rng(seed)
    rows = (random.integers(-3, 4, (count, 6)) + offset + 0.5) * scale
    rows = rows.astype(np.float32)
    ids = random.permutation(1000)[:count]
    queries = np.concatenate((rows[:2], rows[:2] * np.float32(0.75)))
    found_ids, distances = Index.build(rows, ids=ids, metric=metric).search(queries, k)
    want_ids, want = exact(queries, rows, ids, k, metric)
    here = min(k, count)
    np.testing.assert_allclose(distances[:, :here], want, rtol=3e-7, atol=1e-37)
    assert (found_ids[:, here:] == -1).all()
    assert np.isinf(distances[:, here:]).all()
    # Where rounding does not make one distance two, ids are the same, the lower first among equals.
    same = (np.diff(want, axis=1) > 1e-6 * np.abs(want[:, 1:])) | (np.diff(want, axis=1) == 0)
    rows_same = same.all(axis=1) if here < count else np.ones(len(queries), bool)
    if metric == "euclidean":
        assert np.array_equal(found_ids[rows_same, :here], want_ids[rows_same])


def test_a_vector_is_at_distance_0_of_itself() -> None:
    rows = np.random.default_rng(0).standard_normal((500, 40)).astype(np.float32) + 1000
    for metric in ("euclidean", "cosine"):
        ids, distances = Index.build(rows, metric=metric).search(rows, 1)
        assert np.array_equal(ids[:, 0], np.arange(500))
        assert not distances.any()


def test_many_blocks_and_equal_rows() -> None:
    base = np.random.default_rng(1).standard_normal((300, 2000)).astype(np.float32)
    rows = np.tile(base, (5, 1))  # blocks of 524 rows; each vector is there five times
    ids, distances = Index.build(rows).search(base[:20], 7)
    assert np.array_equal(ids[:, :5], np.arange(20)[:, np.newaxis] + 300 * np.arange(5))
    assert not distances[:, :5].any()
    assert (distances[:, 5:] > 1).all()


def test_largest_numbers_do_not_overflow() -> None:
    rows = np.array([[1.8e19, 0], [-1.8e19, 0], [0, 1.8e19]], dtype=np.float32)
    ids, distances = Index.build(rows).search(rows, 3)
    assert ids.tolist() == [[0, 2, 1], [1, 2, 0], [2, 0, 1]]
    assert distances[0, 2] == np.float32(3.6e19)


def test_limit_on_distance_counts_the_limit_in() -> None:
    index = Index.build(np.arange(5, dtype=np.float32)[:, np.newaxis])
    ids, distances = index.search([0], 4, max_distance=2)
    assert ids.tolist() == [[0, 1, 2, -1]]
    assert distances[0].tolist() == [0, 1, 2, np.inf]
