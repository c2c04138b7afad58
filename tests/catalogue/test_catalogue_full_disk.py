"""A disk that is full: an error in words, nothing half-written, and the next run with room goes on."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filled_catalogue import new  # type: ignore[import-not-found]

from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.records import FeatureRecord
from lookalike.catalogue.sqlite import connections, creation
from lookalike.errors import CollectionError

FULL = "the disk is full; free some space and run it again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many KiB, or the same one with so many; empty at first."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def size(kib: int) -> Path:
        nonlocal mounted
        again = ["-o", f"remount,size={kib}k"] if mounted else ["-t", "tmpfs", "-o", f"size={kib}k", "tmpfs"]
        try:
            done = subprocess.run(["mount", *again, str(folder)], capture_output=True, check=False)
        except OSError as error:
            pytest.skip(f"no small disk can be mounted here: {error}")
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
        mounted = True
        return folder

    yield size
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Create the catalogue and add sources in three writes; or what is lacking of it."""
    path = folder / "catalogue.sqlite"
    with Catalogue.open(path) if path.exists() else Catalogue.create(path) as catalogue:
        if not catalogue.features():
            with catalogue.write() as writer:
                writer.add_feature(FeatureRecord("look", "look", 4, "cosine"))
        for start in (0, 100, 200):
            if f"id{start}" not in catalogue.numbers([f"id{start}"]):
                with catalogue.write() as writer:
                    writer.add_sources([new(i) for i in range(start, start + 100)])
        assert catalogue.count() == 300
        assert list(catalogue.verify()) == []


@pytest.mark.parametrize("kib", [16, 60, 120, 130, 140, 160, 180, 220, 260, 300])
def test_whatever_the_size_of_the_disk(disk: Callable[[int], Path], kib: int) -> None:
    folder = disk(kib)
    try:
        fill(folder)
    except CollectionError as error:
        assert str(error) == f"{folder / 'catalogue.sqlite'}: {FULL}"
    fill(disk(9000))
    assert not list(folder.glob("*.new*"))


def test_a_catalogue_for_which_there_is_no_room_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*arguments: object) -> sqlite3.Connection:
        connection = connections.opened(*arguments)  # type: ignore[arg-type]
        connection.execute("PRAGMA max_page_count = 12")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(creation, "opened", opened)
        with pytest.raises(CollectionError, match=rf"catalogue\.sqlite: {FULL}"):
            Catalogue.create(tmp_path / "catalogue.sqlite")
    assert list(tmp_path.iterdir()) == []
    fill(tmp_path)


def test_a_catalogue_whose_name_finds_no_room_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        with pytest.raises(CollectionError, match=FULL):
            Catalogue.create(tmp_path / "catalogue.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("location", ["sqlite"], indirect=True)
def test_a_write_for_which_there_is_no_room_leaves_nothing(filled: Catalogue) -> None:
    with pytest.raises(CollectionError, match=FULL), filled.write() as writer:
        writer._connection.exec_driver_sql("PRAGMA max_page_count = 80")
        writer.add_sources([new(i, metadata={"title": "blue " * 500}) for i in range(100, 300)])
    assert filled.count() == 20 and filled.generation() == 1
    filled.close()
    with Catalogue.open(filled.name) as again:
        assert list(again.verify()) == []
