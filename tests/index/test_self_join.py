"""Pairs of near rows are those of comparing every row with every other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index
from lookalike.errors import OptionError
from lookalike.index.join import by_cells, by_search, self_join
from lookalike.index.join.copies import fingerprints
from lookalike.index.view import SnapshotView

RANDOM = np.random.default_rng(16)


def clustered(rows: int, dimension: int, dtype: str = "float32") -> npt.NDArray[Any]:
    """Return rows about 60 centres, a fifth of them near others, and some that are equal to others."""
    centres = RANDOM.normal(size=(60, dimension)) * 20 + 100
    found = centres[RANDOM.integers(0, 60, rows)] + RANDOM.normal(size=(rows, dimension)) * 8
    near = rows // 5
    found[:near] = found[near : 2 * near] + RANDOM.normal(size=(near, dimension))
    found[-20:-10] = found[-10:]
    found[-30:-25] = found[-1]
    return np.clip(np.rint(found) if dtype in ("uint8", "int8") else found, 0, 127).astype(dtype)


def every_pair(rows: npt.NDArray[Any], metric: str, limit: float) -> dict[tuple[int, int], float]:
    """Return the pairs within `limit` and their distances, by brute force."""
    wide = rows.astype(np.float64)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1)[:, np.newaxis]
    wanted = {}
    for row in range(len(rows) - 1):
        apart = ((wide[row + 1 :] - wide[row]) ** 2).sum(axis=1)
        far = np.sqrt(apart) if metric == "euclidean" else apart / 2
        for place in np.flatnonzero(far <= limit).tolist():
            wanted[row, row + 1 + place] = float(far[place])
    return wanted


def found_pairs(index: Index, limit: float, **options: Any) -> dict[tuple[int, int], float]:
    """Return the pairs that an index yields, each of which must come once, the smaller id first."""
    found: dict[tuple[int, int], float] = {}
    for pairs, distances in index.pairs(limit, **options):
        assert (pairs[:, 0] < pairs[:, 1]).all()
        assert distances.dtype == np.float32
        for pair, far in zip(map(tuple, pairs.tolist()), distances.tolist(), strict=True):
            assert pair not in found
            found[pair] = far
    return found


def check(found: dict[tuple[int, int], float], wanted: dict[tuple[int, int], float], share: float) -> None:
    assert wanted
    assert found.keys() <= wanted.keys()
    assert len(found) >= share * len(wanted)
    for pair, far in found.items():
        assert far == pytest.approx(wanted[pair], abs=1e-5, rel=1e-5)
    assert all(pair in found for pair, far in wanted.items() if far == 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int8"])
def test_learned_buckets_find_nearly_all_pairs(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_cells, "SAMPLED_ROWS", 500)
    metric, limit = ("cosine", 0.002) if dtype in ("float16", "int8") else ("euclidean", 12.0)
    rows = clustered(2000, 24, dtype)
    index = Index.build(rows, metric=metric, scan_below=0)
    check(found_pairs(index, limit), every_pair(rows, metric, limit), 0.99)


def test_all_pairs_are_found_where_all_are_wanted() -> None:
    rows = clustered(1500, 24)
    index = Index.build(rows, scan_below=0)
    check(found_pairs(index, 12.0, recall=1), every_pair(rows, "euclidean", 12.0), 1)


def test_threads_find_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_cells, "PIECE_ROWS", 100)
    rows = clustered(1000, 24)
    index = Index.build(rows, scan_below=0)
    assert found_pairs(index, 12.0) == found_pairs(index, 12.0, n_jobs=2)


def test_hash_families_find_nearly_all_pairs() -> None:
    rows = clustered(1500, 24)
    index = Index.build(rows, family="clusters", scan_below=0)
    check(found_pairs(index, 12.0), every_pair(rows, "euclidean", 12.0), 0.97)


def test_few_rows_are_compared_one_by_one() -> None:
    rows = clustered(400, 24)
    check(found_pairs(Index.build(rows), 12.0), every_pair(rows, "euclidean", 12.0), 1)


@pytest.mark.parametrize("scan_below", [0, None])
def test_rows_that_were_added_and_removed_count(scan_below: int | None) -> None:
    rows = clustered(1500, 24)
    index = Index.build(rows[:1450], scan_below=scan_below)
    index.add(range(1450, 1500), rows[1450:])
    index.remove(range(0, 1500, 40))
    kept = {row for row in range(1500) if row % 40}
    wanted = {pair: far for pair, far in every_pair(rows, "euclidean", 12.0).items() if kept.issuperset(pair)}
    check(found_pairs(index, 12.0), wanted, 0.99)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 120), st.sampled_from([2, 7, 130]), st.floats(0, 3))
def test_any_rows_at_any_distance(seed: int, rows: int, dimension: int, limit: float) -> None:
    random = np.random.default_rng(seed)
    few = random.normal(size=(rows, dimension)).astype(np.float32)
    few[random.integers(0, rows, rows // 3)] = few[0]
    index = Index.build(few, scan_below=0)
    wanted = every_pair(few, "euclidean", limit)
    found = found_pairs(index, limit)
    unsure = {pair for pair, far in wanted.items() if abs(far - limit) < 1e-5}
    assert len((wanted.keys() - unsure) - found.keys()) <= 0.01 * len(wanted)
    assert found.keys() <= every_pair(few, "euclidean", limit + 1e-5).keys()


def test_rows_with_many_neighbours_are_asked_for_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_search, "MOST_FOUND", 200)
    asked: list[int] = []
    search = SnapshotView.search

    def searched(view: SnapshotView, queries: Any, k: int, **options: Any) -> Any:
        asked.append(len(queries) * k)
        return search(view, queries, k, **options)

    monkeypatch.setattr(SnapshotView, "search", searched)
    rows = clustered(150, 8)
    assert found_pairs(Index.build(rows), 60.0).keys() == every_pair(rows, "euclidean", 60.0).keys()
    assert max(asked) <= 200


def test_pairs_of_crowds_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_join, "EXPANDED_PAIRS", 10)
    rows = np.repeat(np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32), (7, 5, 1, 3), axis=0)
    index = Index.build(rows)
    assert found_pairs(index, 2.0) == every_pair(rows, "euclidean", 2.0)
    assert max(len(pairs) for pairs, _ in index.pairs(2.0)) == 10


@pytest.mark.parametrize("scan_below", [0, None])
def test_any_finite_distance_may_be_asked_for(scan_below: int | None) -> None:
    index = Index.build(clustered(100, 8), scan_below=scan_below)
    assert len(found_pairs(index, 1e39)) == 100 * 99 // 2


@pytest.mark.parametrize("values", [(-1, 1), (0, 1), (1, 2, 3, 4)])
def test_rows_of_few_values_are_told_apart(values: tuple[int, ...]) -> None:
    few = np.random.default_rng(1).choice(np.array(values, np.float32), size=(300_000, 64))
    blocks = [fingerprints(few[start : start + 8192]) for start in range(0, len(few), 8192)]
    assert len(np.unique(np.concatenate(blocks))) == len(few)


def test_codes_and_sets_have_pairs() -> None:
    codes = RANDOM.integers(0, 256, (300, 8), dtype=np.uint8)
    codes[100] = codes[7]
    codes[101] = codes[7] ^ np.array([1, 0, 0, 0, 0, 0, 0, 0], dtype=np.uint8)
    found = found_pairs(Index.build(codes, metric="hamming"), 1)
    assert found == {(7, 100): 0, (7, 101): 1, (100, 101): 1}
    sets = Index.build([["red", "shoe"], ["hat"], ["shoe", "red"]], metric="jaccard")
    assert found_pairs(sets, 0.2) == {(0, 2): 0}


def test_an_empty_index_has_no_pairs() -> None:
    assert found_pairs(Index.build(np.empty((0, 4), np.float32)), 1.0) == {}


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "near"])
def test_a_distance_is_a_number_from_0(limit: Any) -> None:
    with pytest.raises(OptionError, match="max_distance"):
        Index.build(np.eye(3)).pairs(limit)


def test_inner_products_have_no_pairs() -> None:
    with pytest.raises(OptionError, match="inner products"):
        Index.build(np.eye(3), metric="dot").pairs(1)
