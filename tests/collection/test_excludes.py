"""What is left out of folders, and what becomes of stored pictures that it is for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_pictures import counts, draw  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.collection.excludes import USUAL, Excludes
from lookalike.collection.walk import find_pictures
from lookalike.errors import OptionError

NAMES = ["a.png", "b_small.png", "raw/c.png", "raw/deep/d.png", "thumbs/e.png", "sub/Thumbs/f.png"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    draw(folder, NAMES)
    return folder


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        yield made


def found(folder: Path, *patterns: str) -> list[str]:
    files = find_pictures([folder], patterns).files
    return sorted(Path(file.path).relative_to(folder).as_posix() for file in files)


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ([], []),
        (["thumbs"], ["thumbs/e.png", "sub/Thumbs/f.png"]),
        (["thumbs/"], ["thumbs/e.png", "sub/Thumbs/f.png"]),
        (["./thumbs"], ["thumbs/e.png"]),
        (["*_small.*"], ["b_small.png"]),
        (["raw/*.png"], ["raw/c.png", "raw/deep/d.png"]),
        (["raw/deep"], ["raw/deep/d.png"]),
        (["deep/d.png"], []),
        (["[ab]*.png", "sub"], ["a.png", "b_small.png", "sub/Thumbs/f.png"]),
        (["thumb", ".png", "("], []),
    ],
)
def test_patterns(pictures: Path, patterns: list[str], left_out: list[str]) -> None:
    assert found(pictures, *patterns) == sorted(set(NAMES) - set(left_out))


def test_a_whole_path_is_a_pattern(pictures: Path) -> None:
    assert "raw/c.png" not in found(pictures, f"{pictures}/raw")


@pytest.mark.parametrize("name", [*USUAL, ".thumbnails", ".git", "$Recycle.Bin"])
def test_what_systems_make_is_left_out_unless_it_is_named(pictures: Path, name: str) -> None:
    draw(pictures / "sub" / name, ["g.png"])
    assert found(pictures) == sorted(NAMES)
    assert found(pictures / "sub" / name) == ["g.png"]
    (file,) = find_pictures([pictures / "sub" / name / "g.png"]).files
    assert file.problem is None


def test_stored_pictures_that_are_left_out_stay(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, jobs=1)
    report = collection.add(pictures, jobs=1, exclude=["thumbs", "b_*"])
    assert counts(report) == {"unchanged": 3, "excluded": 3}
    assert report.is_complete
    assert "3 known files are left out by now, and kept" in report.notes()[0]
    assert collection.info()["sources"] == 6
    assert counts(collection.add(pictures, jobs=1)) == {"unchanged": 6}


def test_stored_pictures_that_are_left_out_and_gone_are_gone(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, jobs=1)
    (pictures / "b_small.png").unlink()
    assert counts(collection.add(pictures, jobs=1, exclude="b_*")) == {"unchanged": 5, "gone": 1}


def test_a_stored_picture_that_is_left_out_gets_features_that_all_get(
    collection: Collection, pictures: Path
) -> None:
    collection.add(pictures, jobs=1)
    collection.add(pictures, jobs=1, exclude="thumbs", features=["look", "color-layout"])
    assert collection.info()["features"]["color-layout"]["vectors"] == 6


def test_a_picture_that_is_left_out_and_edited_is_not_read(collection: Collection, pictures: Path) -> None:
    collection.add(pictures, jobs=1)
    os.replace(pictures / "a.png", pictures / "b_small.png")
    report = collection.add(pictures, jobs=1, exclude="b_*")
    assert counts(report) == {"unchanged": 4, "gone": 1, "excluded": 1}


@pytest.mark.parametrize("exclude", [b"x", {"x": 1}, 5, [""], [" "], [5]])
def test_what_is_no_pattern_is_refused(pictures: Path, exclude: Any) -> None:
    with pytest.raises(OptionError, match=r"exclude (is|has)"):
        find_pictures([pictures], exclude)


def test_a_folder_that_begins_alike_is_another() -> None:
    excludes = Excludes(["b/c"])
    assert excludes.leaves_out_any("/a/b/c/d.png", "/a")
    assert not excludes.leaves_out_any("/a/b/cc/d.png", "/a")
    assert not excludes.leaves_out_any("/a/b/c/d.png", "/a/b/c")
