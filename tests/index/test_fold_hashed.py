"""Rows that are folded into the buckets of a hash family answer as if all had been hashed, and cost what is new."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recall_data import points  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.buckets import MemoryBuckets
from lookalike.errors import BucketStoreError
from lookalike.hashing import FamilySpec
from lookalike.index import compaction, fold_steps
from lookalike.index.io.mapping import is_mapped
from lookalike.index.lsh import build, search, tuner, tuning
from lookalike.index.lsh.search import LshSearch, header_of
from lookalike.index.sketches.encode import encode
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.index.snapshot import Base
from lookalike.sets import as_sets

K = 10
OLD, NEW, HELD = 3000, 350, 300
EACH = [
    ("hyperplane", "euclidean"),
    ("hyperplane", "dot"),
    ("cross-polytope", "cosine"),
    ("p-stable", "euclidean"),
    ("clusters", "cosine"),
    ("clusters", "dot"),
    ("clusterings", "euclidean"),
    ("min-hash", "jaccard"),
    ("bit-sampling", "hamming"),
]
SPECS = {
    "hyperplane": {"tables": 3, "bits": 5},
    "cross-polytope": {"tables": 2, "bits": 5},
    "p-stable": {"tables": 3, "floors": 3},
    "clusters": {"clusters": 12},
    "clusterings": {"tables": 2, "clusters": 12},
    "min-hash": {"tables": 4, "hashes": 1},
    "bit-sampling": {"tables": 4, "bits": 5},
}


class Counted:
    """How often functions were fitted and recall measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fitted, self.measured = 0, 0
        fit, measure = tuner.fitted_family, tuning.measured

        def fitting(*arguments: Any) -> Any:
            self.fitted += 1
            return fit(*arguments)

        def measuring(*arguments: Any) -> Any:
            self.measured += 1
            return measure(*arguments)

        monkeypatch.setattr(build, "fitted_family", fitting)
        monkeypatch.setattr(search, "measured", measuring)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def as_kept(rows: npt.NDArray[np.float32], metric: str) -> npt.NDArray[Any]:
    """Return `rows` (n, 24) in the form that `metric` compares."""
    if metric == "hamming":
        return np.packbits(rows > 0, axis=1)
    if metric == "jaccard":
        return np.asarray(as_sets([np.flatnonzero(row) for row in rows > 0.8], width=24))
    if metric == "dot":  # of bounded length, so that hardly any of them is longer than all before
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 6) * 6
    return rows


def rows_of(
    metric: str, count: int = OLD + NEW + HELD, seed: int = 0, dimension: int = 24
) -> npt.NDArray[Any]:
    return as_kept(points(np.random.default_rng(seed), count, dimension, 60), metric)


def recall(index: Index, queries: npt.NDArray[Any]) -> float:
    exact = index.search(queries, K, recall=1)[1]
    found = index.search(queries, K)[1]
    farthest = exact[:, -1:]
    return float((found <= farthest + 1e-5 * np.abs(farthest) + 1e-6).mean())


def base_of(index: Index) -> Base:
    return index._view.snapshot.base


def hashed(index: Index) -> LshSearch:
    buckets = base_of(index).buckets
    assert isinstance(buckets, LshSearch)
    return buckets


def store_of(buckets: LshSearch) -> MemoryBuckets:
    store = buckets.probing.store
    assert isinstance(store, MemoryBuckets)
    return store


def assert_as_hashed_at_once(index: Index) -> None:
    """Compare tables and sketches with those of all rows, made anew by the same functions."""
    base, buckets = base_of(index), hashed(index)
    keys = buckets.family.keys(buckets.probing.lift.rows(base.vectors))
    fresh = MemoryBuckets()
    fresh.fill(header_of(buckets.family), [(np.arange(len(keys)), keys)])
    own, made = store_of(buckets).arrays(), fresh.arrays()
    assert own.keys() == made.keys()
    for name, array in made.items():
        assert own[name].dtype == array.dtype and np.array_equal(own[name], array), name
    rows = buckets.sketched
    assert rows.vectors is base.vectors and np.array_equal(rows.ids, base.ids)
    assert buckets.probing.rows == len(base.ids)
    assert np.array_equal(base.ids[base.order], np.sort(base.ids))
    if isinstance(rows, SketchedRows):
        blocks = encode(rows.metric, rows.rotation, rows.centroids, rows.offsets, rows.vectors)
        signs = 2 * rows.rotation.signs
        assert np.mean(blocks[:, :signs] == rows.blocks[:, :signs]) > 0.9999
        factors = [each[:, signs:].copy().view(np.float32) for each in (blocks, rows.blocks)]
        np.testing.assert_allclose(factors[0], factors[1], rtol=1e-3, atol=1e-3)


POOLS = {metric: rows_of(metric, 1200, seed=5) for metric in ("euclidean", "dot", "hamming", "jaccard")}
changes = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20)), min_size=1, max_size=6
)


