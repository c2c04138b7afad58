"""A system that does not let an index be written: one line that says what to do, and nothing left of the attempt."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Index, LookalikeError
from lookalike.errors import IndexStorageError, OptionError
from lookalike.index.io import array_directory as disk
from lookalike.index.io import array_writer

DIMENSION = 8
FIRST: Any = np.random.default_rng(0).normal(size=(300, DIMENSION)).astype(np.float32)
SECOND: Any = np.random.default_rng(1).normal(size=(320, DIMENSION)).astype(np.float32)


def build(path: Path) -> None:
    Index.build(SECOND, path=path, scan_below=100, n_jobs=1)


def build_from_blocks(path: Path) -> None:
    blocks = ((range(start, start + 80), SECOND[start : start + 80]) for start in range(0, 320, 80))
    Index.build_from_blocks(blocks, path, dimension=DIMENSION, n_jobs=1)


def save(path: Path) -> None:
    Index.build(SECOND, n_jobs=1).save(path)


def save_changes(path: Path) -> None:
    """Open what lies there, or build it, and save it with a few rows more."""
    exists = os.path.exists(path / disk.MANIFEST)
    index = Index.open(path) if exists else Index.build(FIRST, n_jobs=1)
    index.update([], range(300, 320), SECOND[300:], stamp=1)
    index.save(path)


WRITES = [build, build_from_blocks, save, save_changes]


class Full:
    """A disk on which the n-th write is the first that fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: float = float("inf")
        monkeypatch.setattr(array_writer, "write_all", self.counted(array_writer.write_all))
        monkeypatch.setattr("lookalike.index.io.sinks.write_all", array_writer.write_all)
        monkeypatch.setattr(os, "fsync", self.counted(os.fsync))
        monkeypatch.setattr(Path, "replace", self.counted(Path.replace))

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments)

        return write


def rows_of(path: Path) -> int:
    """Return the number of rows of a sound index that finds them."""
    index = Index.open(path, verify=True)
    ids = index.ids()
    assert (index.search(index.vectors(ids), 1, recall=1)[1] < 1e-5).all()
    return len(index)


def files(path: Path) -> set[str]:
    """Return the names of the files in an index's directory, but for the lock."""
    return {file.name for file in path.iterdir()} - {disk.LOCK}


def named(path: Path) -> set[str]:
    """Return the names of the files that are of the current version."""
    return {entry["file"] for entry in disk.read_manifest(path)[1].values()} | {disk.MANIFEST}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("replaces", [True, False])
def test_a_disk_that_is_full_at_any_write_leaves_the_old_version_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], replaces: bool
) -> None:
    path, full = tmp_path / "index", Full(monkeypatch)
    sound = tmp_path / "sound"
    Index.build(FIRST, n_jobs=1).save(sound)
    for writes in range(0, 1000, 5 if write is build else 1):  # buckets take a while to build
        if replaces:
            shutil.copytree(sound, path)
        full.left = writes
        try:
            write(path)
            break
        except IndexStorageError as error:
            full.left = float("inf")
            assert str(error) == f"{path}: the index cannot be written: the disk is full; free some space"
        if not (path / disk.MANIFEST).exists():
            assert not replaces
            assert files(path) == set(), "nothing half-written is left"
        elif rows_of(path) == 300:
            assert files(path) == named(path), "nothing half-written is left"
        write(path)
        assert rows_of(path) == 320, "the next run with room ends as if nothing had happened"
        assert files(path) == named(path)
        shutil.rmtree(path)
    assert 5 < writes < 1000
    assert rows_of(path) == 320


def test_what_a_killed_process_left_is_swept_before_the_next_writes(tmp_path: Path) -> None:
    """It may be what fills the disk."""
    build(tmp_path / "index")
    stale = [tmp_path / "index" / name for name in ("vectors.99.bin", "given.99.bin")]
    for file in stale:
        file.write_bytes(b"half")
    with array_writer.writing(tmp_path / "index"):
        assert not any(file.exists() for file in stale)
    assert rows_of(tmp_path / "index") == 320


@contextmanager
def small_disk(kilobytes: int, folder: Path) -> Iterator[Callable[[int], None]]:
    """Mount a file system of this size, and give what changes the size."""

    def mount(options: str, *more: str) -> bool:
        command = ["mount", *more, "-o", options, str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    if not mount(f"size={kilobytes}k", "-t", "tmpfs", "tmpfs"):
        pytest.skip("a small file system cannot be mounted here (it takes root)")
    try:
        yield (
            lambda size: None if mount(f"remount,size={size}k") else pytest.fail("the size cannot be changed")
        )
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("write", WRITES)
def test_a_disk_that_fills_up_at_any_size_is_no_harm(tmp_path: Path, write: Callable[[Path], None]) -> None:
    sizes = int(os.environ.get("LOOKALIKE_DISK_SIZES", "6"))
    folder = tmp_path / "disk"
    folder.mkdir()
    failed = 0
    for size in np.linspace(8, 60, sizes).astype(int).tolist():
        with small_disk(size, folder) as resize:
            try:
                write(folder / "index")
            except IndexStorageError as error:
                failed += 1
                assert "the disk is full; free some space" in str(error)
                resize(4096)
                write(folder / "index")
            assert rows_of(folder / "index") == 320
    assert failed


def names_that_fail(folder: Path) -> dict[str, Path]:
    (folder / "file").write_text("x")
    return {
        "a file is in the way; give another path": folder / "file" / "index",
        "a name is too long; give a shorter path": folder / ("a" * 300),
    }


@pytest.mark.parametrize("write", WRITES)
def test_a_path_where_no_index_can_be_is_named_with_the_reason(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    for reason, path in names_that_fail(tmp_path).items():
        with pytest.raises(LookalikeError) as refused:
            write(path)
        assert str(refused.value) == f"{path}: the index cannot be written: {reason}"


def test_a_path_where_no_index_can_be_is_not_opened(tmp_path: Path) -> None:
    for path in names_that_fail(tmp_path).values():
        with pytest.raises(LookalikeError, match=r"cannot be read|missing"):
            Index.open(path)


def test_a_path_with_a_nul_is_refused() -> None:
    for call in (Index.open, build, save):
        with pytest.raises(OptionError, match="path"):
            call(Path("a\0b"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    save(tmp_path / "index")
    (tmp_path / "index").chmod(0o500)
    try:
        with pytest.raises(IndexStorageError, match="permission is denied"):
            save_changes(tmp_path / "index")
        assert rows_of(tmp_path / "index") == 320
    finally:
        (tmp_path / "index").chmod(0o700)


def test_a_folder_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "index"

    def blocks() -> Iterator[tuple[Any, Any]]:
        yield range(80), SECOND[:80]
        shutil.rmtree(path)
        yield range(80, 160), SECOND[80:160]

    with pytest.raises(LookalikeError):
        Index.build_from_blocks(blocks(), path, dimension=DIMENSION)
    build(path)
    assert rows_of(path) == 320


def test_an_error_of_the_caller_s_own_files_is_not_taken_for_the_index_s(tmp_path: Path) -> None:
    def blocks() -> Iterator[tuple[Any, Any]]:
        yield range(80), SECOND[:80]
        raise OSError(errno.EIO, "the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"):
        Index.build_from_blocks(blocks(), tmp_path / "index", dimension=DIMENSION)
    assert files(tmp_path / "index") == set()
