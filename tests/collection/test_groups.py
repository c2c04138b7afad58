"""Groups of copies and look-alikes of a whole collection, and what of them could be removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike import Collection
from lookalike.errors import OptionError, UnknownFeatureError

APART = np.eye(40, dtype=np.float32)


@pytest.fixture
def vectors(tmp_path: Path) -> Collection:
    """Return forty vectors far apart, two of which have copies, and one of which a chain leads away from."""
    rows = [*APART, APART[3], APART[3], APART[8] + 0.001]
    rows += [APART[20] + step * 0.01 * APART[21] for step in range(1, 15)]
    collection = Collection.create(tmp_path / "c")
    collection.add_vectors(np.array(rows, np.float32), ids=[f"id-{n}" for n in range(len(rows))])
    return collection


def ids(collection: Collection, limit: float) -> list[set[str]]:
    return [{member.source.id for member in group.members} for group in collection.groups(max_distance=limit)]


def test_a_chain_makes_groups_about_middles(vectors: Collection) -> None:
    found = list(vectors.groups(max_distance=0.0101))
    assert {"id-3", "id-40", "id-41"} in ids(vectors, 0.0101)
    assert {"id-8", "id-42"} in ids(vectors, 0.0101)
    assert all(member.distance <= 0.0101 for group in found for member in group.members)
    assert max(len(group.members) for group in found) == 3


def test_exact_copies_are_at_0(vectors: Collection) -> None:
    (group,) = vectors.groups(max_distance=0)
    assert group.kind == "exact"
    assert [member.distance for member in group.members] == [0, 0, 0]
    assert group.keep == "id-3"
    assert group.removable == ("id-40", "id-41")


def test_removed_sources_are_of_no_group(vectors: Collection) -> None:
    vectors.remove(["id-42", "id-40", "id-41"])
    assert not any({"id-3", "id-8"} & group for group in ids(vectors, 0.0101))


def test_a_group_whose_members_went_is_not_told(vectors: Collection) -> None:
    found = vectors.groups(max_distance=0)
    vectors.remove(["id-40", "id-41"])
    assert list(found) == []


def picture(path: Path, seed: int, side: int = 96) -> None:
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder of eight pictures: one file copied, one picture in half the size."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(8):
        picture(folder / f"{number}.png", number)
    shutil.copy(folder / "2.png", folder / "copy.png")
    Image.open(folder / "5.png").resize((48, 48)).save(folder / "small.png")
    return folder


def test_files_that_are_equal_and_smaller_copies_could_be_removed(tmp_path: Path, pictures: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add([pictures])
        found = collection.groups()
        assert found.max_distance == 0.04
        near, same = found
        assert (near.kind, same.kind) == ("near-copy", "exact")
        assert near.keep == str(pictures / "5.png")
        assert (near.removable, near.perhaps) == ((), (str(pictures / "small.png"),))
        assert {same.keep, *same.removable} == {str(pictures / "2.png"), str(pictures / "copy.png")}
        assert len(same.members) == 1
        told = found.to_json()
        assert (told["compared"], told["removable"], told["perhaps"]) == (9, 1, 1)
        assert "could be removed" in found.to_html()
        assert found.to_html().count("data:image/jpeg") == 3


def test_a_file_that_is_gone_is_no_copy(tmp_path: Path, pictures: Path) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add([pictures])
        (pictures / "copy.png").unlink()
        (pictures / "5.png").unlink()
        assert list(collection.groups()) == []


def test_look_alikes_are_listed_and_not_to_be_removed(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 8)).astype(np.float32)
    rows[1] = rows[0] + 1e-4
    rows[2] = rows[0] + 0.4
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(rows, ids=[str(number) for number in range(60)], metric="euclidean")
        found = collection.groups(max_distance=1.2)
        group = next(group for group in found if "0" in {member.source.id for member in group.members})
        kinds = {member.source.id: member.kind for member in group.members}
        assert group.kind == "look-alike"
        assert kinds["2"] == "look-alike"
        assert not group.removable
        assert "2" not in group.perhaps
        (copies,) = collection.groups()
        assert copies.kind == "near-copy"


def test_groups_need_a_feature_and_a_distance(tmp_path: Path, vectors: Collection) -> None:
    with pytest.raises(UnknownFeatureError, match="vectors"):
        vectors.groups("look")
    with pytest.raises(OptionError, match="max_distance"):
        vectors.groups(max_distance=-0.1)
    with Collection.create(tmp_path / "empty") as empty, pytest.raises(UnknownFeatureError):
        empty.groups()
