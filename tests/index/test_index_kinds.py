"""Rows of every type and from everywhere: kept as they are, built the same, searched the same."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.peak_memory import PEAK

from lookalike.errors import IndexFormatError, OptionError, VectorError
from lookalike.index import Index, search

METRICS = ["euclidean", "cosine", "dot"]


def bytes_like(rows: Any = 3000, seed: Any = 0, low: Any = 0, high: Any = 255) -> Any:
    """Return clustered rows of whole numbers, (rows, 20)."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).integers(low // 2, high // 2, (50, 20))
    spread = random.normal(0, 12, (rows, 20))
    return np.clip(centres[random.integers(0, 50, rows)] + spread, low, high).round()


def recall(found: Any, truth: Any) -> Any:
    return np.mean([np.isin(wanted, row).mean() for row, wanted in zip(found, truth, strict=True)])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "float16"])
def test_narrow_rows_are_kept_and_found(tmp_path: Any, dtype: Any, metric: Any) -> None:
    low, high = (-128, 127) if dtype == "int8" else (0, 255)
    rows, queries = bytes_like(low=low, high=high).astype(dtype), bytes_like(100, 1, low, high)
    index = Index.build(rows, metric=metric, scan_below=1000, n_jobs=1)
    assert index.stats().dtype == dtype
    assert index.stats().path == "buckets"
    assert index.stats().vector_bytes == rows.nbytes
    assert np.array_equal(index.vectors(np.arange(3000)), rows)
    truth, exact = index.search(queries, 10, recall=1)
    wide_ids, wide = Index.build(rows.astype(np.float32), metric=metric, recall=1).search(queries, 10)
    np.testing.assert_allclose(exact, wide, rtol=1e-6, atol=1e-6)
    assert recall(truth, wide_ids) > 0.99  # cosine rounds a row at length one to float32, so ties may differ
    found, distances = index.search(queries, 10)
    assert recall(found, truth) > 0.93
    np.testing.assert_allclose(distances[found == truth], exact[found == truth], rtol=1e-4, atol=1e-5)
    index.add([9000], queries[:1])
    assert index.search(queries[0], 1, recall=1)[0].tolist() == [[9000]] or metric == "dot"
    index.save(tmp_path / "i")
    again = Index.open(tmp_path / "i", verify=True)
    assert np.array_equal(again.search(queries, 10)[0], index.search(queries, 10)[0])
    assert again.vectors([9000]).dtype == dtype


def test_numbers_that_the_type_cannot_hold_are_refused() -> None:
    index = Index.build(bytes_like().astype(np.uint8))
    for wrong in (np.full(20, 0.5), np.full(20, -1), np.full(20, 256)):
        with pytest.raises(VectorError, match="row 0 has numbers that uint8"):
            index.add([5000], wrong)
    with pytest.raises(VectorError, match="float16"):
        Index.build(np.ones((3, 4), np.float16)).add([9], np.full(4, 1e6))
    assert Index.build(np.ones((3, 4), np.int32)).stats().dtype == "float32"


@pytest.mark.parametrize("kind", ["list", "memmap", "hdf5", "blocks", "path"])
def test_wherever_rows_come_from_the_index_is_the_same(tmp_path: Any, kind: Any) -> None:
    rows = bytes_like().astype(np.float32)
    queries = bytes_like(50, 1)
    source: Any = rows
    if kind == "list":
        source = rows.tolist()
    elif kind == "memmap":
        np.save(tmp_path / "rows.npy", rows)
        source = np.load(tmp_path / "rows.npy", mmap_mode="r")
    elif kind == "hdf5":
        with h5py.File(tmp_path / "rows.h5", "w") as file:
            file["rows"] = rows
        source = h5py.File(tmp_path / "rows.h5")["rows"]
    options: Any = {"scan_below": 1000, "n_jobs": 2}
    if kind == "blocks":
        parts = ((np.arange(s, s + 500), rows[s : s + 500]) for s in range(0, 3000, 500))
        index = Index.build_from_blocks(parts, tmp_path / "i", dimension=20, **options)
    elif kind == "path":
        index = Index.build(source, path=tmp_path / "i", **options)
        assert len(Index.open(tmp_path / "i", verify=True)) == 3000
    else:
        index = Index.build(source, **options)
    truth, _ = Index.build(rows, recall=1).search(queries, 10)
    found, _ = index.search(queries, 10)
    assert recall(found, truth) > 0.93
    assert np.array_equal(index.vectors(np.arange(3000)), rows)
    assert np.array_equal(index.search(queries, 10, n_jobs=2)[0], found)


def test_shapes_and_options_that_make_no_sense() -> None:
    with pytest.raises(VectorError, match="3 axes"):
        Index.build(np.zeros((2, 3, 4)))
    with pytest.raises(VectorError, match="dimension 0"):
        Index.build(np.zeros((2, 0)))
    with pytest.raises(OptionError, match="n_jobs is 0"):
        Index.build(np.zeros((2, 3)), n_jobs=0)
    with pytest.raises(OptionError, match="max_distance"):
        Index.build(np.zeros((2, 3))).search(np.zeros(3), 1, max_distance=float("nan"))


