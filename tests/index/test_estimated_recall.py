"""The recall that is estimated of an answer is about the one that it has, also of queries unlike the rows."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recall_data import blends, points  # type: ignore[import-not-found]

from lookalike.index import Index
from lookalike.index import search as index_search
from lookalike.index.ivf import tuning
from lookalike.index.ivf.estimated_recall import Fits, UsualSlope

ROWS, DIMENSION, K = 12_000, 64, 30
LOW = 0.5
SIFT = Path(os.environ.get("LOOKALIKE_DATA") or "/nonexistent") / "sift" / "base_300k_u8.npy"


@pytest.fixture(scope="module")
def rows() -> Any:
    return points(np.random.default_rng(1), ROWS + 400, DIMENSION, 150)


@pytest.fixture(scope="module")
def index(rows: Any) -> Index:
    """Return an index that does not look farther for queries between the rows, so that it misses much."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "_wide", lambda inverted_file, queries, beyond: None)
        return Index.build(rows[:ROWS], scan_below=0, n_jobs=1, seed=1)


def found_and_estimated(index: Index, queries: Any, k: int = K, **options: Any) -> tuple[Any, Any]:
    """Return the recall of each answer, and that which is estimated."""
    distances = index.search(queries, k, **options)[1]
    estimated = index.estimated_recall(queries, k, **options)
    assert estimated.shape == (len(queries),)
    assert estimated.dtype == np.float32
    assert ((estimated >= 0) & (estimated <= 1)).all()
    truth = index.search(queries, k, **{**options, "recall": 1})[1]
    return (distances <= truth[:, -1:] * (1 + 1e-6)).mean(axis=1), estimated


