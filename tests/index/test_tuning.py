"""The recall that is predicted is the recall that is had."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inverted_files import clustered, inverted_file_of  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.errors import OptionError
from lookalike.hashing.k_means import many_means
from lookalike.index.drawn_queries import drawn_queries, stand_for_queries
from lookalike.index.ivf import build
from lookalike.index.ivf.operating_points import OperatingPoint, Tuning
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.ivf.tuning import NEIGHBOURS, _margins, _traced, measured
from lookalike.kernels.plan import LARGEST_DEPTH
from lookalike.kernels.reference import METRICS


@pytest.mark.parametrize("metric", METRICS)
def test_a_recall_that_is_asked_is_had(metric: Any) -> None:
    random = np.random.default_rng(1)
    inverted_file = inverted_file_of(clustered(random, 8_000, 48, 200), metric, 90)
    tuning = measured(inverted_file, 0)
    queries = clustered(random, 1000, 48, 200)
    if metric == "cosine":
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    hashed = inverted_file.sketched.rows_as_hashed(np.arange(8_000))
    scores = -queries @ hashed.T
    if metric != "dot":
        scores += (hashed**2).sum(axis=1) / 2
    for k in (1, 10):
        truth = inverted_file.sketched.ids[np.argsort(scores, axis=1)[:, :k]]
        for recall in (0.8, 0.9, 0.95, 0.99):
            setting = tuning.choose(k, recall)
            assert setting is not None
            found, _ = inverted_file.search(
                queries, k, setting.probes, setting.rerank, reach=setting.reach, margin=setting.margin
            )
            shares = [np.isin(wanted, own).mean() for wanted, own in zip(truth, found, strict=True)]
            error = np.hypot(setting.error, np.std(shares) / len(shares) ** 0.5)
            assert np.mean(shares) >= recall - 0.01 - 2 * error
            assert setting.rows < 8_000


def test_settings_grow_in_recall_and_survive_json() -> None:
    tuning = measured(inverted_file_of(clustered(np.random.default_rng(2), 5_000, 48), "euclidean", 60), 0)
    assert tuning == Tuning.from_json(tuning.to_json())
    assert tuning.wide is not None
    for k in (10, 30, 100):
        floors = [setting.floor for setting in tuning.settings if setting.k == k]
        assert floors == sorted(set(floors))
        assert len(floors) > 3
    larger = tuning.choose(2000, 0.9)
    at = tuning.choose(1000, 0.9)
    assert larger is not None
    assert at is not None
    assert (larger.probes, larger.rerank) == (2 * at.probes, 2 * at.rerank)


def test_settings_lie_between_those_that_were_measured() -> None:
    few = OperatingPoint(10, 4, 0.1, 20, 0.2, 0.81, 0.01, 0.8, 400.0)
    many = replace(few, probes=8, reach=0.3, rerank=40, recall=0.91, floor=0.9, rows=800.0)
    deep = OperatingPoint(100, 16, 0.5, 200, 0.4, 0.92, 0.01, 0.9, 1600.0)
    tuning = Tuning(512, (few, many, deep))
    half = tuning.choose(10, 0.85)
    assert half is not None
    assert (half.probes, half.rerank, round(half.rows)) == (6, 30, 600)
    assert half.reach == pytest.approx(0.2)
    assert tuning.choose(10, 0.7) == few
    assert tuning.choose(10, 0.95) is None
    assert tuning.choose(3, 0.9) == replace(many, k=3)
    costs = [tuning.choose(k, 0.9) for k in range(10, 101)]
    for name in ("k", "probes", "reach", "rerank", "rows"):
        grown = [getattr(one, name) for one in costs]
        assert grown == sorted(grown), name
    assert costs[-1] == deep


def test_between_settings_only_probes_or_only_rerank_change() -> None:
    wide = OperatingPoint(10, 8, 0.3, 20, 0.1, 0.81, 0.01, 0.8, 800.0)
    deep = replace(wide, probes=4, reach=0.1, rerank=40, margin=0.3, recall=0.85, floor=0.84, rows=400.0)
    both = replace(deep, probes=8, reach=0.3, recall=0.91, floor=0.9, rows=800.0)
    unlike = replace(both, probes=16, reach=0.5, rerank=60, margin=0.4, recall=0.96, floor=0.95, rows=1600.0)
    tuning = Tuning(512, (wide, deep, both, unlike))
    half = tuning.choose(10, 0.87)
    assert half is not None
    assert (half.probes, half.rerank, half.margin) == (6, 40, deep.margin)
    shallow = Tuning(512, (replace(deep, floor=0.79), wide, both)).choose(10, 0.85)
    assert shallow is not None
    assert (shallow.probes, shallow.rerank) == (8, 30)
    last = tuning.choose(10, 0.925)  # there is none like it
    assert last is not None
    assert (last.probes, last.rerank) == (12, 50)


def test_near_copies_do_not_make_recall_look_high() -> None:
    random = np.random.default_rng(5)
    pictures = clustered(random, 2_500, 48, 60)
    views = [
        pictures + np.float32(0.02) * random.standard_normal(pictures.shape).astype(np.float32)
        for _ in range(3)
    ]
    index = Index.build(np.concatenate(views), metric="euclidean", scan_below=0, n_jobs=1)
    assert "near-copies" in index.stats().notes[0]
    queries = clustered(random, 1000, 48, 60)
    truth, _ = index.search(queries, 1, recall=1)
    for recall in (0.8, 0.9):
        found, _ = index.search(queries, 1, recall=recall)
        assert np.mean(found == truth) >= recall - 0.03
    alone = Index.build(pictures, metric="euclidean", scan_below=0, n_jobs=1)
    assert alone.stats().notes == ()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_queries_that_are_not_like_the_rows_are_looked_for_farther(metric: Any) -> None:
    random = np.random.default_rng(7)
    middles = random.standard_normal((200, 24))
    rows = (middles[random.integers(200, size=8_000)] + 0.3 * random.standard_normal((8_000, 24))).astype(
        np.float32
    )
    others = random.standard_normal((300, 24)).astype(np.float32)
    index = Index.build(rows, metric=metric, scan_below=0, n_jobs=1)
    truth, far = index.search(others, 10, recall=1)
    buckets = index.view().snapshot.base.buckets
    assert isinstance(buckets, InvertedFileSearch)
    assert np.mean(far[:, -1] > buckets.tuning.farthest(10)) > 0.5
    for recall in (0.8, 0.9, 0.95):
        found, _ = index.search(others, 10, recall=recall)
        one, _ = index.search(others[0], 10, recall=recall)
        np.testing.assert_array_equal(one[0], found[0])
        assert (
            np.mean([np.isin(wanted, own).mean() for wanted, own in zip(truth, found, strict=True)])
            >= recall - 0.03
        )


def test_a_scan_is_chosen_only_where_it_is_quicker() -> None:
    rows = clustered(np.random.default_rng(6), 12_000, 96, 300)
    index = Index.build(rows, metric="euclidean", scan_below=0, n_jobs=1)
    buckets = index.view().snapshot.base.buckets
    assert buckets is not None
    for k in (1, 2, 5, 15, 25, 30):
        assert buckets.measurement(k, 0.99) is not None, k
    assert buckets.measurement(12_000, 0.99) is None


def test_more_rows_than_a_search_compares_are_found_by_a_scan() -> None:
    buckets = Index.build(
        np.random.default_rng(11).normal(size=(3000, 8)), scan_below=0
    )._view.snapshot.base.buckets
    assert buckets is not None
    assert buckets.measurement(LARGEST_DEPTH, 0.9) is not None
    assert buckets.measurement(LARGEST_DEPTH + 1, 0.9) is None


def test_what_cannot_be_had_is_not_promised() -> None:
    random = np.random.default_rng(3)
    noise = random.standard_normal((2000, 100)).astype(np.float32)  # nothing is near anything
    tuning = measured(inverted_file_of(noise, "euclidean", 40), 0)
    assert tuning.choose(10, 0.99) is None
    assert Tuning(0, ()).choose(10, 0.5) is None


def test_few_rows_are_measured() -> None:
    random = np.random.default_rng(4)
    assert measured(inverted_file_of(clustered(random, 1, 8), "euclidean", 1), 0).settings == ()
    tuning = measured(inverted_file_of(clustered(random, 9, 8), "euclidean", 2), 0)
    assert {setting.k for setting in tuning.settings} <= {1, 3, 8}


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        {"queries": 1, "settings": [[1, 2]]},
        {"queries": "x", "settings": []},
        {"queries": 1, "settings": None},
        {"queries": 1, "copies": 2.0, "settings": []},
        {"queries": 1, "far": [[10, -1.0]], "settings": []},
        {"queries": 1, "far": 3, "settings": []},
        {"queries": 1, "wide": 3, "settings": []},
        {"queries": 1, "wide": [[-0.5, 3]], "settings": []},
        {"queries": 1, "wide": [[0.5, 3.0]], "settings": []},
        {"queries": 1, "wide": [[0.5, 3], [0.6, 4]], "settings": []},
        {"queries": 1, "settings": [[1, 0, 0.1, 5, 0.1, 0.5, 0.1, 0.4, 3.0]]},
        {"queries": 1, "settings": [[1, 1, -0.1, 5, 0.1, 0.5, 0.1, 0.4, 3.0]]},
        {"queries": 1, "settings": [[1, 1, 0.1, 5, 0.1, 0.5, 0.1, 0.4, 3.0, 4.0]]},
    ],
)
def test_damaged_measurements_are_refused(damaged: Any) -> None:
    with pytest.raises(OptionError, match="measurements"):
        Tuning.from_json(damaged)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 30), st.sampled_from([0.0, 0.5, 1.0]))
def test_margins_are_medians_of_what_each_query_shows(
    seed: Any, queries: Any, width: Any, unseen: Any
) -> None:
    random = np.random.default_rng(seed)
    ahead = np.array([random.permutation(80)[:width] for _ in range(queries)], dtype=np.int32)
    estimates = ahead.astype(np.float32)
    beyond = random.random((queries, width))
    estimates[random.random(beyond.shape) < unseen] = np.inf
    beyond[np.isinf(estimates)] = np.inf
    depths = [1, 2, 5, 20, 60, 200]
    known = []
    for before, farther in zip(ahead, beyond, strict=True):
        seen = np.isfinite(farther)
        if seen.any():
            order = np.argsort(before[seen])
            known.append(np.interp(depths, before[seen][order] + 1, farther[seen][order]))
    want = np.median(known, axis=0) if known else np.zeros(len(depths))
    found = _margins(depths, ahead, beyond, np.argsort(estimates, axis=1))
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_long_rows_leave_the_others_their_buckets(metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "SAMPLE_ROWS_A_BUCKET", 8)  # so that most long rows are not in the sample
    rows = clustered(np.random.default_rng(12), 6000, 24, 200)
    rows[np.random.default_rng(13).choice(5000, 20, replace=False)] *= 1e4
    index = Index.build(rows, metric=metric, scan_below=1000, recall=0.9, n_jobs=1)
    assert index.stats().path == "buckets"
    queries = rows[5000:5200] + np.float32(0.1)
    truth, _ = index.search(queries, 10, recall=1)
    found, _ = index.search(queries, 10)
    assert np.mean([np.isin(wanted, own).mean() for wanted, own in zip(truth, found, strict=True)]) >= 0.87


def test_what_stands_for_queries_is_not_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = clustered(np.random.default_rng(21), 6_000, 16, 100)
    learned: list[Any] = []
    whole = many_means

    def kept(sample: Any, *others: Any) -> Any:
        learned.append(sample)
        return whole(sample, *others)

    monkeypatch.setattr(build, "many_means", kept)
    ids = np.random.default_rng(22).choice(10**9, len(rows), replace=False)
    index = Index.build(rows, ids=ids, metric="euclidean", scan_below=0, n_jobs=1)
    stands = stand_for_queries(ids)
    assert 0.1 < stands.mean() < 0.15
    of_sample = {row.tobytes() for row in learned[0]}
    assert not of_sample & {row.tobytes() for row in rows[stands]}
    assert len(of_sample) == len(rows) - np.count_nonzero(stands)
    buckets = index.view().snapshot.base.buckets
    assert isinstance(buckets, InvertedFileSearch)
    asked = drawn_queries(rows, 100, np.random.default_rng(23), np.flatnonzero(stands))
    assert stands[asked].all()
    assert buckets.tuning.queries == np.count_nonzero(stands)


@pytest.mark.parametrize("rows", [5, 100, 2_000, 5_000])
def test_few_rows_stand_for_queries_where_few_are_there(rows: Any) -> None:
    share = stand_for_queries(np.arange(rows)).mean()
    assert share == pytest.approx({5: 0, 100: 0, 2_000: 0.25, 5_000: 0.125}[rows], abs=0.01)


def test_drawn_queries_come_from_everywhere() -> None:
    rows = np.arange(10_000, dtype=np.float32)[:, np.newaxis]
    drawn = drawn_queries(rows, 500, np.random.default_rng(24))
    assert abs(np.bincount(drawn // 400, minlength=25) - 20).max() <= 3


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 1000))
def test_recall_is_weighed_by_every_neighbour(seed: Any, width: Any) -> None:
    traced, weights = _traced(width)
    assert weights.sum() == width
    assert (np.diff(traced) > 0).all()
    for k in (k for k in NEIGHBOURS if k <= width):
        assert weights[traced < k].sum() == k
    first, last = np.random.default_rng(seed).random((2, 1))
    falling = np.linspace(first, last, width, axis=1)  # as recall falls with the rank
    np.testing.assert_allclose(falling[:, traced] @ weights / width, falling.mean(axis=1), atol=0.01)
