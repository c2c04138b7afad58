"""The benchmarks' arithmetic: exact truth, recall, interpolation, data sets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cache, hdf5, synthetic, truth
from benchmarks.datasets import load
from benchmarks.descriptor_embeddings import QUERIES, fidelity
from benchmarks.missing import DatasetMissingError
from benchmarks.precision import precision
from benchmarks.recall import distances, recall
from benchmarks.table import frontier, rate_at, report
from lookalike.features.descriptors.scalable_color import ScalableColor

METRICS = ("euclidean", "cosine", "dot")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_truth_is_what_comparing_all_rows_gives(
    metric: str, dtype: type[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truth, "ROWS", 70)
    monkeypatch.setattr(truth, "QUERIES", 4)
    random = np.random.default_rng(0)
    base = random.integers(0, 9, (300, 6)).astype(dtype)
    queries = random.integers(0, 9, (10, 6)).astype(dtype)
    ids, near = truth.exact(base, queries, metric, 20)
    everything = np.broadcast_to(np.arange(300), (10, 300))
    expected = distances(base, queries, everything, metric)
    order = np.lexsort((everything, expected), axis=1)[:, :20]
    np.testing.assert_allclose(near, np.take_along_axis(expected, order, axis=1), atol=1e-12)
    assert recall(base, queries, ids, near[:, -1], metric) == 1.0


def test_truth_is_kept_by_content(tmp_path: Path) -> None:
    base, queries = synthetic.vectors(200, 8), synthetic.vectors(5, 8, kind=1)
    first = truth.cached(base, queries, "euclidean", tmp_path)
    assert len(list(tmp_path.rglob("ids.npy"))) == 1
    again = truth.cached(base, queries, "euclidean", tmp_path)
    np.testing.assert_array_equal(first[0], again[0])
    truth.cached(base + 1, queries, "euclidean", tmp_path)
    assert len(list(tmp_path.rglob("ids.npy"))) == 2


def test_recall_counts_equals_but_no_row_twice_and_no_gap() -> None:
    base = np.array([[0.0], [1.0], [-1.0], [5.0]])
    query = np.array([[0.0]])
    farthest = np.array([1.0])
    assert recall(base, query, np.array([[0, 2]]), farthest, "euclidean") == 1.0  # as near as row 1
    assert recall(base, query, np.array([[0, 0]]), farthest, "euclidean") == 0.5
    assert recall(base, query, np.array([[0, -1]]), farthest, "euclidean") == 0.5
    assert recall(base, query, np.array([[3, -1]]), farthest, "euclidean") == 0.0


def test_the_frontier_takes_medians_of_runs_and_drops_what_is_beaten() -> None:
    def row(setting: int, found: float, rate: float) -> dict[str, object]:
        return {"options": {}, "setting": {"n": setting}, "recall": found, "single": rate}

    rows = [row(1, 0.8, 100), row(1, 0.8, 90), row(1, 0.8, 10), row(2, 0.7, 80), row(3, 0.9, 50)]
    assert frontier(rows, "single") == [(0.8, 90), (0.9, 50)]


def test_rates_are_interpolated_by_their_logarithm() -> None:
    points = [(0.8, 1000.0), (0.9, 100.0)]
    assert rate_at(points, 0.85) == pytest.approx(1000 / 10**0.5)
    assert rate_at(points, 0.5) == 1000  # the quickest point finds more than was asked for
    assert rate_at(points, 0.95) is None
    assert rate_at([], 0.9) is None


def test_the_report_gives_ratios_to_the_fastest_peer() -> None:
    def row(peer: str, rate: float, found: float = 0.995) -> dict[str, object]:
        setting = {"recall": 0.95} if peer == "lookalike" else {}
        common = {"dataset": "some", "peer": peer, "options": {}}
        return common | {"setting": setting, "recall": found, "single": rate, "batch": rate}

    text = report(
        [row("lookalike", 3000), row("faiss-ivf", 1500), row("scann", 1000), row("nearpy", 20, 0.93)]
    )
    assert "| times the fastest peer | **2.00** | **2.00** | **2.00** |" in text
    assert "1,000 (3.0 x)" in text
    assert "| nearpy | 20 (150 x) | 20 at 0.93 (150 x) |  |" in text  # once, where it falls short


def test_made_vectors_depend_on_the_seed_alone() -> None:
    one = synthetic.vectors(9000, 8, seed=1)
    np.testing.assert_array_equal(one, synthetic.vectors(9000, 8, seed=1))
    np.testing.assert_array_equal(one[:8192], next(synthetic.blocks(20_000, 8, seed=1)))
    assert not np.array_equal(one, synthetic.vectors(9000, 8, seed=2))
    assert not np.array_equal(one[:10], synthetic.vectors(10, 8, seed=1, kind=1))


def test_hdf5_files_of_ann_benchmarks_round_trip(tmp_path: Path) -> None:
    base, queries = synthetic.vectors(200, 8), synthetic.vectors(5, 8, kind=1)
    ids, near = truth.exact(base, queries, "cosine", 10)
    path = tmp_path / "some-8-angular.hdf5"
    hdf5.write(path, base, queries, "cosine", ids, near)
    dataset = load(str(path), tmp_path)
    assert (dataset.name, dataset.metric) == ("some-8-angular", "cosine")
    np.testing.assert_array_equal(dataset.base, base)
    np.testing.assert_array_equal(dataset.queries, queries)


@pytest.mark.parametrize("name", ["fashion-mnist", "sift-300k", "products", "nothing", "missing.hdf5"])
def test_a_missing_data_set_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissingError) as caught:
        load(name, tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_stored_is_whole_or_not_there(tmp_path: Path) -> None:
    assert cache.load(tmp_path, ("a",)) is None
    cache.store_all(tmp_path, {"a": np.arange(3)})
    kept = cache.load(tmp_path, ("a",))
    assert kept is not None
    assert kept["a"].tolist() == [0, 1, 2]
    names = [cache.digest([part]) for part in ("x", np.arange(3), np.arange(3.0), np.arange(3)[:, None])]
    assert all(one != other for one, other in pairwise(sorted(names)))


def test_precision_of_codes() -> None:
    codes = np.array([[0b0000], [0b0001], [0b1110], [0b1111]], dtype=np.uint8)
    assert precision(codes, np.array(["low", "low", "high", "high"]), "hamming", k=1) == 1.0
    assert precision(codes, np.array(["low", "low", "high", "other"]), "hamming", k=1) == 0.5


def test_an_exact_embedding_is_wholly_true() -> None:
    numbers = np.random.default_rng(0).integers(0, 8, (QUERIES + 20, 256)).astype(np.int16)
    rank, nearest = fidelity(ScalableColor(), numbers)
    assert rank == pytest.approx(1.0)
    assert nearest == 1.0