@pytest.mark.parametrize("recall", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("k", [1, 10, K, 100])
def test_of_ordinary_queries_it_is_about_what_was_asked(
    index: Index, rows: Any, recall: float, k: int
) -> None:
    found, estimated = found_and_estimated(index, rows[ROWS:], k, recall=recall)
    assert abs(estimated.mean() - found.mean()) < 0.1
    assert (estimated < LOW).mean() < (0.2 if recall == 0.8 else 0.03)


@pytest.mark.parametrize("parts", [3, 6, 12])
def test_of_queries_unlike_the_rows_it_tells_what_is_missing(index: Index, rows: Any, parts: int) -> None:
    queries = blends(rows[:ROWS], parts)
    found, estimated = found_and_estimated(index, queries)
    assert found.mean() < 0.85
    assert abs(estimated.mean() - found.mean()) < 0.25
    assert found[estimated < LOW].mean() < found[estimated >= LOW].mean() - 0.01


def test_it_tells_such_queries_from_ordinary_ones(index: Index, rows: Any) -> None:
    ordinary = found_and_estimated(index, rows[ROWS:])[1]
    unlike = found_and_estimated(index, blends(rows[:ROWS], 12))[1]
    assert np.quantile(ordinary, 0.05) > np.quantile(unlike, 0.6)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_it_holds_under_a_filter(index: Index, rows: Any, share: float) -> None:
    allow = np.random.default_rng(3).random(ROWS) < share
    for queries in (rows[ROWS:], blends(rows[:ROWS], 12)):
        found, estimated = found_and_estimated(index, queries, allow=allow)
        assert abs(estimated.mean() - found.mean()) < 0.2


@pytest.mark.parametrize("metric", ["dot", "cosine"])
def test_it_holds_under_other_metrics(rows: Any, metric: str) -> None:
    index = Index.build(rows[:6_000], metric=metric, scan_below=0, n_jobs=1, seed=1)
    for queries in (rows[ROWS:], blends(rows[:ROWS], 12)):  # some settings probe one bucket
        ids, estimated = index.search(queries, K)[0], index.estimated_recall(queries, K)
        truth = index.search(queries, K, recall=1)[0]
        found = np.mean([np.isin(*pair).mean() for pair in zip(ids, truth, strict=True)])
        assert abs(estimated.mean() - found) < 0.25


def test_where_every_row_is_compared_it_is_one(index: Index, rows: Any) -> None:
    few = Index.build(rows[:200])
    assert (few.estimated_recall(rows[:3], 5) == 1).all()
    assert (index.estimated_recall(rows[:3], 5, recall=1) == 1).all()
    assert (index.estimated_recall(rows[:3], 5, allow=[3, 4]) == 1).all()
    assert len(index.estimated_recall(rows[:0], 5)) == 0


def test_of_hash_families_it_is_not_known(rows: Any) -> None:
    hashed = Index.build(rows[:3_000], family="hyperplane", metric="cosine", scan_below=0, n_jobs=1)
    assert np.isnan(hashed.estimated_recall(rows[:3], 5)).all()
    assert hashed.explain(rows[0], 0).estimated_recall is None


def test_one_query_is_estimated_as_among_many(index: Index, rows: Any) -> None:
    queries = np.concatenate((rows[ROWS : ROWS + 20], blends(rows[:ROWS], 12)[:20]))
    together = index.estimated_recall(queries, K)
    alone = [index.estimated_recall(query, K)[0] for query in queries]
    np.testing.assert_allclose(together, alone, atol=0.02)


def test_queries_are_estimated_in_the_parts_in_which_a_large_file_is_searched(
    index: Index, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = blends(rows[:ROWS], 12)[:30]
    expected = index.estimated_recall(queries, K)
    monkeypatch.setattr(index_search, "_is_let_go", lambda base: True)
    monkeypatch.setattr(index_search, "RELEASED_BYTES", 1 << 26)
    np.testing.assert_allclose(index.estimated_recall(queries, K), expected, atol=0.02)


def test_rows_that_come_and_go_do_no_harm(rows: Any) -> None:
    changed = Index.build(rows[:ROWS], scan_below=0, n_jobs=1, seed=1)
    changed.add(np.arange(ROWS, ROWS + 300), rows[ROWS : ROWS + 300])
    changed.remove(np.arange(0, 500))
    for queries in (rows[ROWS:], blends(rows[:ROWS], 12)):
        found, estimated = found_and_estimated(changed, queries)
        assert abs(estimated.mean() - found.mean()) < 0.3


def test_a_limit_and_more_neighbours_than_rows_are_taken(index: Index, rows: Any) -> None:
    nearest = index.search(rows[ROWS:], 1)[1]
    for limit in (0.0, float(np.median(nearest)), 1e9):
        found_and_estimated(index, rows[ROWS : ROWS + 10], max_distance=limit)
    few = Index.build(rows[:200])
    assert few.estimated_recall(rows[:2], 300).tolist() == [1, 1]


def test_an_explanation_tells_it(index: Index, rows: Any) -> None:
    query = blends(rows[:ROWS], 12)[0]
    told = index.explain(query, 0).estimated_recall
    assert told == pytest.approx(float(index.estimated_recall(query, 10)[0]))


def test_on_descriptors_of_photographs_it_is_about_what_is_found() -> None:
    if not SIFT.exists():
        pytest.skip(f"needs {SIFT}: set LOOKALIKE_DATA to a folder that has sift/base_300k_u8.npy")
    rows = np.load(SIFT, mmap_mode="r")[::20]
    index = Index.build(rows[:14_000], scan_below=0, n_jobs=1)
    for k, recall in ((10, 0.8), (10, 0.95), (50, 0.95)):
        found, estimated = found_and_estimated(index, rows[14_000:], k, recall=recall)
        assert abs(estimated.mean() - found.mean()) < 0.05


@given(
    farther=st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=30),
    probed=st.integers(1, 30),
    hits=st.lists(st.integers(0, 29), max_size=20),
    sizes=st.lists(st.integers(0, 1000), min_size=31, max_size=31),
    promise=st.floats(0, 1),
    place=st.floats(-200, 200),
    shift=st.floats(-10, 10),
)
def test_whatever_was_found_it_is_a_share(
    farther: list[float],
    probed: int,
    hits: list[int],
    sizes: list[int],
    promise: float,
    place: float,
    shift: float,
) -> None:
    ascending = np.sort(np.array([0.0, *farther], dtype=np.float32))[np.newaxis]
    count = ascending.shape[1]
    edge = ascending[:, [min(probed, count) - 1]]
    buckets = np.array([[-1, *(bucket % count for bucket in hits)]])
    rows = np.array([1, *sizes][:count])
    rows[buckets[0, 1:]] += 1
    (share,) = Fits.of(ascending, edge, buckets, rows, promise).recalls(UsualSlope(place, shift))
    assert 0 <= share <= 1


@given(st.integers(1, 19), st.integers(2, 100))
def test_the_farther_the_buckets_of_the_hits_the_less_was_found(step: int, k: int) -> None:
    farther = np.linspace(0, 1, 100, dtype=np.float32)[np.newaxis]
    rows, edge = np.full(100, 20), farther[:, [19]]
    near, far = (np.full((1, k), bucket, dtype=np.int64) for bucket in (0, step))
    shares = [Fits.of(farther, edge, hits, rows, 0.95).recalls(UsualSlope(8, 0))[0] for hits in (near, far)]
    assert shares[0] > shares[1]
