"""The directory of an index: small saves, crashes, damage."""

import contextlib
import json
import os
import shutil
from typing import Any

import numpy as np
import pytest
from damaged import files_of  # type: ignore[import-not-found]

from lookalike.errors import IndexFormatError, LookalikeError, OptionError, VectorError
from lookalike.index import Index
from lookalike.index.io import array_directory as disk


def rows(count: Any = 3000, dimension: Any = 8, seed: Any = 0) -> Any:
    random = np.random.default_rng(seed)
    return (np.repeat(random.standard_normal((count // 50, dimension)) * 3, 50, axis=0)
            + random.standard_normal((count, dimension))).astype(np.float32)  # fmt: skip


@pytest.fixture(scope="module")
def saved_once(tmp_path_factory: Any) -> Any:
    path = tmp_path_factory.mktemp("format") / "index"
    index = Index.build(rows(), scan_below=500)
    index.add([9000], rows(50, seed=1)[:1])
    index.remove([4])
    index.save(path)
    return path


@pytest.fixture
def saved(saved_once: Any, tmp_path: Any) -> Any:
    """Return the directory of an index with buckets, a tail and a removed row."""
    return shutil.copytree(saved_once, tmp_path / "index")


def test_small_changes_write_small_files(saved: Any) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in saved.glob("*.bin")}
    index = Index.open(saved)
    index.add([9001], rows(50, seed=1)[1:2])
    index.remove([5])
    index.save(saved)
    after = {file.name: file.stat().st_mtime_ns for file in saved.glob("*.bin")}
    written = {name for name, time in after.items() if before.get(name) != time}
    assert {name.split(".")[0] for name in written} == {"tail_vectors", "tail_ids", "removed"}
    assert len(after) == len(before)
    again = Index.open(saved, verify=True)
    assert len(again) == 3000
    assert 9001 in again
    assert 5 not in again


def test_saving_over_another_index_replaces_it(saved: Any) -> None:
    other = Index.build(rows(100), metric="cosine")
    other.save(saved)
    assert len(Index.open(saved, verify=True)) == 100
    first, second = Index.open(saved), Index.open(saved)
    first.add([500], rows(50)[:1])
    for number in range(501, 560):  # enough to be folded, so the base is another
        first.add([number], rows(50)[:1])
    first.save(saved)
    second.remove([0])
    second.save(saved)  # its base is no more in the directory, and is written again
    assert len(Index.open(saved, verify=True)) == 99


@pytest.mark.parametrize("moment", range(12))
def test_a_crash_leaves_the_old_version_or_the_new(saved: Any, monkeypatch: Any, moment: Any) -> None:
    index = Index.open(saved)
    index.add(range(10000, 12000), rows(2000, seed=2))  # folds, so all is written
    calls = 0

    def dying(*_: object) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2 * moment:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", dying)
    try:
        index.save(saved)
    except KeyboardInterrupt:
        assert moment < 11
    monkeypatch.undo()
    assert len(Index.open(saved, verify=True)) in (3000, 5000)
    index.save(saved)
    assert len(Index.open(saved, verify=True)) == 5000
    entries = disk.read_manifest(saved)[1]
    assert {file.name for file in saved.glob("*.bin")} == {entry["file"] for entry in entries.values()}


def test_missing_truncated_and_longer_files_are_named(saved: Any) -> None:
    for file in files_of(saved):
        whole = file.read_bytes()
        cuts = [whole + b"\0", *([whole[:-1], b""] if whole else [])]
        for damaged in cuts:
            file.write_bytes(damaged)
            if damaged == whole + b"\0" and file.name == disk.MANIFEST:
                continue
            with pytest.raises(IndexFormatError, match=file.name.replace(".", r"\.")):
                Index.open(saved)
        file.unlink()
        with pytest.raises(IndexFormatError, match=file.name.replace(".", r"\.")):
            Index.open(saved)
        file.write_bytes(whole)
    Index.open(saved, verify=True)


def test_flipped_bits_are_found_by_verify(tmp_path: Any) -> None:
    path = tmp_path / "index"
    index = Index.build(rows(100, 3), scan_below=50)
    index.save(path)
    random = np.random.default_rng(0)
    files = [file for file in files_of(path) if file.stat().st_size]
    for _ in range(400):
        file = files[random.integers(len(files))]
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        if file.name == disk.MANIFEST and _same(whole, bytes(damaged)):
            continue
        with pytest.raises(IndexFormatError):
            Index.open(path, verify=True)
        file.write_bytes(whole)


def _same(first: Any, second: Any) -> Any:
    try:
        return json.loads(first) == json.loads(second)
    except ValueError:
        return False


def test_wrong_contents_never_crash_a_search(saved: Any) -> None:
    """Without verify, contents are not read on opening; a search raises our error or answers."""
    entries = disk.read_manifest(saved)[1]
    for name in ("offsets", "ids", "order", "blocks", "centroids", "vectors", "projection.matrix"):
        file = saved / entries[name]["file"]
        whole = file.read_bytes()
        file.write_bytes(b"\x7f" * len(whole))
        with contextlib.suppress(LookalikeError), np.errstate(all="ignore"):
            Index.open(saved).search(rows(100), 5)
        file.write_bytes(whole)


def test_newer_version_says_so(saved: Any) -> None:
    manifest = json.loads((saved / disk.MANIFEST).read_text())
    manifest["version"] = disk.VERSION + 1
    (saved / disk.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(IndexFormatError, match=rf"format version {disk.VERSION + 1}.*upgrade"):
        Index.open(saved)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Any) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(IndexFormatError, match=r"holiday\.jpg"):
        Index.build(rows(100)).save(tmp_path)
    with pytest.raises(IndexFormatError, match="holds no index"):
        Index.open(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["holiday.jpg"]


def test_build_from_blocks_is_the_same_index(tmp_path: Any) -> None:
    vectors = rows()
    blocks = ((np.arange(start, start + 700)[: 3000 - start], vectors[start : start + 700])
              for start in range(0, 3000, 700))  # fmt: skip
    streamed = Index.build_from_blocks(blocks, tmp_path / "i", dimension=8, scan_below=500, stamp=3)
    whole = Index.build(vectors, scan_below=500)
    queries = rows(200, seed=3)
    ids, distances = streamed.search(queries, 10)
    whole_ids, whole_distances = whole.search(queries, 10)
    assert np.array_equal(ids, whole_ids)
    assert np.array_equal(distances, whole_distances)
    assert streamed.stamp == 3
    with pytest.raises(VectorError, match="row 2 has NaN"):
        Index.build_from_blocks([([0, 1, 2], np.array([[0.0], [1], [np.nan]]))], tmp_path / "i", dimension=1)
    assert len(Index.open(tmp_path / "i", verify=True)) == 3000
    empty = Index.build_from_blocks([], tmp_path / "empty", dimension=4)
    assert len(empty) == 0


@pytest.mark.parametrize("wrong", [-1, 2**63, 0.5, "1", True, None])
def test_a_stamp_that_could_not_be_opened_again_is_not_saved(tmp_path: Any, wrong: Any) -> None:
    index = Index.build(rows(50))
    with pytest.raises(OptionError, match="stamp"):
        index.update([0], [], np.empty((0, index.dimension)), stamp=wrong)
    assert len(index) == 50, "nothing was done"
    with pytest.raises(OptionError, match="stamp"):
        Index.build_from_blocks([], tmp_path / "i", dimension=8, stamp=wrong)
    if wrong is not None:  # which keeps the index's own
        with pytest.raises(OptionError, match="stamp"):
            index.save(tmp_path / "i", stamp=wrong)
    index.update([0], [], np.empty((0, index.dimension)), stamp=2**63 - 1)
    index.save(tmp_path / "i")
    assert Index.open(tmp_path / "i").stamp == 2**63 - 1


@pytest.mark.parametrize("wrong", [0, 1.01, "0.9", True, float("nan"), [0.9], None])
def test_a_recall_that_is_no_share_is_refused(wrong: Any) -> None:
    index = Index.build(rows(50))
    with pytest.raises(OptionError, match="recall"):
        Index.build(rows(50), recall=wrong)
    if wrong is not None:
        with pytest.raises(OptionError, match="recall"):
            index.tune(wrong)
        with pytest.raises(OptionError, match="recall"):
            index.search(rows(50), 1, recall=wrong)
    share: Any = np.float32(0.5)
    assert Index.build(rows(50), recall=share).stats().recall == 0.5
