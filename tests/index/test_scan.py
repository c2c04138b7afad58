"""The exact scan is exact, however vectors are offset or scaled."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lookalike.index import Index, bounds, row_forms, scan
from lookalike.index.squares import Squares

METRICS = ["euclidean", "cosine", "dot"]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of few rows, so that few rows make many of them."""
    monkeypatch.setattr(scan, "BOUNDS_BYTES", 4 * 700)
    monkeypatch.setattr(bounds, "WIDE_BYTES", 4 * 300)
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


def plain(random: Any, rows: Any) -> None:
    """Leave the rows as they are."""


def longer(random: Any, rows: Any) -> None:
    """Make some rows longer than the others, up to a tenth of them."""
    rows[random.choice(len(rows), 1 + len(rows) // 10, replace=False)] *= 1e4


def of_all_lengths(random: Any, rows: Any) -> None:
    """Let lengths span six powers of ten."""
    rows *= 10 ** random.uniform(-3, 3, (len(rows), 1))


def apart(random: Any, rows: Any) -> None:
    """Put a part of the rows far away."""
    rows[: random.integers(1, len(rows) + 1)] += 1e4


def repeated(random: Any, rows: Any) -> None:
    """Make many rows one and the same."""
    rows[random.random(len(rows)) < 0.7] = rows[0]


def stretched(random: Any, rows: Any) -> None:
    """Make one number of each row large."""
    rows[:, 0] *= 1e5


def shrunk(random: Any, rows: Any) -> None:
    """Make every third row so small that float32 does not hold its square."""
    rows[::3] *= 1e-20


ODD = [plain, longer, of_all_lengths, apart, repeated, stretched, shrunk]


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(METRICS),
    st.sampled_from([1, 2, 5, 40, 200, 700]),
    st.integers(1, 20),
    st.sampled_from([1e-15, 1.0, 1e8]),
    st.sampled_from([0, 1, 1000, 1e6]),
    st.sampled_from(ODD),
)
def test_scan_is_exact(
    seed: Any, metric: Any, count: Any, k: Any, scale: Any, offset: Any, change: Any
) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(-3, 4, (count, 6)) + 0.5
    change(random, rows)
    rows = ((rows + offset) * scale).astype(np.float32)
    assume(metric != "cosine" or np.einsum("ij,ij->i", rows, rows).min() > 0)
    ids = random.permutation(1000)[:count]
    own = random.integers(0, count, 4)
    queries = np.concatenate((rows[own[:2]], rows[own[2:]] * np.float32(0.75)))
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


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each scan adds how many rows it compares exactly."""
    counts: list[int] = []
    own = scan.pair_distances

    def counting(queries: Any, vectors: Any, query: Any, row: Any, metric: Any) -> Any:
        counts.append(len(row))
        return own(queries, vectors, query, row, metric)

    monkeypatch.setattr(scan, "pair_distances", counting)
    return counts


def rows_of_kind(kind: str, dimension: int) -> Any:
    """Return rows (4000, dimension) with a spread of 1."""
    random = np.random.default_rng(6)
    rows = random.standard_normal((4000, dimension))
    if kind == "one long row":
        rows[1000] *= 1e4
    elif kind == "long rows":
        rows[random.choice(2000, 40, replace=False)] *= 1e4
    elif kind == "lengths":
        rows *= 10 ** random.uniform(-3, 3, (4000, 1))
    elif kind == "offset":
        rows += 300
    elif kind == "large offset":
        rows += 1e4
    elif kind == "cluster":
        rows[:400] -= 1e4
    return rows.astype(np.float32)


@pytest.mark.parametrize("dimension", [8, 200])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "kind", ["plain", "one long row", "long rows", "lengths", "offset", "large offset", "cluster"]
)
def test_odd_rows_make_others_no_less_certain(
    compared: list[int], kind: str, metric: Any, dimension: int
) -> None:
    if (kind, metric) == ("cluster", "dot"):
        pytest.skip("a far cluster's products with one query are alike to float32")
    rows = rows_of_kind(kind, dimension)
    queries = rows[2000:2020] + np.float32(0.01)
    Index.build(rows, metric=metric, recall=1).search(queries, 10)
    assert sum(compared) <= 60 * len(queries)


@pytest.mark.parametrize("metric", METRICS)
def test_a_tail_that_begins_with_a_long_row_is_no_less_certain(compared: list[int], metric: Any) -> None:
    rows = rows_of_kind("plain", 20)
    index = Index.build(rows[:10], metric=metric, recall=1)
    index.add([10], rows[10] * 1e4)
    index.search(rows[:1], 1)
    index.add(np.arange(11, 4000), rows[11:])
    compared.clear()
    index.search(rows[2000:2020], 10)
    assert sum(compared) <= 80 * 20


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
@pytest.mark.parametrize("change", ODD)
def test_rows_farther_than_wanted_may_be_missing_and_no_others(metric: Any, change: Any) -> None:
    random = np.random.default_rng(3)
    rows = random.integers(-3, 4, (700, 6)) + 0.5
    change(random, rows)
    rows = rows.astype(np.float32)
    kept = row_forms.prepared(rows, metric)
    queries, ids = kept[[5, 100, 300]], np.arange(700)
    every, distances = scan.scan(queries, kept, ids, 50, metric)
    within = np.array([distances[0, 20], np.inf, distances[2, 0]], dtype=np.float32)
    found, near = scan.scan(queries, kept, ids, 50, metric, within=within)
    for row in range(3):
        wanted = np.count_nonzero(distances[row] <= within[row])
        assert found[row, :wanted].tolist() == every[row, :wanted].tolist()
        assert near[row, :wanted].tolist() == distances[row, :wanted].tolist()


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
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.sampled_from(METRICS))
def test_squares_keep_what_is_filled_in(counts: Any, metric: Any) -> None:
    rows = np.random.default_rng(7).standard_normal((400, 3)).astype(np.float32)
    squares, total, room = Squares(), 0, 0
    for count in counts:
        total += count
        known = squares.of(rows[:total], metric)
        assert known.squares.shape == (total,)
        if total > room:  # there is a new centre
            room = max(total, 2 * room)
            assert np.isnan(known.squares).all()
        known.squares[:] = np.arange(total)
        assert np.array_equal(squares.of(rows[:total], metric).squares, np.arange(total))


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_were_scanned_once_are_multiplied_as_they_lie(
    metric: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rows = row_forms.as_hashed(random.standard_normal((500, 8), dtype=np.float32), metric)
    known, seen = Squares(), []
    blocks = bounds.Bounding._blocks

    def watched(self: Any, of: Any, count: int, changed: bool) -> Any:
        seen.append(changed)
        return blocks(self, of, count, changed)

    monkeypatch.setattr(bounds.Bounding, "_blocks", watched)
    for _ in range(2):
        scan.scan(rows[:1], rows, np.arange(500), 5, metric, squares=known)
    assert seen[-1] is False
