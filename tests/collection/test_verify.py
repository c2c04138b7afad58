"""Damage is found, named, and told what to do about."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.catalogue import Problem
from lookalike.errors import CollectionDamagedError, CollectionVersionError, LookalikeError

VECTORS = np.random.default_rng(5).normal(size=(30, 6)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw(tmp_path / "pictures", ["a.png", "b.png", "sub/c.png"])
    with Collection.create(tmp_path / "c") as collection:
        collection.add(tmp_path / "pictures", jobs=1)
        collection.add_vectors(
            VECTORS,
            ids=[f"row{row}" for row in range(30)],
            metadata=[{"title": f"word{row}"} for row in range(30)],
        )
    return tmp_path / "c"


def problems(folder: Path) -> list[Problem]:
    with Collection.open(folder) as collection:
        return list(collection.verify())


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_sound_collection_has_no_problems(folder: Path) -> None:
    assert problems(folder) == []


@pytest.mark.parametrize("value", ["CAST(X'0000803f' || substr(vector, 5) AS BLOB)", "'text'"])
def test_a_vector_that_has_changed(folder: Path, value: str) -> None:
    execute(folder, f"UPDATE vectors SET vector = {value} WHERE number = 9")
    (problem,) = problems(folder)
    assert "vector" in problem.what
    assert problem.where == "feature vectors of source row5"
    assert problem.advice.startswith("run lookalike remove row5, then add")
    with Collection.open(folder) as collection, pytest.raises(CollectionDamagedError, match="verify"):
        collection.rebuild()


@pytest.mark.parametrize("name", ["vectors", "ids", "order", "manifest"])
def test_index_files_that_have_changed(folder: Path, name: str) -> None:
    index = folder / "indexes" / "vectors"
    (file,) = index.glob(f"{name}.*")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    file.write_bytes(raw)
    (problem,) = problems(folder)
    assert problem.where == "index vectors"
    assert "rebuild" in problem.advice
    with Collection.open(folder) as collection:
        assert collection.rebuild() == {"look": 3, "vectors": 30}
    assert problems(folder) == []


def test_the_advice_for_a_picture_can_be_followed(folder: Path) -> None:
    execute(folder, "UPDATE vectors SET checksum = 1 WHERE number = 2")
    (problem,) = problems(folder)
    remove, add = problem.advice.split(", then ")
    with Collection.open(folder) as collection:
        assert collection.remove(remove.removeprefix("run lookalike remove ")) == 1
        assert collection.add(add.removeprefix("lookalike add "), jobs=1).added == 1
    assert problems(folder) == []


def test_an_index_that_was_never_finished_is_no_damage(folder: Path) -> None:
    shutil.rmtree(folder / "indexes")
    assert problems(folder) == []
    with Collection.open(folder) as collection:
        assert len(collection.search("row3", k=3)) == 3
    assert problems(folder) == []


def test_an_index_that_is_of_another_state(folder: Path) -> None:
    with Collection.open(folder) as collection:
        shutil.copy(folder / "catalogue.sqlite", folder.parent / "copy")
        collection.remove("row3")
    shutil.copy(folder.parent / "copy", folder / "catalogue.sqlite")
    found = problems(folder)
    assert [problem.where for problem in found] == ["index look", "index vectors"]
    assert all("restored" in problem.what and "rebuild" in problem.advice for problem in found)
    with Collection.open(folder) as collection:
        collection.rebuild()
    assert problems(folder) == []


def change_text(folder: Path) -> None:
    execute(folder, "UPDATE text_index SET title = 'other' WHERE rowid = 5")


def lose_text(folder: Path) -> None:
    execute(folder, "DELETE FROM text_index WHERE rowid = 5")


@pytest.mark.parametrize("damage", [change_text, lose_text])
def test_words_that_are_not_those_of_the_metadata(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    found = problems(folder)
    assert any("text" in problem.where for problem in found)
    with Collection.open(folder) as collection:
        collection.rebuild()
    assert problems(folder) == []


def test_files_that_are_gone(folder: Path) -> None:
    pictures = folder.parent / "pictures"
    (pictures / "a.png").unlink()
    (problem,) = problems(folder)
    assert problem.what == f"{pictures / 'a.png'} is gone"
    assert "remove" in problem.advice
    (pictures / "b.png").unlink()
    (problem,) = problems(folder)
    assert problem.what.startswith("2 files are gone")
    with Collection.open(folder) as collection:
        assert collection.remove([pictures / "a.png", pictures / "b.png"]) == 2
    assert problems(folder) == []


def test_files_that_have_changed_since(folder: Path) -> None:
    pictures = folder.parent / "pictures"
    os.utime(pictures / "a.png", ns=(1, 1))
    assert problems(folder) == [], "it was touched, and has the content that it had"
    (pictures / "a.png").write_bytes((pictures / "b.png").read_bytes())
    (problem,) = problems(folder)
    assert problem.what == f"{pictures / 'a.png'} has changed since it was added"
    assert problem.advice == f"run lookalike add {pictures / 'a.png'}"
    (pictures / "b.png").write_bytes(b"no picture any more")
    (problem,) = problems(folder)
    assert problem.what == f"2 files have changed since they were added, such as {pictures / 'a.png'}"
    (pictures / "b.png").write_bytes((pictures / "a.png").read_bytes())
    with Collection.open(folder) as collection:
        collection.add(pictures, jobs=1)
    assert problems(folder) == []


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_catalogue_that_is_cut(folder: Path, kept: int) -> None:
    file = folder / "catalogue.sqlite"
    file.write_bytes(file.read_bytes()[:kept])
    try:
        found = problems(folder)
    except LookalikeError as error:
        assert isinstance(error, CollectionDamagedError)
        assert "catalogue.sqlite" in str(error)
    else:
        assert found


def test_a_catalogue_that_is_no_database(folder: Path) -> None:
    (folder / "catalogue.sqlite").write_text("no database" * 1000)
    with pytest.raises(CollectionDamagedError, match="damaged"):
        Collection.open(folder)


def test_a_catalogue_of_a_newer_version(folder: Path) -> None:
    execute(folder, "UPDATE state SET schema_version = 99")
    with pytest.raises(CollectionVersionError, match="newer version"):
        Collection.open(folder)
