"""What a name to be removed stands for, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_pictures import draw  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.errors import InputError

VECTORS = np.random.default_rng(7).normal(size=(6, 4)).astype(np.float32)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
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