@pytest.mark.parametrize(("family", "metric"), EACH)
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=changes, seed=st.integers(0, 99))
def test_any_folds_give_the_tables_of_hashing_all_at_once(
    family: str, metric: str, changes: list[tuple[int, int, int]], seed: int
) -> None:
    random, pool = np.random.default_rng(seed), POOLS.get(metric, POOLS["euclidean"])
    asked = FamilySpec(family, SPECS[family])
    index = Index.build(pool[:300], metric=metric, family=asked, scan_below=0, recall=0.8, n_jobs=1)
    model = {number: pool[number] for number in range(300)}
    for stamp, (removed, added, replaced) in enumerate(changes, start=1):
        there = random.permutation(list(model))
        gone, again = there[:removed], there[removed : removed + replaced]
        numbers = np.concatenate((again, 1000 * stamp + random.permutation(1000)[:added]))
        rows = pool[random.integers(0, len(pool), len(numbers))]
        index.update(gone, numbers, rows, stamp=stamp)
        for number in gone.tolist():
            del model[number]
        model |= dict(zip(numbers.tolist(), rows, strict=True))
        assert_as_hashed_at_once(index)
    kept = sorted(model)
    assert np.array_equal(index.ids(), kept)
    given = np.array([model[number] for number in kept])
    if metric == "cosine":
        given = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(index.vectors(kept), given, rtol=1e-6)


@pytest.mark.parametrize(("family", "metric"), EACH)
def test_rows_of_the_same_kind_are_neither_fitted_nor_measured_anew(
    counted: Counted, family: str, metric: str
) -> None:
    rows = rows_of(metric)
    index = Index.build(rows[:OLD], metric=metric, family=family, scan_below=1000, n_jobs=1)
    before, measured = hashed(index), hashed(index).measurements()
    done = counted.fitted, counted.measured
    gone = np.arange(0, 300, 3)
    index.update(gone, np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW], stamp=1)
    assert index.stats().tail_rows == 0 and index.stats().removed_rows == 0
    assert (counted.fitted, counted.measured) == done
    assert hashed(index).family is before.family
    assert hashed(index).measurements() == measured
    assert (hashed(index).fitted, hashed(index).changed) == (OLD, NEW + len(gone))
    assert_as_hashed_at_once(index)
    assert recall(index, rows[OLD + NEW :]) >= 0.93
    assert not np.isin(index.search(rows[gone], K)[0], gone).any()


def test_removed_rows_alone_are_dropped(counted: Counted) -> None:
    rows = rows_of("euclidean")
    index = Index.build(rows[:OLD], family="hyperplane", scan_below=1000, n_jobs=1)
    index.remove(np.arange(0, OLD, 8))
    assert len(base_of(index).ids) == OLD - len(np.arange(0, OLD, 8))
    assert (counted.fitted, counted.measured) == (1, 1)
    assert_as_hashed_at_once(index)


def other_kinds() -> dict[str, npt.NDArray[np.float32]]:
    random = np.random.default_rng(7)
    rows = points(np.random.default_rng(1), NEW + HELD, 24, 60)
    noise = random.standard_normal(rows.shape).astype(np.float32)
    return {
        "shifted": rows + np.float32(4),
        "scattered": rows + 2 * noise,
        "one tight cluster": rows[:1] + np.float32(0.3) * noise,
        "near-copies": rows[random.integers(0, 30, len(rows))] + np.float32(0.2) * noise,
        "a few far off": np.where(random.random((len(rows), 1)) < 0.05, 100 * noise, rows),
    }


