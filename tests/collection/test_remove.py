"""What a name to be removed stands for, and what it does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.catalogue import Catalogue
from lookalike.collection.changed_content import changed_content
from lookalike.collection.remove import MissingReport
from lookalike.errors import InputError

VECTORS = np.random.default_rng(7).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        yield made


def paths(collection: Collection) -> list[str]:
    return sorted(place.path for source in collection.list() for place in source.places)


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_name_is_not_the_current_folder(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    collection.add(draw(tmp_path / "pictures", ["a.png", "b.png"]), jobs=1)
    monkeypatch.chdir(tmp_path)
    for names in (blank, [str(tmp_path / "pictures" / "a.png"), blank]):
        with pytest.raises(InputError, match="no name"):
            collection.remove(names)
    assert len(collection) == 2
    assert collection.remove(".") == 2


def test_a_blank_id_can_be_removed(collection: Collection) -> None:
    collection.add_vectors(VECTORS, ids=[" ", *"abcde"])
    assert collection.remove(" ") == 1
    assert len(collection) == 5


def test_rows_of_a_file_are_not_those_of_one_whose_name_goes_on_with_a_hash(
    collection: Collection, tmp_path: Path
) -> None:
    for name, rows in (("x.npy", VECTORS[:2]), ("x.npy#1.npy", VECTORS[2:4]), ("x.npy#1#2.npy", VECTORS[4:])):
        np.save(tmp_path / name, rows)
        collection.import_file(tmp_path / name)
    assert collection.remove(tmp_path / "x.npy") == 2
    assert paths(collection) == sorted(
        f"{tmp_path}/x.npy#1{rest}" for rest in (".npy#0", ".npy#1", "#2.npy#0", "#2.npy#1")
    )
    assert collection.remove(f"{tmp_path}/x.npy#1.npy#1") == 1
    assert collection.remove(tmp_path) == 3


class TestMissing:
    @pytest.fixture
    def pictures(self, collection: Collection, tmp_path: Path) -> Path:
        folder = tmp_path / "missing"
        draw(folder, ["a.png", "b.png", "sub/c.png", "sub/d.png"], first_seed=80)
        shutil.copy(folder / "a.png", folder / "a copy.png")
        collection.add(folder)
        return folder

    def test_a_picture_without_any_file_goes(self, collection: Collection, pictures: Path) -> None:
        before = len(collection)
        (pictures / "b.png").unlink()
        assert collection.remove_missing() == MissingReport(removed=1, forgotten=1, away=0)
        assert len(collection) == before - 1
        assert collection.remove_missing() == MissingReport(0, 0, 0)

    def test_a_picture_with_a_file_that_is_left_stays(self, collection: Collection, pictures: Path) -> None:
        (pictures / "a.png").unlink()
        assert collection.remove_missing() == MissingReport(removed=0, forgotten=1, away=0)
        (source,) = [one for one in collection.list() if any("a copy" in place.path for place in one.places)]
        assert [place.path for place in source.places] == [str(pictures / "a copy.png")]

    @pytest.mark.parametrize("is_left", [False, True])
    def test_files_of_a_share_that_is_away_stay(
        self, collection: Collection, pictures: Path, tmp_path: Path, is_left: bool
    ) -> None:
        before = len(collection)
        pictures.rename(tmp_path / "unmounted")
        if is_left:
            pictures.mkdir()
        assert collection.remove_missing() == MissingReport(removed=0, forgotten=0, away=5)
        assert len(collection) == before

    def test_a_picture_that_is_away_with_one_file_and_gone_with_another_stays(
        self, collection: Collection, pictures: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "share").mkdir()
        shutil.copy(pictures / "b.png", tmp_path / "share" / "b.png")
        collection.add(tmp_path / "share")
        (tmp_path / "share").rename(tmp_path / "unmounted")
        (pictures / "b.png").unlink()
        assert collection.remove_missing() == MissingReport(removed=0, forgotten=1, away=1)

    def test_rows_of_a_vector_file_that_is_gone_stay(self, collection: Collection, tmp_path: Path) -> None:
        np.save(tmp_path / "v.npy", np.eye(3, dtype=np.float32))
        collection.import_file(tmp_path / "v.npy", feature="rows")
        (tmp_path / "v.npy").unlink()
        assert collection.remove_missing() == MissingReport(0, 0, 0)


def test_content_that_changed_at_the_same_size_and_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.collection.paths.file_time", lambda status: status.st_mtime_ns)
    paths = draw(tmp_path / "p", ["a.png", "b.png", "c.png", "d.png", "e.png"])
    with Collection.create(tmp_path / "c2") as collection:
        collection.add(tmp_path / "p")
    for path in paths[:2]:
        before = path.stat()
        path.write_bytes(bytes(before.st_size))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(paths[2])
    paths[3].unlink()
    with Catalogue.open(tmp_path / "c2" / "catalogue.sqlite") as catalogue:
        assert [place.path for place in changed_content(catalogue)] == [str(path) for path in paths[:2]]
    with Collection.open(tmp_path / "c2") as collection:
        told = [problem.what for problem in collection.verify(files=True)]
    assert sum("at the same size and time" in what for what in told) == 2
