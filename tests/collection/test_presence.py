"""Whether files are there, told by their folders."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.collection import presence
from lookalike.collection.presence import KEPT_FOLDERS, SETTLED_NS, TRUSTED_SECONDS, Presence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two files, which did not change for a while."""
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / name).write_bytes(b"x")
    settle(tmp_path)
    return tmp_path


def settle(folder: Path) -> None:
    """Have a folder's last change lie in the past, where a change of today is seen."""
    before = folder.stat().st_mtime_ns - 10 * SETTLED_NS
    os.utime(folder, ns=(before, before))


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of the files that are looked at, and not only their folders."""
    paths: list[str] = []
    alone = presence.is_missing

    def counted(path: str) -> bool:
        paths.append(path)
        return alone(path)

    monkeypatch.setattr(presence, "is_missing", counted)
    return paths


def missing(known: Presence, folder: Path) -> list[bool]:
    look = known.look()
    return [look.is_missing(str(folder / name)) for name in ("one.jpg", "two.jpg", "three.jpg")]


def test_a_file_is_looked_at_once_while_its_folder_stays_as_it_is(folder: Path, looked_at: list[str]) -> None:
    known = Presence()
    assert missing(known, folder) == [False, False, True]
    assert len(looked_at) == 3
    assert missing(known, folder) == [False, False, True]
    assert looked_at[3:] == [str(folder / "three.jpg")]  # what is not there is looked for each time


def test_a_file_that_goes_or_comes_is_noticed(folder: Path) -> None:
    known = Presence()
    assert missing(known, folder) == [False, False, True]
    (folder / "one.jpg").unlink()
    assert missing(known, folder) == [True, False, True]
    (folder / "three.jpg").write_bytes(b"x")
    assert missing(known, folder) == [True, False, False]
    (folder / "two.jpg").rename(folder / "one.jpg")
    assert missing(known, folder) == [False, True, False]


def test_a_folder_that_changed_just_now_tells_nothing(folder: Path, looked_at: list[str]) -> None:
    (folder / "four.jpg").write_bytes(b"x")
    known = Presence()
    for _ in range(2):
        assert missing(known, folder) == [False, False, True]
    assert len(looked_at) == 6


def test_a_folder_that_another_takes_the_place_of_is_looked_at_again(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "one.jpg").write_bytes(b"x")
    settle(place)
    known = Presence()
    assert not known.look().is_missing(str(place / "one.jpg"))
    changed = place.stat().st_mtime_ns
    place.rename(tmp_path / "away")
    assert known.look().is_missing(str(place / "one.jpg"))
    place.mkdir()
    os.utime(place, ns=(changed, changed))
    assert known.look().is_missing(str(place / "one.jpg"))


def test_a_link_is_followed_each_time(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("elsewhere") / "picture.jpg"
    target.write_bytes(b"x")
    link = folder / "link.jpg"
    link.symlink_to(target)
    settle(folder)
    known = Presence()
    assert not known.look().is_missing(str(link))
    target.unlink()
    assert known.look().is_missing(str(link))


def test_files_are_looked_at_again_after_a_while(
    folder: Path, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, now = Presence(), time.monotonic()
    missing(known, folder)
    monkeypatch.setattr(time, "monotonic", lambda: now + 2 * TRUSTED_SECONDS)
    missing(known, folder)
    assert looked_at.count(str(folder / "one.jpg")) == 2


def test_what_is_on_the_web_is_there() -> None:
    assert not Presence().look().is_missing("https://example.org/one.jpg")


def test_only_so_many_folders_are_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state(name: str) -> Any:
        return (1, hash(name), 1)

    monkeypatch.setattr(presence, "_state_of", state)
    known = Presence()
    for number in range(3 * KEPT_FOLDERS):
        known.seen_in(f"/folder/{number}")
    assert len(known._folders) <= KEPT_FOLDERS
