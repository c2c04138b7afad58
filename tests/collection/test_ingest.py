"""Adding pictures: what is new, known, copied, moved, changed or unusable."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_pictures import MeanColour, Told, counts, draw, picture, register_mean_colour  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.catalogue import Catalogue
from lookalike.collection import AddReport
from lookalike.collection.add_plan import plan_add
from lookalike.errors import (
    FeatureMismatchError,
    OptionError,
    PictureMissingError,
    UnknownFeatureError,
)
from lookalike.features.look import Look


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        yield made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    draw(folder, ["a.png", "b.png", "sub/c.png"])
    return folder


def add(
    collection: Collection, folder: Path | list[Path], **options: object
) -> tuple[AddReport, dict[str, str]]:
    told = Told()
    report = collection.add(folder, jobs=1, listener=told, **options)  # type: ignore[arg-type]
    return report, told.outcomes()


def places(collection: Collection) -> dict[str, list[str]]:
    return {source.id: [Path(place.path).name for place in source.places] for source in collection.list()}


def by_mtime(status: os.stat_result) -> int:
    """What a file system without the time of the last change tells."""
    return status.st_mtime_ns


def test_a_second_run_reads_nothing(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.collection.paths.file_time", by_mtime)
    report, _ = add(collection, pictures)
    assert counts(report) == {"added": 3}
    before = collection.info()["generation"]
    # The content is another, but neither the size nor the time tells so: only who reads would notice.
    path = pictures / "a.png"
    status, raw = path.stat(), path.read_bytes()
    path.write_bytes(bytes(len(raw)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    report, _ = add(collection, pictures)
    assert counts(report) == {"unchanged": 3}
    assert collection.info()["generation"] == before


def test_exact_copies_are_one_source_with_all_places(collection: Collection, pictures: Path) -> None:
    shutil.copy(pictures / "a.png", pictures / "copy.png")
    report, _ = add(collection, pictures)
    assert counts(report) == {"added": 3, "duplicate": 1}
    shutil.copy(pictures / "a.png", pictures / "later.png")
    report, outcomes = add(collection, pictures)
    assert counts(report) == {"duplicate": 1, "unchanged": 4}
    assert outcomes["later.png"] == "duplicate"
    assert sorted(places(collection).values()) == [["a.png", "copy.png", "later.png"], ["b.png"], ["c.png"]]
    hit = collection.search((pictures / "a.png").read_bytes(), k=1)[0]
    assert [Path(place).name for place in hit.places] == ["a.png", "copy.png", "later.png"]


def test_a_moved_file_keeps_its_source(collection: Collection, pictures: Path) -> None:
    add(collection, pictures)
    before = {source.id: source.number for source in collection.list()}
    (pictures / "a.png").rename(pictures / "sub" / "z.png")
    report, outcomes = add(collection, pictures)
    assert counts(report) == {"moved": 1, "unchanged": 2}
    assert outcomes["z.png"] == "moved"
    assert {source.id: source.number for source in collection.list()} == before
    assert sorted(places(collection).values()) == [["b.png"], ["c.png"], ["z.png"]]
    assert list(collection.verify()) == []


def test_a_file_moved_and_copied_is_moved_once(collection: Collection, pictures: Path) -> None:
    add(collection, pictures)
    raw = (pictures / "a.png").read_bytes()
    (pictures / "a.png").unlink()
    for name in ("x.png", "y.png", "z.png"):
        (pictures / name).write_bytes(raw)
    report, _ = add(collection, pictures)
    assert counts(report) == {"moved": 1, "duplicate": 2, "unchanged": 2}
    assert ["x.png", "y.png", "z.png"] in places(collection).values()


def test_new_content_replaces_the_old_source(collection: Collection, pictures: Path) -> None:
    add(collection, pictures)
    old = {source.id for source in collection.list()}
    (pictures / "a.png").write_bytes(picture(77))
    report, outcomes = add(collection, pictures)
    assert counts(report) == {"changed": 1, "unchanged": 2}
    assert outcomes["a.png"] == "changed"
    assert len(collection) == 3
    assert len(old & {source.id for source in collection.list()}) == 2
    hit = collection.search((pictures / "a.png").read_bytes(), k=1)[0]
    assert (Path(hit.path or "").name, round(hit.distance or 0, 4)) == ("a.png", 0)


def test_files_that_swap_their_content_swap_their_sources(collection: Collection, pictures: Path) -> None:
    table = pictures / "table.csv"
    table.write_text("image,title\na.png,file a\nb.png,file b\n")
    add(collection, pictures, metadata=table)
    one, other = (pictures / "a.png").read_bytes(), (pictures / "b.png").read_bytes()
    (pictures / "a.png").write_bytes(other)
    (pictures / "b.png").write_bytes(one)
    for name in ("a.png", "b.png"):
        os.utime(pictures / name, (1, 1))
    report, _ = add(collection, pictures, metadata=table)
    assert counts(report) == {"changed": 2, "unchanged": 1}
    titles = {Path(source.places[0].path).name: source.metadata.get("title") for source in collection.list()}
    assert titles == {"a.png": "file a", "b.png": "file b", "c.png": None}
    assert counts(add(collection, pictures, metadata=table)[0]) == {"unchanged": 3}


def test_content_at_the_same_size_and_time_is_noticed(collection: Collection, pictures: Path) -> None:
    add(collection, pictures)
    path = pictures / "a.png"
    status = path.stat()
    path.write_bytes((pictures / "b.png").read_bytes().ljust(status.st_size, b"\0")[: status.st_size])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(add(collection, pictures)[0])["unchanged"] == 2


def test_a_touched_file_is_read_once_more_and_then_known(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.collection.paths.file_time", by_mtime)
    add(collection, pictures)
    os.utime(pictures / "a.png", (5, 5))
    assert counts(add(collection, pictures)[0]) == {"unchanged": 3}
    (pictures / "a.png").write_bytes(bytes((pictures / "a.png").stat().st_size))
    os.utime(pictures / "a.png", (5, 5))
    assert counts(add(collection, pictures)[0]) == {"unchanged": 3}, "the new time was not kept"


def test_what_cannot_be_used_is_skipped_with_its_reason(collection: Collection, pictures: Path) -> None:
    (pictures / "empty.png").touch()
    (pictures / "text.png").write_text("no picture\n" * 100)
    (pictures / "short.png").write_bytes(picture(9)[:60])
    (pictures / "large.png").write_bytes(picture(8, side=80))
    (pictures / "notes.txt").write_text("passed over, for its suffix")
    os.mkfifo(pictures / "pipe.png")  # nobody writes into it, so that to open it would wait for ever
    (pictures / "gone.png").symlink_to(pictures / "nowhere.png")
    (pictures / "loop.png").symlink_to(pictures / "loop.png")
    report, outcomes = add(collection, pictures, max_pixels=2000)
    assert counts(report) == {"added": 3, "skipped": 7}
    reasons = {Path(event.path).name: event.reason or "" for event in report.skipped}
    assert {name for name, outcome in outcomes.items() if outcome == "skipped"} == set(reasons)
    assert all(reasons.values())
    assert "pixels" in reasons["large.png"]
    assert "empty" in reasons["empty.png"]
    assert "notes.txt" not in reasons
    assert len(collection) == 3
    # Skipped files are tried again, and taken once they are sound.
    (pictures / "empty.png").write_bytes(picture(10))
    assert counts(add(collection, pictures, max_pixels=2000)[0]) == {"added": 1, "unchanged": 3, "skipped": 6}


def test_a_file_named_explicitly_is_looked_into_whatever_its_name(
    collection: Collection, tmp_path: Path
) -> None:
    (tmp_path / "picture.dat").write_bytes(picture(1))
    (tmp_path / "notes.txt").write_text("some notes")
    report, outcomes = add(collection, [tmp_path / "picture.dat", tmp_path / "notes.txt"])
    assert outcomes == {"picture.dat": "added", "notes.txt": "skipped"}
    assert len(report.skipped) == 1


def test_hidden_files_and_linked_folders_are_passed_over(collection: Collection, pictures: Path) -> None:
    draw(pictures, [".hidden.png", ".thumbnails/d.png"], first_seed=50)
    (pictures / "sub" / "up").symlink_to(pictures)  # a loop, if it were followed
    assert counts(add(collection, pictures)[0]) == {"added": 3}


def test_a_folder_that_cannot_be_read_is_skipped_with_its_reason(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def denied(
        path: str,
    ) -> Iterator[os.DirEntry[str]]:  # as root may read everything, the modes tell nothing
        if os.path.basename(path) == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    report, outcomes = add(collection, [pictures, pictures / "sub"])
    assert outcomes == {"a.png": "added", "b.png": "added", "sub": "skipped"}
    assert [(event.path, event.reason) for event in report.skipped] == [
        (str(pictures / "sub"), "the folder cannot be read (Permission denied)")
    ]


def test_names_that_are_not_utf8_are_skipped(collection: Collection, pictures: Path) -> None:
    (Path(os.fsdecode(os.fsencode(pictures) + b"/caf\xe9.png"))).write_bytes(picture(20))
    (Path(os.fsdecode(os.fsencode(pictures) + b"/d\xe9"))).mkdir()
    (Path(os.fsdecode(os.fsencode(pictures) + b"/d\xe9/e.png"))).write_bytes(picture(21))
    report, _ = add(collection, pictures)
    assert counts(report) == {"added": 3, "skipped": 2}
    for event in report.skipped:
        assert "UTF-8" in (event.reason or "")
        event.path.encode()


def test_nothing_is_added_if_a_path_is_missing(collection: Collection, pictures: Path) -> None:
    with pytest.raises(PictureMissingError, match="nowhere"):
        collection.add([pictures, pictures / "nowhere"], jobs=1)
    assert len(collection) == 0
    with pytest.raises(PictureMissingError):
        collection.add(pictures / ("x" * 300), jobs=1)


def test_a_file_named_twice_is_taken_once(collection: Collection, pictures: Path) -> None:
    assert counts(add(collection, [pictures, pictures / "a.png", pictures / "sub"])[0]) == {"added": 3}


def test_a_new_feature_is_made_for_stored_pictures_too(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    shutil.copy(pictures / "a.png", pictures / "copy.png")
    add(collection, pictures)
    extra = draw(pictures.parent / "extra", ["e.png"], first_seed=30)
    report, outcomes = add(collection, extra, features=["mean"])
    assert outcomes["e.png"] == "added"
    assert counts(report) == {"added": 1, "refreshed": 3}, "one for each stored picture, whatever its copies"
    info = collection.info()["features"]
    assert {name: feature["vectors"] for name, feature in info.items()} == {"look": 4, "mean": 4}
    hit = collection.search((pictures / "b.png").read_bytes(), features={"mean": 1}, k=1)[0]
    assert Path(hit.path or "").name == "b.png"
    assert hit.distance == pytest.approx(0, abs=1e-3)


def test_a_new_feature_leaves_the_rows_of_others_alone(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    add(collection, pictures)
    generation = collection.info()["generation"]
    monkeypatch.setattr(Look, "extract", lambda *_: pytest.fail("look was extracted again"))
    add(collection, pictures, features=["mean"])
    with Catalogue.open(Path(collection.location) / "catalogue.sqlite") as catalogue:
        assert list(catalogue.changes("look", after=generation)) == []
        assert [len(numbers) for numbers, _ in catalogue.changes("mean", after=generation)] == [3]


def test_a_picture_that_lacks_one_of_two_features_is_given_that_one(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    add(collection, pictures / "sub", features=["mean"])
    add(collection, pictures, features=["mean", "look"])
    features = collection.info()["features"]
    assert {name: feature["vectors"] for name, feature in features.items()} == {"mean": 3, "look": 3}


@pytest.mark.parametrize("planned", [False, True])
def test_an_add_makes_each_extractor_once_and_walks_once(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    register_mean_colour(monkeypatch)
    made: list[object] = []
    walks: list[str] = []
    walk = os.walk

    def counted(folder: str, **options: Any) -> object:
        walks.append(folder)
        return walk(folder, **options)

    def making(self: MeanColour) -> None:
        made.append(self)

    monkeypatch.setattr(MeanColour, "__init__", making)
    monkeypatch.setattr(os, "walk", counted)
    plan = plan_add(pictures, features=["mean"]) if planned else None
    add(collection, pictures, features=["mean"], plan=plan)
    assert (len(made), walks) == (1, [str(pictures)])


def test_a_plan_for_other_features_is_not_followed(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    plan = plan_add(pictures)
    add(collection, pictures / "a.png", features=["mean"])
    add(collection, pictures, plan=plan)
    assert list(collection.info()["features"]) == ["mean"]


def test_a_feature_is_made_once_for_all_copies(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    shutil.copy(pictures / "a.png", pictures / "copy.png")
    add(collection, pictures)
    report, _ = add(collection, pictures, features=["mean"])
    assert counts(report) == {"refreshed": 3, "unchanged": 1}
    assert counts(add(collection, pictures)[0]) == {"unchanged": 4}


def test_a_missing_feature_is_made_from_any_place_that_is_left(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    shutil.copy(pictures / "a.png", pictures / "copy.png")
    add(collection, pictures)
    (pictures / "a.png").unlink()
    (pictures / "b.png").unlink()
    report, outcomes = add(collection, [pictures / "sub"], features=["mean"])
    assert outcomes == {"c.png": "refreshed", "copy.png": "refreshed", "b.png": "skipped"}
    assert counts(report) == {"refreshed": 2, "skipped": 1}


def test_a_moved_picture_that_gets_no_new_feature_is_not_lost(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    add(collection, pictures)
    (pictures / "a.png").rename(pictures / "z.png")
    report, _ = add(collection, pictures, features=["mean"], max_pixels=100)
    assert len(report.skipped) == 3
    assert len(collection) == 3


def test_features_that_do_not_fit_are_refused(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_mean_colour(monkeypatch)
    add(collection, pictures, features=["mean"])
    with pytest.raises(UnknownFeatureError, match="nonsense"):
        collection.add(pictures, features=["nonsense"])
    with pytest.raises(FeatureMismatchError, match="mean"):
        collection.add(pictures, features=["mean:look"])
    monkeypatch.setattr(MeanColour, "version", "2")
    with pytest.raises(FeatureMismatchError, match="version 1 then, 2 now"):
        collection.add(pictures)
    with pytest.raises(FeatureMismatchError, match="version"):
        collection.search((pictures / "a.png").read_bytes())
    with pytest.raises(OptionError, match="jobs"):
        collection.add(pictures, jobs=0)
    assert list(collection.info()["features"]) == ["mean"]


def test_the_number_of_jobs_changes_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", [f"{number}.png" for number in range(40)])
    (tmp_path / "pictures" / "bad.png").write_text("bad")
    rng = np.random.default_rng(1)
    for number in range(4):
        Image.fromarray(rng.integers(0, 256, (90, 60, 3), dtype=np.uint8)).save(
            tmp_path / "pictures" / f"noise{number}.jpg"
        )
    stored = []
    for jobs in (1, 2):
        with Collection.create(tmp_path / str(jobs)) as collection:
            report = collection.add(tmp_path / "pictures", jobs=jobs)
            assert counts(report) == {"added": 44, "skipped": 1}
            sources = list(collection.list())
            vectors = [hit.distance for source in sources[:5] for hit in collection.search(source.id, k=43)]
            stored.append(
                ([(one.number, one.id, one.places, one.width, one.height) for one in sources], vectors)
            )
    assert stored[0] == stored[1]