@pytest.mark.parametrize("kind", list(other_kinds()))
@pytest.mark.parametrize("family", ["hyperplane", "p-stable"])
def test_rows_of_another_kind_are_found_with_the_recall_that_is_asked(family: str, kind: str) -> None:
    rows, other = rows_of("euclidean"), other_kinds()[kind]
    index = Index.build(rows[:OLD], family=family, scan_below=1000, n_jobs=1)
    index.add(np.arange(OLD, OLD + NEW), other[:NEW])
    assert index.stats().tail_rows == 0
    assert recall(index, np.concatenate((rows[-HELD:], other[-HELD // 9 :]))) >= 0.93
    assert_as_hashed_at_once(index)


@pytest.mark.parametrize(("family", "metric"), [("min-hash", "jaccard"), ("bit-sampling", "hamming")])
def test_codes_and_sets_of_another_kind_are_found_too(family: str, metric: str) -> None:
    rows = rows_of(metric)
    other = as_kept(np.random.default_rng(9).standard_normal((NEW + HELD, 24)).astype(np.float32), metric)
    index = Index.build(rows[:OLD], metric=metric, family=family, scan_below=1000, n_jobs=1)
    index.add(np.arange(OLD, OLD + NEW), other[:NEW])
    assert recall(index, np.concatenate((rows[-HELD:], other[-HELD // 9 :]))) >= 0.93


@pytest.mark.parametrize("kind", ["scattered", "one tight cluster"])
def test_functions_that_do_not_suit_the_rows_are_fitted_anew(counted: Counted, kind: str) -> None:
    rows, other = rows_of("euclidean", 6000), other_kinds()[kind]
    other = np.concatenate((other, other + np.float32(0.01)))
    index = Index.build(rows, family="p-stable", scan_below=1000, n_jobs=1)
    index.add(np.arange(6000, 6000 + len(other)), other)
    assert counted.fitted == 2
    assert (hashed(index).fitted, hashed(index).changed) == (6000 + len(other), 0)


def test_functions_by_which_rows_meet_many_others_are_fitted_anew(counted: Counted) -> None:
    codes, random = rows_of("hamming"), np.random.default_rng(4)
    index = Index.build(codes[:OLD], metric="hamming", family="bit-sampling", scan_below=1000, n_jobs=1)
    crowd = codes[np.zeros(1200, dtype=int)] ^ (1 << random.integers(0, 8, (1200, 3))).astype(np.uint8)
    index.add(np.arange(OLD, OLD + len(crowd)), crowd)
    assert counted.fitted == 2


def test_a_row_that_is_longer_than_all_before_is_fitted_to_under_dot(counted: Counted) -> None:
    rows = rows_of("dot")
    index = Index.build(rows[:OLD], metric="dot", family="hyperplane", scan_below=1000, n_jobs=1)
    rows[OLD] *= 3
    index.add(np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW])
    assert counted.fitted == 2
    assert_as_hashed_at_once(index)
    assert index.search(rows[OLD], 1)[0][0, 0] == OLD


def test_functions_are_fitted_anew_when_rows_have_doubled(counted: Counted) -> None:
    rows = rows_of("euclidean", 3000)
    index = Index.build(rows[:1000], family="hyperplane", scan_below=1000, n_jobs=1)
    fitted_at = []
    for start in range(1000, 3000, 250):
        before = counted.fitted
        index.add(np.arange(start, start + 250), rows[start : start + 250])
        if counted.fitted > before:
            fitted_at.append(start + 250)
    assert fitted_at[0] == 2250
    assert recall(index, rows_of("euclidean", HELD, seed=3)) >= 0.93


def test_rows_that_come_and_go_are_told_from_those_fitted_to_in_small_steps(counted: Counted) -> None:
    rows, random = rows_of("euclidean"), np.random.default_rng(3)
    index = Index.build(rows[:OLD], family="p-stable", scan_below=1000, n_jobs=1)
    for step in range(1, 9):
        noise = random.standard_normal((NEW, rows.shape[1])).astype(np.float32)
        ids = np.arange(step * NEW, (step + 1) * NEW)
        index.update(ids - NEW, OLD + ids, rows[:NEW] + 0.3 * step * noise, stamp=step)
        if counted.fitted > 1:
            return
    raise AssertionError("never fitted anew")


def test_rows_of_all_kinds_are_asked_for_once_many_have_changed(counted: Counted) -> None:
    rows = rows_of("euclidean", OLD + 4 * NEW)
    index = Index.build(rows[:OLD], family="hyperplane", scan_below=1000, n_jobs=1)
    for step in range(4):
        start = OLD + step * NEW
        index.update(
            np.arange(step * 150, step * 150 + 150),
            np.arange(start, start + NEW),
            rows[start:][:NEW],
            stamp=1,
        )
    assert (counted.fitted, counted.measured) == (1, 1)
    assert (hashed(index).fitted, hashed(index).changed) == (OLD, NEW + 150)


@pytest.mark.parametrize("family", ["hyperplane", "bit-sampling"])
@pytest.mark.filterwarnings(
    "ignore:Implicitly cleaning up"
)  # the folder goes when nothing uses it, as it should
def test_a_mapped_index_is_folded_into_files_saved_and_opened(
    counted: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setattr(compaction, "SPILL_BYTES", 1)
    monkeypatch.setattr(fold_steps, "READ_BYTES", 1 << 16)
    metric = dict(EACH)[family]
    rows = rows_of(metric)
    Index.build(rows[:OLD], metric=metric, family=family, scan_below=1000, n_jobs=1, path=tmp_path / "i")
    index = Index.open(tmp_path / "i")
    index.update([5, 6], np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW], stamp=1)
    assert counted.fitted == 1
    assert is_mapped(base_of(index).vectors)
    assert_as_hashed_at_once(index)
    index.publish()
    again = Index.open(tmp_path / "i", verify=True)
    assert_as_hashed_at_once(again)
    assert (hashed(again).fitted, hashed(again).changed) == (OLD, NEW + 2)
    assert hashed(again).measurements() == hashed(index).measurements()
    assert np.array_equal(again.search(rows[-50:], K)[1], index.search(rows[-50:], K)[1])


def test_tables_that_name_rows_that_are_not_there_are_not_folded_into() -> None:
    rows = rows_of("euclidean")
    index = Index.build(rows[:OLD], family="hyperplane", scan_below=1000, n_jobs=1)
    members = store_of(hashed(index)).arrays()["members_1"]
    for wrong in (OLD, -1):
        members[3] = wrong
        with pytest.raises(BucketStoreError, match="build them again"):
            index.add(np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW])
        assert len(index) == OLD
