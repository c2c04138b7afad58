"""The index against a plain model, through any history, in memory and on disk."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import DuplicateIdError, OptionError, UnknownIdError, VectorError
from lookalike.hashing import Hyperplane, PStable
from lookalike.index import Index


def clustered(rows: Any, dimension: Any = 24, groups: Any = 60, seed: Any = 0) -> Any:
    """Return rows around centres, in no order."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((groups, dimension)) * 2
    return (centres[random.integers(0, groups, rows)] + random.standard_normal((rows, dimension))).astype(
        np.float32
    )


def recall(found: Any, truth: Any) -> Any:
    return np.mean([np.isin(wanted, row).mean() for row, wanted in zip(found, truth, strict=True)])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "save", "reopen", "verify"]),
        st.sets(st.integers(0, 30), max_size=12),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=30)
@given(
    steps=STEPS,
    metric=st.sampled_from(["euclidean", "cosine", "dot"]),
    allow=st.none() | st.sets(st.integers(0, 40)),
    scan_below=st.sampled_from([0, 20, 1000]),
)
def test_any_history_gives_what_a_plain_model_gives(
    tmp_path_factory: Any, steps: Any, metric: Any, allow: Any, scan_below: Any
) -> None:
    path = tmp_path_factory.mktemp("index") / "index"
    vectors = np.random.default_rng(5).standard_normal((31, 4)).astype(np.float32)
    index = Index.build(np.empty((0, 4)), metric=metric, scan_below=scan_below)
    model: set[int] = set()
    for verb, numbers in steps:
        if verb == "add":
            new = sorted(numbers - model)
            index.add(new, vectors[new])
            model |= numbers
        elif verb == "remove":
            index.remove(sorted(numbers & model))
            model -= numbers
        else:
            index.save(path, stamp=len(model))
            if verb != "save":
                index = Index.open(path, verify=verb == "verify")
                assert index.stamp == len(model)
        assert len(index) == len(model)
        assert index.ids().tolist() == sorted(model)
    rows = sorted(model if allow is None else model & allow)
    plain = Index.build(vectors[rows], ids=rows, metric=metric, recall=1) if rows else None
    allowed = None if allow is None else sorted(allow)
    ids, distances = index.search(vectors[:5], 6, allow=allowed, recall=1)
    if plain is None:
        assert (ids == -1).all()
        return
    want_ids, want = plain.search(vectors[:5], 6)
    assert np.array_equal(ids, want_ids)
    assert np.array_equal(distances, want)
    assert np.array_equal(index.vectors(rows), plain.vectors(rows))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_buckets_reach_the_recall_aimed_at(metric: Any) -> None:
    rows, queries = clustered(4000), clustered(150, seed=1)
    index = Index.build(rows, metric=metric, scan_below=1000)
    assert index.stats().path == "buckets"
    truth, exact = index.search(queries, 10, recall=1)
    for aim in (0.8, 0.95):
        found, distances = index.search(queries, 10, recall=aim)
        assert recall(found, truth) > aim - 0.02
    assert recall(found, truth) < 1  # else it was no bucket search that was tested
    same = found == truth
    np.testing.assert_allclose(distances[same], exact[same], rtol=1e-5)
    again = Index.build(rows, metric=metric, scan_below=1000)
    assert np.array_equal(again.search(queries, 10)[0], index.search(queries, 10)[0])


@pytest.mark.parametrize(
    "family",
    [Hyperplane(tables=4, bits=5, seed=1), PStable(tables=4, floors=4, bucket_size=9.0, seed=1)],
    ids=lambda family: family.name,
)
def test_random_families_reach_it_too(tmp_path: Any, family: Any) -> None:
    rows, queries = clustered(2000), clustered(60, seed=1)
    index = Index.build(rows, metric="cosine", scan_below=1000, family=family)
    assert index.stats().tables == 4
    truth, _ = index.search(queries, 10, recall=1)
    found, _ = index.search(queries, 10, recall=0.8)
    assert recall(found, truth) > 0.78
    index.save(tmp_path / "i")
    assert np.array_equal(Index.open(tmp_path / "i", verify=True).search(queries, 10, recall=0.8)[0], found)


def test_a_family_whose_buckets_find_nothing_is_left_to_the_scan() -> None:
    rows = clustered(50)
    index = Index.build(rows, scan_below=0, family=PStable(tables=1, floors=1, bucket_size=0.01))
    assert index.stats().path == "scan"
    assert (index.search(rows, 1)[0][:, 0] == np.arange(50)).all()


@pytest.fixture(scope="module")
def large() -> Any:
    return Index.build(clustered(6000), scan_below=300)