def test_an_allow_mask_is_by_id() -> None:
    rows = bytes_like().astype(np.uint8)
    index = Index.build(rows, ids=np.arange(3000) * 2, scan_below=500)
    queries = bytes_like(50, 1)
    random = np.random.default_rng(2)
    for share in (0.6, 0.01):
        allowed = np.sort(random.choice(3000, int(3000 * share), replace=False)) * 2
        mask = np.zeros(6500, dtype=bool)
        mask[allowed] = True
        truth, _ = index.search(queries, 10, allow=allowed, recall=1)
        for allow in (mask, mask[: allowed[-1] + 1], allowed, [1, *allowed], [*allowed, 1 << 62]):
            found, _ = index.search(queries, 10, allow=allow)
            assert np.isin(found, allowed).all()
            assert recall(found, truth) > 0.93
    assert (index.search(queries, 3, allow=np.zeros(0, dtype=bool))[0] == -1).all()
    index.remove(allowed)
    assert (index.search(queries, 3, allow=allowed)[0] == -1).all()


def test_tune_measures_anew_and_keeps_the_files(tmp_path: Any) -> None:
    rows = bytes_like(4000).astype(np.float32)
    index = Index.build(rows, scan_below=1000, recall=0.8)
    index.save(tmp_path / "i")
    before = {file.name for file in (tmp_path / "i").glob("vectors*")}
    low = index.stats()
    index.tune(recall=0.99)
    high = index.stats()
    assert (low.recall, high.recall) == (0.8, 0.99)
    assert low.measured_recall is not None
    assert high.measured_recall is None or high.measured_recall > low.measured_recall
    index.save(tmp_path / "i")
    assert {file.name for file in (tmp_path / "i").glob("vectors*")} == before
    assert Index.open(tmp_path / "i", verify=True).stats().recall == 0.99
    scanned = Index.build(rows, scan_below=1000, recall=1)
    assert scanned.stats().path == "scan"
    scanned.tune(recall=0.9)
    assert scanned.stats().path == "buckets"
    with pytest.raises(OptionError, match="recall is 2"):
        index.tune(recall=2)


def test_growth_learns_buckets_anew() -> None:
    rows = bytes_like(9000).astype(np.float32)
    index = Index.build(rows[:2000], scan_below=1000)
    buckets = index.stats().buckets
    for start in range(2000, 9000, 1000):
        index.add(range(start, start + 1000), rows[start : start + 1000])
    assert index.stats().buckets > 1.5 * buckets
    queries = bytes_like(100, 1)
    assert recall(index.search(queries, 10)[0], index.search(queries, 10, recall=1)[0]) > 0.93


def test_another_index_of_version_1_says_rebuild(tmp_path: Any) -> None:
    (tmp_path / "i").mkdir()
    text = '{"magic": "lookalike index", "version": 1, "checksum": "", "body": {}}'
    (tmp_path / "i" / "manifest.json").write_text(text)
    with pytest.raises(IndexFormatError, match=r"manifest\.json: is of format version 1.*rebuild"):
        Index.open(tmp_path / "i")


BUILD = f"""{PEAK}
import sys
import h5py
import numpy as np
from lookalike.index import Index, build_steps, compaction, search
from lookalike.index.io import sources
from lookalike.index.ivf import build, tuning
from lookalike.index.sketches import encode

# As with a base fifty times as large.
build_steps.SAMPLE_BYTES = build_steps.ENCODED_BYTES = build.PLACED_BYTES = sources.BLOCK_BYTES = 4 << 20
search.RELEASED_BYTES = compaction.SPILL_BYTES = encode.READ_BYTES = 4 << 20
tuning.SAMPLED_QUERIES = 128

rows = h5py.File(sys.argv[1])["rows"]
small = Index.build(rows[:2000], scan_below=100, n_jobs=1)
small.search(rows[:40], 10)
before = peak()
index = Index.build(rows, path=sys.argv[2], n_jobs=1)
assert index.stats().path == "buckets", index.stats()
index.search(rows[:100], 10)
index.add(np.arange(len(rows), len(rows) + 2500), rows[:2500])
print((peak() - before) / 1024, rows.nbytes / 2**20)
"""


def test_a_build_from_a_file_never_holds_all_rows(tmp_path: Any, monkeypatch: Any) -> None:
    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        rows = file.create_dataset("rows", (48_000, 1024), "f4", chunks=(256, 1024))
        centres = random.standard_normal((40, 1024), dtype=np.float32)
        for start in range(0, 48_000, 1000):
            rows[start : start + 1000] = centres[random.integers(0, 40, 1000)] + random.standard_normal(
                (1000, 1024), dtype=np.float32
            )
    program = tmp_path / "build.py"
    program.write_text(BUILD)
    run = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "rows.h5"), str(tmp_path / "i")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    more, size = map(float, run.stdout.split())
    assert more < 0.5 * size, (more, size)


@pytest.mark.parametrize("share", [0.5, 2])
def test_a_scan_lets_go_of_a_file_only_where_it_is_large(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    rows = np.random.default_rng(0).standard_normal((200, 8), dtype=np.float32)
    Index.build(rows, path=tmp_path / "i", n_jobs=1)
    index = Index.open(tmp_path / "i")
    released: list[Any] = []
    monkeypatch.setattr(search, "RELEASED_BYTES", int(rows.nbytes / share))
    monkeypatch.setattr(search, "release", released.append)
    index.search(rows[:1], 5)
    assert len(released) == (share > 1)
