"""Queries that lie between all buckets, rather than near one, are told, and looked for farther; others are not."""

from typing import Any

import numpy as np
import pytest
from inverted_files import clustered, inverted_file_of  # type: ignore[import-not-found]
from recall_data import blends, points  # type: ignore[import-not-found]

from lookalike.errors import OptionError
from lookalike.index import Index
from lookalike.index.ivf.operating_points import Wide
from lookalike.index.ivf.search import InvertedFileSearch

ROWS = 10_000


@pytest.fixture(scope="module")
def rows() -> Any:
    return points(np.random.default_rng(1), ROWS + 1000, 64, 150)


@pytest.fixture(scope="module", params=["euclidean", "cosine"])
def index(rows: Any, request: pytest.FixtureRequest) -> Index:
    return Index.build(rows[:ROWS], metric=request.param, scan_below=0, n_jobs=1, seed=1)


def shares(index: Index, queries: Any, k: int, **options: Any) -> Any:
    """Return the recall of each answer, (q,)."""
    found = index.search(queries, k, **options)[1]
    truth = index.search(queries, k, **{**options, "recall": 1})[1]
    return (found <= truth[:, -1:] * (1 + 1e-5) + 1e-6).mean(axis=1)


@pytest.mark.parametrize("recall", [0.8, 0.95])
@pytest.mark.parametrize("k", [1, 10, 60])
@pytest.mark.parametrize("parts", [3, 12])
def test_they_find_what_is_asked(index: Index, rows: Any, parts: int, k: int, recall: float) -> None:
    queries = blends(rows[:ROWS], parts)
    allow = np.random.default_rng(3).random(ROWS) < 0.5
    for options in ({}, {"allow": allow}, {"n_jobs": 2}):
        assert shares(index, queries, k, recall=recall, **options).mean() >= recall - 0.02
    alone = [shares(index, query, k, recall=recall)[0] for query in queries[:40]]
    assert np.mean(alone) >= recall - 0.05


def test_a_limit_hides_none_of_them(index: Index, rows: Any) -> None:
    queries = blends(rows[:ROWS], 6)
    limit = float(np.median(index.search(queries, 5, recall=1)[1]))
    found, _ = index.search(queries, 10, max_distance=limit, recall=0.9)
    truth, _ = index.search(queries, 10, max_distance=limit, recall=1)
    assert np.count_nonzero(found >= 0) >= 0.9 * np.count_nonzero(truth >= 0)


def test_ordinary_queries_are_not_among_them(index: Index, rows: Any) -> None:
    buckets = index.view().snapshot.base.buckets
    assert isinstance(buckets, InvertedFileSearch)
    wide = buckets.tuning.wide
    assert wide is not None

    def reached(queries: Any) -> Any:
        if index.metric == "cosine":
            queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        counts = np.empty(len(queries), np.int64)
        buckets.inverted_file.search(queries, 1, 1, 1, breadth=wide.breadth, reached=counts)
        return counts

    assert np.mean(reached(rows[ROWS:]) > wide.most) < 0.005
    assert np.mean(reached(blends(rows[:ROWS], 6)) > wide.most) > 0.9
    assert np.median(reached(rows[:ROWS])) == pytest.approx(len(buckets.sketched.centroids) / 24, abs=2.5)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("spread", [0.001, 0.03])
def test_ordinary_queries_of_tight_clusters_are_not_among_them(metric: Any, spread: float) -> None:
    """A kernel that compares bytes cannot tell how much nearer their own buckets are than the others."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((100, 64))[random.integers(0, 100, 21_000)]
    rows = (rows + spread * random.standard_normal(rows.shape)).astype(np.float32)
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = Index.build(rows[:20_000], metric=metric, scan_below=0, n_jobs=1)
    buckets = index.view().snapshot.base.buckets
    assert isinstance(buckets, InvertedFileSearch)
    wide, counts, queries = buckets.tuning.wide, np.zeros(1000, np.int64), rows[20_000:].astype(np.float32)
    if wide is not None:
        buckets.inverted_file.search(queries, 1, 1, 1, breadth=wide.breadth, reached=counts)
        assert np.mean(counts > wide.most) < 0.01


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_buckets_within_a_breadth_are_counted(metric: Any, count: int) -> None:
    """Nearness is compared in whole numbers of a byte, so that some at the edge may count or not."""
    random = np.random.default_rng(5)
    inverted_file = inverted_file_of(clustered(random, 3000, 40, 60), metric, 60)
    queries = clustered(random, count, 40, 60) / 2
    if metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    queries = queries.astype(np.float32)
    farther, units = inverted_file.farther(queries)
    mask = inverted_file.sketched.mask(random.random(3000) < 0.5)
    for breadth in (0.0, float(np.median(farther / units)), 1e9):
        expected = np.count_nonzero(farther <= breadth * units, axis=1)
        for options in ({}, {"reach": 0.1}, {"visible": mask}, {"threads": 2}):
            counts = np.full(count, -1)
            inverted_file.search(queries, 5, 4, 20, breadth=breadth, reached=counts, **options)
            assert np.abs(counts - expected).max() <= 6
            assert breadth < 1e9 or (counts == 60).all()
    counts = np.full(count, -1)
    inverted_file.search(queries, 5, 4, 20, reached=counts)
    assert (counts == 0).all()


def test_one_query_alone_has_no_answer_where_too_many_are() -> None:
    random = np.random.default_rng(6)
    inverted_file = inverted_file_of(clustered(random, 3000, 40, 60), "euclidean", 60)
    query = clustered(random, 1, 40, 60)
    counts = np.empty(1, np.int64)
    breadth = float(np.median((lambda farther, units: farther / units)(*inverted_file.farther(query))))
    inverted_file.search(query, 5, 4, 20, breadth=breadth, reached=counts)
    for wide, answered in (
        (None, True),
        (Wide(breadth, int(counts[0])), True),
        (Wide(breadth, int(counts[0]) - 1), False),
    ):
        search = inverted_file.one_search(5, 4, 20, 0.1, 0.1, np.inf, wide)
        assert (search(query) is not None) == answered


def test_an_array_that_does_not_fit_is_refused() -> None:
    inverted_file = inverted_file_of(clustered(np.random.default_rng(7), 300, 8), "euclidean", 5)
    queries = clustered(np.random.default_rng(8), 3, 8)
    for reached in (np.empty(2, np.int64), np.empty(3, np.int32), np.empty(6, np.int64)[::2]):
        with pytest.raises(OptionError, match="int64 for each of 3 queries"):
            inverted_file.search(queries, 5, 4, 20, breadth=1.0, reached=reached)


def test_an_index_that_does_not_tell_what_is_wide_still_searches(rows: Any) -> None:
    """As those that earlier versions saved."""
    index = Index.build(rows[:3000], scan_below=0, n_jobs=1)
    buckets = index.view().snapshot.base.buckets
    assert isinstance(buckets, InvertedFileSearch)
    parts = buckets.tuning.to_json()
    del parts["wide"]
    old = InvertedFileSearch.restored(buckets.sketched, {"tuning": parts})
    assert old.tuning.wide is None
    queries = rows[3000:3100]
    found = old.search(queries, 10, 0.95, None, np.inf, 1)
    assert found is not None
    np.testing.assert_array_equal(found[0], index.search(queries, 10, recall=0.95)[0])