def test_a_filter_costs_no_recall(large: Any) -> None:
    rows, queries = clustered(6000), clustered(200, seed=1)
    random = np.random.default_rng(3)
    near = np.argsort(np.linalg.norm(rows - queries[0], axis=1))
    for allow in (
        np.sort(random.choice(6000, 3000, replace=False)),  # half, whatever the query
        np.sort(random.choice(6000, 600, replace=False)),
        np.sort(near[2000:]),  # none near the first query
        np.sort(near[-400:]),
        np.arange(50),
    ):
        truth, _ = large.search(queries, 10, allow=allow, recall=1)
        found, _ = large.search(queries, 10, allow=allow)
        assert recall(found, truth) > 0.93
        assert recall(found[:1], truth[:1]) > 0.85
        assert np.isin(found, allow).all()


def test_k_hits_come_back_where_k_exist(large: Any) -> None:
    ids, distances = large.search(clustered(3, seed=2), 6000)
    assert all(len(set(row)) == 6000 for row in ids.tolist())
    assert (np.diff(distances, axis=1) >= 0).all()


def test_growth_by_adding_keeps_recall_and_removed_rows_vanish() -> None:
    rows, queries = clustered(5000), clustered(100, seed=1)
    index = Index.build(rows[:10], scan_below=1000)
    paths = []
    for start in range(10, 5000, 499):
        index.add(range(start, start + 499), rows[start : start + 499])
        paths.append(index.stats().path)
    assert paths[0] == "scan"
    assert paths[-1] == "buckets"
    index.add([5000, 5001], queries[:2])
    assert index.search(queries[:2], 1)[0].tolist() == [[5000], [5001]]
    assert index.stats().tail_rows >= 2
    index.remove(range(0, 900, 3))
    index.remove([5000])
    truth, _ = index.search(queries, 10, recall=1)
    found, _ = index.search(queries, 10)
    assert recall(found, truth) > 0.93
    assert not np.isin(found, [*range(0, 900, 3), 5000]).any()
    index.add([5000], queries[:1])
    assert index.search(queries[:1], 1)[0].tolist() == [[5000]]
    index.remove(index.ids())
    assert len(index) == 0
    assert (index.search(queries, 3)[0] == -1).all()


def test_explain(large: Any) -> None:
    queries = clustered(30, seed=4)
    seen = set()
    for query in queries:
        truth, distances = large.search(query, 6000, recall=1)
        found, _ = large.search(query, 10)
        ranked = list(enumerate(zip(truth[0].tolist(), distances[0], strict=True)))
        for rank, (number, distance) in [*ranked[:10], ranked[-1]]:
            told = large.explain(query, number)
            assert (told.rank, told.path, len(told.tables)) == (rank, "buckets", 1)
            assert told.distance == distance
            assert told.candidate == told.tables[0].shared == (told.tables[0].rank is not None)
            assert told.candidate or number not in found
            assert abs(told.estimated_distance - told.distance) < 2 * told.estimate_error
            seen.add(told.candidate)
    assert seen == {True, False}
    small = Index.build(clustered(20))
    assert small.explain(queries[0], 3).path == "scan"
    assert small.explain(queries[0], 3).estimated_distance is None


def test_search_while_adding_sees_a_committed_state() -> None:
    rows = clustered(4000)
    index = Index.build(rows[:1000], scan_below=1500)
    errors: list[Any] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            before = len(index)
            ids, distances = index.search(rows[:4], 5, recall=1)
            after = len(index)
            if (ids[:, 0] != np.arange(4)).any() or distances[:, 0].any() or not before <= after:
                errors.append((ids, distances))
            if ids.max() >= after:
                errors.append(ids)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for start in range(1000, 2000, 100):
            index.add(range(start, start + 100), rows[start : start + 100])
    finally:
        done.set()
        thread.join()
    assert not errors
    assert len(index) == 2000


def test_what_the_caller_does_to_his_array_later_does_not_matter() -> None:
    rows = clustered(50)
    index = Index.build(rows)
    kept = rows.copy()
    rows[:] = 0
    assert np.array_equal(index.vectors(range(50)), kept)


def test_errors_name_what_is_wrong() -> None:
    index = Index.build(clustered(20))
    with pytest.raises(DuplicateIdError, match="id 3 is in the index"):
        index.add([30, 3], clustered(2))
    assert len(index) == 20
    with pytest.raises(UnknownIdError, match="id 77"):
        index.remove([2, 77])
    assert 2 in index
    with pytest.raises(VectorError, match="dimension 5; this needs 24"):
        index.search(np.zeros(5), 3)
    with pytest.raises(OptionError, match="k is 0"):
        index.search(np.zeros(24), 0)
    with pytest.raises(OptionError, match=r"recall is 1\.5"):
        Index.build(clustered(3), recall=1.5)
    with pytest.raises(OptionError, match="metric 'l3'"):
        Index.build(clustered(3), metric="l3")
    with pytest.raises(UnknownIdError):
        index.explain(np.zeros(24), 99)
