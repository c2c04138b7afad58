"""Rows that are folded in answer as if all had been built, whatever kind they are of, and cost what is new."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from recall_data import points  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.hashing import k_means
from lookalike.index import compaction, fold_steps
from lookalike.index.io.mapping import is_mapped
from lookalike.index.ivf import build, fold, tuning
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.sketches.encode import encode
from lookalike.index.snapshot import Base

K = 10
OLD, NEW, HELD = 8000, 900, 300
MANY = 4000
"""Queries that tell a recall to about 0.002."""


class Counted:
    """How often buckets were learned and settings measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.learned, self.measured = 0, 0
        means, again = k_means.many_means, tuning.measured

        def learning(*arguments: Any) -> Any:
            self.learned += 1
            return means(*arguments)

        def measuring(*arguments: Any) -> Any:
            self.measured += 1
            return again(*arguments)

        monkeypatch.setattr(build, "many_means", learning)
        monkeypatch.setattr(fold, "measured", measuring)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def rows_of(count: int = OLD + NEW + HELD, seed: int = 0, dimension: int = 24) -> npt.NDArray[np.float32]:
    made: npt.NDArray[np.float32] = points(np.random.default_rng(seed), count, dimension, 60)
    return made


def recall(index: Index, queries: npt.NDArray[Any]) -> float:
    exact = index.search(queries, K, recall=1)[1]
    found = index.search(queries, K)[1]
    return float((found <= exact[:, -1:] * (1 + 1e-5) + 1e-6).mean())


def base_of(index: Index) -> Base:
    return index._view.snapshot.base


def centroids(index: Index) -> npt.NDArray[np.float32]:
    buckets = base_of(index).buckets
    assert isinstance(buckets, InvertedFileSearch)
    return buckets.sketched.centroids


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rows_of_the_same_kind_cost_neither_learning_nor_measuring(
    counted: Counted, metric: str, dtype: type
) -> None:
    rows = rows_of()
    if dtype is np.uint8:
        rows = np.clip(rows * 12 + 128, 0, 255).astype(dtype)
    index = Index.build(rows[:OLD], metric=metric, scan_below=1000, n_jobs=1)
    kept, learned = centroids(index), counted.learned
    index.add(np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW])
    assert index.stats().tail_rows == 0
    assert (counted.learned, counted.measured) == (learned, 0)
    assert centroids(index) is kept
    built = Index.build(rows[: OLD + NEW], metric=metric, scan_below=1000, n_jobs=1)
    held = rows[OLD + NEW :].astype(np.float32)
    assert np.array_equal(index.search(held, K, recall=1)[1], built.search(held, K, recall=1)[1])
    assert recall(index, held) >= min(0.94, recall(built, held) - 0.02)
    if metric != "dot":
        every = rows[: OLD + NEW].astype(np.float32)
        assert np.mean(index.search(every, 1)[0][:, 0] == np.arange(len(every))) > 0.99


def test_sketches_that_were_copied_are_those_of_a_build() -> None:
    rows = rows_of()
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1)
    gone = np.random.default_rng(1).choice(OLD, 500, replace=False)
    index.update(gone, np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW], stamp=1)
    base = base_of(index)
    assert isinstance(base.buckets, InvertedFileSearch)
    sketched = base.buckets.sketched
    made = encode("euclidean", sketched.rotation, sketched.centroids, sketched.offsets, base.vectors)
    signs = 2 * sketched.rotation.signs
    assert np.mean(made[:, :signs] == sketched.blocks[:, :signs]) > 0.9999
    words, kept = (
        np.ascontiguousarray(blocks[:, signs:]).view(np.uint32) for blocks in (made, sketched.blocks)
    )
    for factors, others in (
        (words, kept),
        (words << 16, kept << 16),
    ):  # constants, and slopes: both of 8 bits
        assert np.allclose(factors.view(np.float32), others.view(np.float32), rtol=1 / 128, atol=1e-3)
    assert np.array_equal(base.vectors, rows[base.ids])
    assert not np.isin(gone, base.ids).any()
    assert np.array_equal(np.sort(base.ids), np.setdiff1d(np.arange(OLD + NEW), gone))


def test_removed_rows_alone_are_dropped(counted: Counted) -> None:
    rows = rows_of()
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1)
    learned = counted.learned
    index.remove(np.arange(0, 1000))
    assert index.stats().removed_rows == 0
    assert len(base_of(index).ids) == OLD - 1000
    assert (counted.learned, counted.measured) == (learned, 0)
    assert recall(index, rows_of(MANY, seed=90)) >= 0.94
    assert not np.isin(index.search(rows[:1000], K)[0], np.arange(1000)).any()


