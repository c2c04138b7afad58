"""An index of binary codes or of sets: its defaults, what it tells, and what it refuses."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Index
from lookalike.errors import IndexFormatError, OptionError, VectorError
from lookalike.hashing import FamilySpec
from lookalike.sets import NO_ELEMENT, as_sets

TITLES = Path(os.environ.get("LOOKALIKE_DATA", "/data")) / "products" / "products.csv"


def codes(rows: int, seed: int = 0) -> Any:
    """Return codes of 64 bits about some middles."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(99).random((40, 64)) < 0.5
    return np.packbits(middles[random.integers(0, 40, rows)] ^ (random.random((rows, 64)) < 0.06), axis=1)


def sets(rows: int, seed: int = 0) -> Any:
    """Return sets about some middles."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(99).random((40, 300)) < 0.05
    table = middles[random.integers(0, 40, rows)] & (random.random((rows, 300)) < 0.85)
    return as_sets(table | (random.random((rows, 300)) < 0.005))


ROWS: dict[str, Callable[..., Any]] = {"hamming": codes, "jaccard": sets}
NATIVE = {"hamming": "bit-sampling", "jaccard": "min-hash"}
METRICS = list(ROWS)


def same(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    """Return whether two answers have the same ids and distances."""
    return np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


@pytest.fixture(scope="module", params=METRICS)
def index(request: pytest.FixtureRequest) -> Index:
    return Index.build(ROWS[request.param](6000), metric=request.param, recall=0.9, scan_below=1000, n_jobs=1)


def test_the_usual_buckets_are_of_the_family_that_hashes_the_metric(index: Index) -> None:
    stats = index.stats()
    assert (stats.family, stats.path) == (NATIVE[index.metric], "buckets")
    assert index.family is None


def test_the_defaults_reach_the_recall_with_less_than_a_quarter_of_the_rows(index: Index) -> None:
    stats, queries = index.stats(), ROWS[index.metric](300, seed=5)
    chosen = next(m for m in stats.measurements if m.k == 10 and m.probes == stats.probes)
    assert chosen.candidates < 0.25 * stats.rows
    truth, found = index.search(queries, 10, recall=1)[1], index.search(queries, 10)[1]
    assert (found <= truth[:, -1:]).mean() >= 0.87


def test_every_row_finds_itself_first(index: Index) -> None:
    rows = ROWS[index.metric](6000)[:200]
    assert not index.search(rows, 1)[1].any()


def test_distances_are_exact_by_every_way(index: Index) -> None:
    query = ROWS[index.metric](1, seed=6)
    ids, distances = index.search(query, 20)
    assert np.array_equal(index.distances(query[0], ids[0]), distances[0])
    assert index.explain(query[0], int(ids[0, 3])).distance == distances[0, 3]


def test_an_explanation_tells_of_buckets_and_of_no_estimate(index: Index) -> None:
    query = ROWS[index.metric](1, seed=6)[0]
    told = index.explain(query, int(index.search(query, 1)[0][0, 0]))
    assert told.path == "buckets" and told.candidate and told.rank == 0
    assert told.estimated_distance is None and told.estimate_error is None
    assert any(table.shared for table in told.tables)


def test_a_saved_index_answers_as_before(index: Index, tmp_path: Path) -> None:
    queries = ROWS[index.metric](50, seed=6)
    index.save(tmp_path / "index")
    again = Index.open(tmp_path / "index", verify=True)
    assert same(index.search(queries, 5), again.search(queries, 5))


def test_threads_answer_as_one_does(index: Index) -> None:
    queries = ROWS[index.metric](200, seed=7)
    assert same(index.search(queries, 5), index.search(queries, 5, n_jobs=3))


@pytest.mark.parametrize("metric", METRICS)
def test_a_scan_by_the_compiled_kernels_is_that_by_numpy(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = Index.build(ROWS[metric](3000), metric=metric, recall=1)
    queries = ROWS[metric](20, seed=6)
    monkeypatch.setattr("lookalike.index.exact_rows._discrete", None)
    before = scanned.search(queries, 30)
    monkeypatch.setattr("lookalike.index.exact_rows.COMPILED_NUMBERS", 0)
    assert same(before, scanned.search(queries, 30))


def test_hamming_is_the_number_of_bits_that_differ() -> None:
    index = Index.build(np.eye(9, dtype=np.bool_), metric="hamming")
    assert (index.dimension, index.stats().dtype) == (2, "uint8")
    assert index.distances([1, 1, 1, 0, 0, 0, 0, 0, 0], range(9)).tolist() == [2] * 3 + [4] * 6


def test_sets_of_words_are_searched_by_words() -> None:
    index = Index.build([["red", "shoe"], ["blue", "shoe"], [], ["hat"]], metric="jaccard")
    asked: Any = [["shoe", "red", "new"], []]
    ids, distances = index.search(asked, 2)
    assert ids.tolist() == [[0, 1], [2, 0]]
    assert distances.tolist() == [[np.float32(1 / 3), np.float32(3 / 4)], [0, 1]]


def test_a_query_may_have_more_elements_than_any_set() -> None:
    index = Index.build([[1, 2], [3]], metric="jaccard")
    assert index.search([range(100)], 1)[1].tolist() == [[np.float32(0.98)]]
    assert index.distances(range(100), [0]).tolist() == [np.float32(0.98)]


def test_sets_are_kept_with_room_for_a_few_more_elements() -> None:
    index = Index.build([[1, 2], [3]], metric="jaccard")
    index.add([7], [range(8)])
    assert index.vectors([7]).tolist() == [list(range(8))]
    assert index.vectors([1]).tolist() == [[3] + [NO_ELEMENT] * 7]


def test_files_too_large_for_memory_are_read_in_blocks(tmp_path: Path) -> None:
    for metric, rows in ROWS.items():
        np.save(tmp_path / "rows.npy", rows(3000))
        index = Index.build(
            np.load(tmp_path / "rows.npy", mmap_mode="r"),
            metric=metric,
            scan_below=10,
            path=tmp_path / metric,
        )
        assert not index.search(rows(3000)[:50], 1)[1].any()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Index.build([[-1]], metric="jaccard"), VectorError, "set 0 has the number -1"),
        (lambda: Index.build([[0.5]], metric="jaccard"), VectorError, "set 0 has 0.5"),
        (lambda: Index.build(np.array([[np.nan]]), metric="hamming"), VectorError, "type float64"),
        (
            lambda: Index.build([[0, 2]], metric="hamming"),
            VectorError,
            "row 0 of type int64 has numbers that are no",
        ),
        (
            lambda: Index.build([[1]], metric="jaccard", family="hyperplane"),
            OptionError,
            "hyperplane does not hash what is compared by jaccard; choose one of min-hash",
        ),
        (
            lambda: Index.build([[1.0]], metric="euclidean", family="min-hash"),
            OptionError,
            "min-hash does not hash what is compared by euclidean; choose one of hyperplane, cross-polytope",
        ),
        (
            lambda: Index.build([[1]], metric="jaccard").add([5], [range(9)]),
            VectorError,
            "set 0 has 9 elements; this",
        ),
        (
            lambda: Index.build(codes(3), metric="hamming").search(codes(1)[:, :4], 1),
            VectorError,
            r"queries have 32 bits \(4 bytes\); this needs 64 \(8 bytes\)",
        ),
        (lambda: Index.build([[1]], metric="tanimoto"), OptionError, "hamming, jaccard"),
    ],
)
def test_what_does_not_fit_is_refused(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("metric", METRICS)
def test_an_index_of_another_family_than_was_asked_for_is_damaged(metric: str, tmp_path: Path) -> None:
    asked = FamilySpec(NATIVE[metric], {"tables": 4})
    Index.build(ROWS[metric](500), metric=metric, family=asked, scan_below=0, path=tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(re.sub(r'("tables": ?)4', r"\g<1>5", manifest.read_text(), count=1))
    with pytest.raises(IndexFormatError):
        Index.open(tmp_path)


def test_titles_of_products_reach_the_recall_with_less_than_a_quarter_of_the_rows() -> None:
    if not TITLES.exists():
        pytest.skip(f"needs {TITLES}: set LOOKALIKE_DATA to a folder that has products/products.csv")
    with TITLES.open(encoding="utf-8") as file:
        titles = [set(re.findall(r"\w+", row["title"].casefold())) for row in csv.DictReader(file)]
    index = Index.build(titles[::2], metric="jaccard", recall=0.9, scan_below=0)
    stats = index.stats()
    chosen = next(m for m in stats.measurements if m.k == 10 and m.probes == stats.probes)
    assert chosen.candidates < 0.25 * stats.rows
    queries = as_sets(titles[1::8])
    truth, found = index.search(queries, 10, recall=1)[1], index.search(queries, 10)[1]
    assert (found <= truth[:, -1:]).mean() >= 0.9
