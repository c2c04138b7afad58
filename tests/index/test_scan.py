"""The exact scan is exact, however vectors are offset or scaled."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.index import Index, row_forms, scan
from lookalike.index.snapshot import Squares

METRICS = ["euclidean", "cosine", "dot"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of few rows, so that few rows make many of them."""
    monkeypatch.setattr(scan, "BOUNDS_BYTES", 4 * 700)
    monkeypatch.setattr(scan, "WIDE_BYTES", 4 * 300)
    yield


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
    rows = np.tile(base, (5, 1))  # each vector is there five times
    ids, distances = Index.build(rows).search(base[:20], 7)
    assert np.array_equal(ids[:, :5], np.arange(20)[:, np.newaxis] + 300 * np.arange(5))
    assert not distances[:, :5].any()
    assert (distances[:, 5:] > 1).all()


def test_largest_numbers_do_not_overflow() -> None:
    rows = np.array([[3.1e18, 0], [-3.1e18, 0], [0, 3.1e18]], dtype=np.float32)
    ids, distances = Index.build(rows).search(rows, 3)
    assert ids.tolist() == [[0, 2, 1], [1, 2, 0], [2, 0, 1]]
    assert distances[0, 2] == np.float32(6.2e18)


def test_limit_on_distance_counts_the_limit_in() -> None:
    index = Index.build(np.arange(5, dtype=np.float32)[:, np.newaxis])
    ids, distances = index.search([0], 4, max_distance=2)
    assert ids.tolist() == [[0, 1, 2, -1]]
    assert distances[0].tolist() == [0, 1, 2, np.inf]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int8"])
def test_many_blocks_of_every_type_are_as_one(dtype: Any, metric: Any) -> None:
    random = np.random.default_rng(2)
    rows = random.integers(1, 100, (1500, 6)).astype(dtype)
    # Far ones first, so that every block has nearer rows than all before.
    rows = rows[np.argsort(-np.linalg.norm(rows - rows[0].astype(float), axis=1))]
    ids, queries = random.permutation(9000)[:1500], np.concatenate((rows[-3:], rows[:2]))
    index = Index.build(rows, ids=ids, metric=metric, recall=1)
    for _ in range(2):  # the second time with the squares of the first
        found, distances = index.search(queries, 5)
        want_ids, want = exact(queries, rows, ids, 5, metric)
        np.testing.assert_allclose(distances, want, rtol=3e-7, atol=1e-12)
        if metric == "euclidean":
            assert np.array_equal(found, want_ids)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("hidden", [0.01, 0.6, 0.99])
def test_hidden_rows_change_nothing_else(dtype: Any, metric: Any, hidden: Any) -> None:
    random = np.random.default_rng(3)
    rows = random.integers(1, 100, (1500, 6)).astype(dtype)
    shown = np.flatnonzero(random.random(1500) >= hidden)
    part = Index.build(rows[shown], ids=shown, metric=metric, recall=1)
    index = Index.build(rows, metric=metric, recall=1)
    for queries in (rows[:1], rows[:40]):
        found, want = index.search(queries, 4, allow=shown), part.search(queries, 4)
        assert np.array_equal(found[0], want[0])
        assert np.array_equal(found[1], want[1])


def test_a_hidden_row_far_off_costs_no_precision() -> None:
    rows = np.random.default_rng(4).standard_normal((300, 8)).astype(np.float32)
    rows[7] = 1e15
    index = Index.build(rows, recall=1)
    index.remove([7])
    found, distances = index.search(rows[8:12], 3)
    want_ids, want = exact(rows[8:12], np.delete(rows, 7, 0), np.delete(np.arange(300), 7), 3, "euclidean")
    assert np.array_equal(found, want_ids)
    np.testing.assert_allclose(distances, want, rtol=3e-7)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_a_growing_tail_is_scanned_as_rows_built_at_once(dtype: Any, metric: Any) -> None:
    rows = np.random.default_rng(5).integers(1, 100, (400, 6)).astype(dtype)
    index = Index.build(rows[:100], metric=metric, recall=1)
    for stop in (101, 130, 131, 250, 400):
        index.add(np.arange(len(index), stop), rows[len(index) : stop])
        found = index.search(rows[:stop:9], 6)
        want = Index.build(rows[:stop], metric=metric, recall=1).search(rows[:stop:9], 6)
        assert np.array_equal(found[0], want[0])
        assert np.array_equal(found[1], want[1])


def test_every_float16_is_widened_as_numpy_does() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = every[np.isfinite(every)].reshape(-1, 2)
    room = np.empty(halves.shape, dtype=np.float32)
    got = row_forms.widened(halves, room)
    np.testing.assert_array_equal(got.view(np.uint32), halves.astype(np.float32).view(np.uint32))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_squares_keep_what_is_filled_in(counts: Any) -> None:
    squares, seen = Squares(), 0
    for count in counts:
        values = squares.of(count)
        assert values.shape == (count,)
        known = min(seen, count)
        assert np.array_equal(values[:known], np.arange(known))
        assert np.isnan(values[known:]).all()
        values[:] = np.arange(count)
        seen = max(seen, count)