def other_kinds() -> dict[str, npt.NDArray[np.float32]]:
    random = np.random.default_rng(7)
    rows = rows_of(NEW + HELD, seed=1)
    noise = random.standard_normal(rows.shape).astype(np.float32)
    return {
        "shifted": rows + np.float32(4),
        "scattered": rows + 2 * noise,
        "one tight cluster": rows[:1] + np.float32(0.3) * noise,
        "near-copies": rows[random.integers(0, 30, len(rows))] + np.float32(0.2) * noise,
        "a few far off": np.where(random.random((len(rows), 1)) < 0.05, 100 * noise, rows),
    }


@pytest.mark.parametrize("kind", list(other_kinds()))
def test_rows_of_another_kind_are_found_with_the_recall_that_is_asked(counted: Counted, kind: str) -> None:
    rows, other = rows_of(), other_kinds()[kind]
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1)
    learned = counted.learned
    index.add(np.arange(OLD, OLD + NEW), other[:NEW])
    assert index.stats().tail_rows == 0
    assert counted.learned > learned or counted.measured
    mixed = np.concatenate((rows[-HELD:], other[-HELD // 10 :]))
    assert recall(index, mixed) >= 0.93


def test_buckets_are_learned_anew_when_rows_have_doubled_and_measured_before(counted: Counted) -> None:
    rows = rows_of(21_000)
    index = Index.build(rows[:6000], scan_below=1000, n_jobs=1)
    learned, first = counted.learned, None
    for start in range(6000, 20_000, 1000):
        index.add(np.arange(start, start + 1000), rows[start : start + 1000])
        if counted.measured and first is None:
            first = start
        if counted.learned > learned:
            break
    assert first is not None and first < 12_000
    assert counted.learned > learned and 12_000 <= start + 1000 <= 14_000
    assert recall(index, rows_of(MANY, seed=90)) >= 0.94


def test_drift_in_small_steps_is_measured_against_what_was_learned(counted: Counted) -> None:
    rows = rows_of()
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1)
    learned, random = counted.learned, np.random.default_rng(3)
    for step in range(1, 9):
        noise = random.standard_normal((NEW, rows.shape[1])).astype(np.float32)
        ids = np.arange(step * NEW, (step + 1) * NEW)
        index.update(ids - NEW, OLD + ids, rows[:NEW] + 0.2 * step * noise, stamp=step)
        if counted.learned > learned:
            return
    raise AssertionError("never learned anew")


def test_what_is_known_of_the_rows_learned_from_is_saved(tmp_path: Path) -> None:
    rows = rows_of()
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1, path=tmp_path / "i")
    index.add(np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW])
    index.publish()
    before, after = (base_of(one).buckets for one in (index, Index.open(tmp_path / "i", verify=True)))
    assert isinstance(before, InvertedFileSearch) and isinstance(after, InvertedFileSearch)
    assert after.tuning == before.tuning
    assert after.tuning.spread > 0 and after.tuning.changed == NEW


@pytest.mark.filterwarnings(
    "ignore:Implicitly cleaning up"
)  # the folder goes when nothing uses it, as it should
def test_a_mapped_index_is_folded_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SPILL_BYTES", 1)
    monkeypatch.setattr(fold_steps, "READ_BYTES", 1 << 16)
    rows = rows_of()
    Index.build(rows[:OLD], scan_below=1000, n_jobs=1, path=tmp_path / "i")
    index = Index.open(tmp_path / "i")
    index.update([5, 6], np.arange(OLD, OLD + NEW), rows[OLD : OLD + NEW], stamp=1)
    base = base_of(index)
    assert isinstance(base.buckets, InvertedFileSearch)
    assert is_mapped(base.vectors) and is_mapped(base.buckets.sketched.blocks)
    assert np.array_equal(base.vectors, rows[base.ids])
    assert recall(index, rows_of(MANY, seed=90)) >= 0.94


def test_large_numbers_are_folded_in_saved_and_opened(counted: Counted, tmp_path: Path) -> None:
    rows = rows_of(OLD + NEW)
    rows *= np.float32(2e18 / np.linalg.norm(rows, axis=1).max())  # whose sum of squares is no float32
    index = Index.build(rows[:OLD], scan_below=1000, n_jobs=1)
    learned = counted.learned
    index.add(np.arange(OLD, OLD + NEW), rows[OLD:])
    assert (counted.learned, counted.measured) == (learned, 0)
    index.save(tmp_path / "i")
    assert len(Index.open(tmp_path / "i")) == OLD + NEW
