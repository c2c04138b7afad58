"""A feature's version is the collection's own, until its vectors are made anew; and then all at once."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_pictures import Told, draw, register_mean_colour  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.catalogue import Catalogue
from lookalike.collection import Event, Listener
from lookalike.collection.copies import copies_within
from lookalike.collection.extraction import spec_of
from lookalike.errors import (
    FeatureMismatchError,
    OptionError,
    OutputError,
    PictureMissingError,
    UnknownFeatureError,
)
from lookalike.features.look import Look
from lookalike.features.registry import FeatureSpec

NAMES = [f"{number}.png" for number in range(8)]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    drawn: list[Path] = draw(tmp_path / "pictures", NAMES)
    return drawn


@pytest.fixture
def old(tmp_path: Path, pictures: list[Path]) -> Iterator[Collection]:
    """A collection with the first version of `look`, stored as it was when there was no other."""
    with Collection.create(tmp_path / "c") as made:
        made.add(pictures[:6], features=["look=1"], jobs=1)
        record = made.features()["look"]
        assert (record.version, dict(record.options)) == ("1", {})
        yield made


def version(collection: Collection) -> tuple[str, int]:
    told = collection.info()["features"]["look"]
    return told["version"], told["dimension"]


def finds_itself(collection: Collection, path: Path) -> bool:
    """Whether a file of the same pixels finds the picture at no distance: whether one version described both."""
    again = path.with_suffix(".bmp")
    with Image.open(path) as image:
        image.save(again)
    hit = collection.search(again, k=1)[0]
    again.unlink()
    return hit.path == str(path) and hit.distance < 1e-6


def test_a_new_collection_has_the_newest_version(tmp_path: Path, pictures: list[Path]) -> None:
    with Collection.create(tmp_path / "new") as collection:
        collection.add(pictures, jobs=1)
        assert version(collection) == ("2", Look(2).dimension)
        assert finds_itself(collection, pictures[2])


@pytest.mark.parametrize("features", [None, ["look"], ["look=1"], [FeatureSpec("look", "look")]])
def test_an_old_collection_stays_as_it_is(
    old: Collection, pictures: list[Path], features: list[str] | None
) -> None:
    before = old.features()
    report = old.add(pictures, features=features, jobs=1)
    assert (report.added, report.unchanged) == (2, 6)
    assert old.features() == before
    assert old.rebuild() == {"look": 8}
    assert version(old) == ("1", Look(1).dimension)
    assert finds_itself(old, pictures[7])
    assert spec_of(old.features()["look"]).options == {"version": "1"}


def test_another_version_is_no_feature_of_that_name(old: Collection, pictures: list[Path]) -> None:
    with pytest.raises(FeatureMismatchError, match=r"version 1 then, 2 now.*rebuild --feature look"):
        old.add(pictures, features=["look=2"])
    old.add(pictures, features=["look2:look"], jobs=1)
    assert {name: one.version for name, one in old.features().items()} == {"look": "1", "look2": "2"}
    assert finds_itself(old, pictures[3])


@pytest.mark.parametrize("asked", ["look", "look=2", FeatureSpec("look", "look", {"version": 2})])
def test_moving(old: Collection, pictures: list[Path], asked: str | FeatureSpec) -> None:
    told = Told()
    report = old.renew(asked, jobs=1, listener=told)
    assert (report.feature, report.version, report.renewed, report.skipped) == ("look", "2", 6, [])
    assert set(told.outcomes().values()) == {"refreshed"}
    assert version(old) == ("2", Look(2).dimension)
    assert dict(old.features()["look"].options) == {}
    old.add(pictures, jobs=1)
    assert all(finds_itself(old, path) for path in pictures)
    assert not list(old.verify())
    old.renew("look=1", jobs=1)
    assert version(old) == ("1", Look(1).dimension)


def test_who_has_the_collection_open_sees_it_moved(
    tmp_path: Path, old: Collection, pictures: list[Path]
) -> None:
    with Collection.open(tmp_path / "c") as other:
        assert finds_itself(other, pictures[1])
        old.renew("look", jobs=1)
        assert finds_itself(other, pictures[1])
        assert version(other)[0] == "2"


def test_a_feature_of_another_name(tmp_path: Path, pictures: list[Path]) -> None:
    with Collection.create(tmp_path / "named") as collection:
        collection.add(pictures, features=["shape:look=1"], jobs=1)
        assert collection.renew("shape", jobs=1).version == "2"
        assert collection.renew("shape:look=1", jobs=1).version == "1"


def test_the_kind_of_index_stays(old: Collection, pictures: list[Path]) -> None:
    old.set_index("look", "hyperplane", tables=3)
    old.renew("look", jobs=1)
    assert old.info()["features"]["look"]["index"]["chosen"] == "hyperplane"
    assert finds_itself(old, pictures[0])


def test_other_features_and_all_else_stay(
    monkeypatch: pytest.MonkeyPatch, old: Collection, pictures: list[Path]
) -> None:
    register_mean_colour(monkeypatch)
    old.add(pictures[:6], features=["mean"], metadata={str(pictures[0]): {"title": "first"}}, jobs=1)
    before = {source.id: source for source in old.list()}
    vectors = {id_: old.vectors(id_)["mean"] for id_ in before}
    old.renew("look", jobs=1)
    assert {source.id: source for source in old.list()} == before
    for id_, vector in vectors.items():
        np.testing.assert_array_equal(old.vectors(id_)["mean"], vector)


def test_pictures_that_are_gone_or_changed_are_told(
    tmp_path: Path, old: Collection, pictures: list[Path]
) -> None:
    pictures[0].unlink()
    pictures[1].write_bytes(pictures[7].read_bytes())
    copy = tmp_path / "elsewhere" / "copy.png"
    copy.parent.mkdir()
    shutil.copy(pictures[2], copy)
    old.add(copy, jobs=1)
    pictures[2].unlink()
    report = old.renew("look", jobs=1)
    assert report.renewed == 4
    reasons = {Path(event.path).name: event.reason or "" for event in report.skipped}
    assert reasons.keys() == {"0.png", "1.png"}
    assert "No such file" in reasons["0.png"]
    assert "other content" in reasons["1.png"]
    assert report.to_json()["skipped"][0]["outcome"] == "skipped"
    assert old.info()["sources"] == 6
    assert old.info()["features"]["look"]["vectors"] == 4


def test_nothing_is_changed_where_a_disk_is_away(old: Collection, pictures: list[Path]) -> None:
    away = pictures[0].parent.rename(pictures[0].parent.with_name("away"))
    with pytest.raises(PictureMissingError, match="nothing was changed"):
        old.renew("look", jobs=1)
    away.rename(pictures[0].parent)
    assert version(old)[0] == "1"
    assert finds_itself(old, pictures[0])


def test_a_run_that_is_stopped_leaves_all_as_it_was(old: Collection, pictures: list[Path]) -> None:
    class StoppedError(Exception):
        pass

    class Stops(Listener):
        def event(self, event: Event) -> None:
            raise StoppedError

    before = old.features(), {source.id: old.vectors(source.id)["look"] for source in old.list()}
    with pytest.raises(StoppedError):
        old.renew("look", jobs=1, listener=Stops())
    assert old.features() == before[0]
    for id_, vector in before[1].items():
        np.testing.assert_array_equal(old.vectors(id_)["look"], vector)
    assert finds_itself(old, pictures[0])
    assert old.renew("look", jobs=1).renewed == 6


def test_the_catalogue_may_be_written_while_vectors_are_made(
    old: Collection, tmp_path: Path, pictures: list[Path]
) -> None:
    class Writes(Listener):
        writes = 0

        def event(self, event: Event) -> None:
            with Catalogue.open(tmp_path / "c" / "catalogue.sqlite") as other, other.write():
                self.writes += 1

    listener = Writes()
    assert old.renew("look", jobs=1, listener=listener).renewed == listener.writes == 6
    assert finds_itself(old, pictures[0])


def test_a_full_disk_leaves_all_as_it_was(old: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = old.features()
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.TemporaryFile", lambda **_: Full())
        with pytest.raises(OutputError, match="No space left on device"):
            old.renew("look", jobs=1)
    assert old.features() == before
    assert old.renew("look", jobs=1).renewed == 6


def test_what_cannot_be_made_anew(old: Collection) -> None:
    old.add_vectors(np.eye(3), ids=["x", "y", "z"], feature="taste")
    for asked, error, message in (
        ("taste:look", FeatureMismatchError, "not made of pictures"),
        ("nose:look", UnknownFeatureError, "no feature 'nose'"),
        ("taste", UnknownFeatureError, "no extractor 'taste'"),
        ("look=3", OptionError, "1 and 2"),
        (7, OptionError, "feature is 7"),
    ):
        with pytest.raises(error, match=message):
            old.renew(asked)  # type: ignore[arg-type]
    assert version(old)[0] == "1"


def test_copies_are_as_near_as_they_are_by_the_version(old: Collection, pictures: list[Path]) -> None:
    assert copies_within(old.features()["look"]) == 0.02
    copy = pictures[0].with_name("copy.jpg")
    with Image.open(pictures[0]) as image:
        image.resize((200, 200), Image.Resampling.NEAREST).save(copy, quality=90)
    old.add(copy, jobs=1)
    groups = [
        {Path(place.path).name for one in group for place in one.places} for group in old.copies().groups
    ]
    assert groups == [{"0.png", "copy.jpg"}]
    old.renew("look", jobs=1)
    assert copies_within(old.features()["look"]) == 0.04
    groups = [
        {Path(place.path).name for one in group for place in one.places} for group in old.copies().groups
    ]
    assert groups == [{"0.png", "copy.jpg"}]
