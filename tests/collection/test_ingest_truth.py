"""What `add` says of files that it did not take, that are gone, or that are out of reach."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_pictures import counts, draw, picture  # type: ignore[import-not-found]
from tests import left_behind

from lookalike import Collection
from lookalike.collection.report import PassedOver
from lookalike.images import formats, unread


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "c") as made:
        yield made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    draw(folder, ["a.png", "b.png", "sub/c.png"])
    return folder


def places(collection: Collection) -> dict[str, list[str]]:
    """The places of each source, by the name of the first."""
    found = [[place.path for place in source.places] for source in collection.list()]
    return {Path(paths[0]).name: paths for paths in found}


class TestPassedOver:
    def test_pictures_that_are_not_read_are_counted_by_kind(
        self, collection: Collection, pictures: Path
    ) -> None:
        for name in ("1.psd", "2.PSD", "sub/3.svg", "notes.txt", "Thumbs.db", "table.csv", ".hidden.psd"):
            (pictures / name).write_bytes(b"x")
        report = collection.add([pictures, pictures / "sub"])
        assert report.added == 3
        assert report.passed_over == {
            ".psd": PassedOver(2, "not read; save them as PNG, JPEG or TIFF", str(pictures / "1.psd")),
            ".svg": PassedOver(
                1, "not read; save them as PNG, JPEG or TIFF", str(pictures / "sub" / "3.svg")
            ),
        }
        assert not report.is_complete

    def test_what_is_not_installed_is_counted_with_the_command_that_installs_it(
        self, collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unread, "MISSING", {".heic": "HEIF", ".avif": "AVIF", ".nef": "RAW"})
        monkeypatch.setattr(
            "lookalike.collection.add_plan.SUFFIXES", formats.SUFFIXES - {".heic", ".avif", ".nef"}
        )
        for name in ("1.HEIC", "2.heic", "3.avif", "4.nef"):
            (pictures / name).write_bytes(b"x")
        report = collection.add(pictures)
        assert {kind: (one.count, one.advice) for kind, one in report.passed_over.items()} == {
            ".heic": (2, "pip install 'lookalike[heif]'"),
            ".avif": (1, "pip install --upgrade pillow"),
            ".nef": (1, "pip install 'lookalike[raw]'"),
        }
        assert report.notes() == [
            f"passed over: 2 .heic, such as {pictures / '1.HEIC'} (pip install 'lookalike[heif]')",
            f"passed over: 1 .avif, such as {pictures / '3.avif'} (pip install --upgrade pillow)",
            f"passed over: 1 .nef, such as {pictures / '4.nef'} (pip install 'lookalike[raw]')",
        ]

    def test_linked_folders_are_counted_unless_they_are_walked_anyway(
        self, collection: Collection, pictures: Path, tmp_path: Path
    ) -> None:
        draw(tmp_path / "elsewhere", ["d.png"], first_seed=40)
        (pictures / "linked").symlink_to(tmp_path / "elsewhere")
        (pictures / "sub" / "up").symlink_to(pictures)
        (pictures / ".hidden").symlink_to(tmp_path / "elsewhere")
        report = collection.add(pictures)
        assert report.added == 3
        assert report.passed_over.keys() == {"linked folder"}
        assert report.passed_over["linked folder"].count == 1
        assert report.passed_over["linked folder"].example == str(pictures / "linked")

    def test_nothing_is_passed_over_where_all_is_read(self, collection: Collection, pictures: Path) -> None:
        (pictures / "notes.txt").touch()
        report = collection.add(pictures)
        assert (report.passed_over, report.is_complete, report.notes()) == ({}, True, [])

    def test_no_suffix_is_both_read_and_passed_over(self) -> None:
        assert [suffix for suffix in formats.SUFFIXES if unread.advice(suffix) is not None] == []

    def test_the_report_as_json_has_what_was_passed_over(
        self, collection: Collection, pictures: Path
    ) -> None:
        (pictures / "1.psd").touch()
        document: dict[str, Any] = collection.add(pictures).to_json()
        assert document["passed_over"][".psd"]["count"] == 1

    def test_an_mpo_is_read_as_its_first_picture(self, collection: Collection, tmp_path: Path) -> None:
        from PIL import Image

        (tmp_path / "p").mkdir()
        first, second = Image.new("RGB", (50, 40), "red"), Image.new("RGB", (50, 40), "blue")
        first.save(tmp_path / "p" / "a.mpo", format="MPO", save_all=True, append_images=[second])
        assert counts(collection.add(tmp_path / "p")) == {"added": 1}
        (source,) = collection.list()
        assert (source.width, source.height) == (50, 40)


class TestGone:
    def test_a_deleted_copy_is_forgotten(self, collection: Collection, pictures: Path) -> None:
        shutil.copy(pictures / "b.png", pictures / "a copy.png")
        collection.add(pictures)
        (pictures / "a copy.png").unlink()
        report = collection.add(pictures)
        assert report.gone == 1
        assert places(collection)["b.png"] == [str(pictures / "b.png")]
        assert collection.add(pictures).gone == 0

    def test_a_picture_that_lies_nowhere_else_is_counted_and_kept(
        self, collection: Collection, pictures: Path
    ) -> None:
        collection.add(pictures)
        (pictures / "a.png").unlink()
        for _ in range(2):
            report = collection.add(pictures)
            assert report.gone == 1
            assert report.is_complete
            assert report.notes() == ["1 known file is gone (lookalike remove --missing forgets them)"]
        assert len(collection) == 3

    def test_files_are_gone_with_a_folder_within_the_one_that_is_added(
        self, collection: Collection, pictures: Path
    ) -> None:
        collection.add(pictures)
        shutil.rmtree(pictures / "sub")
        assert collection.add(pictures).gone == 1

    def test_files_of_other_folders_are_not_counted(self, collection: Collection, pictures: Path) -> None:
        draw(pictures.parent / "pictures2", ["d.png", "e.png"], first_seed=60)
        collection.add([pictures, pictures.parent / "pictures2"])
        (pictures.parent / "pictures2" / "d.png").unlink()
        assert collection.add(pictures).gone == 0
        assert collection.add(pictures / "a.png").gone == 0

    def test_a_moved_file_is_not_gone(self, collection: Collection, pictures: Path) -> None:
        collection.add(pictures)
        (pictures / "a.png").rename(pictures / "sub" / "z.png")
        report = collection.add(pictures)
        assert (report.moved, report.gone) == (1, 0)

    def test_a_folder_that_is_moved_within_the_one_that_is_added_is_moved(
        self, collection: Collection, pictures: Path
    ) -> None:
        collection.add(pictures)
        (pictures / "sub").rename(pictures / "renamed")
        report = collection.add(pictures)
        assert (report.moved, report.gone) == (1, 0)

    def test_files_that_are_known_and_not_looked_for_are_not_gone(
        self, collection: Collection, pictures: Path
    ) -> None:
        (pictures / "picture.dat").write_bytes(picture(70))
        collection.add([pictures, pictures / "picture.dat"])
        assert counts(collection.add(pictures)) == {"unchanged": 3}


class TestAway:
    @pytest.mark.parametrize("mount_point_is_left", [False, True])
    def test_a_copy_of_a_share_that_is_away_is_not_moved(
        self, collection: Collection, pictures: Path, tmp_path: Path, mount_point_is_left: bool
    ) -> None:
        collection.add(pictures)
        shutil.copytree(pictures, tmp_path / "backup")
        pictures.rename(tmp_path / "away")
        if mount_point_is_left:
            pictures.mkdir()
        assert counts(collection.add(tmp_path / "backup")) == {"duplicate": 3}
        assert sum(len(paths) for paths in places(collection).values()) == 6

    def test_a_share_that_is_away_and_added_itself_has_nothing_that_is_gone(
        self, collection: Collection, pictures: Path, tmp_path: Path
    ) -> None:
        collection.add(pictures)
        pictures.rename(tmp_path / "away")
        pictures.mkdir()
        assert counts(collection.add(pictures)) == {}
        assert len(collection) == 3

    def test_a_file_is_moved_from_a_folder_that_still_holds_others(
        self, collection: Collection, pictures: Path, tmp_path: Path
    ) -> None:
        collection.add(pictures)
        (tmp_path / "other").mkdir()
        (pictures / "a.png").rename(tmp_path / "other" / "a.png")
        assert counts(collection.add(tmp_path / "other")) == {"moved": 1}


class TestReread:
    def test_content_of_the_same_size_and_time_is_found_on_request(
        self, collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from PIL import Image

        monkeypatch.setattr("lookalike.collection.paths.file_time", lambda status: status.st_mtime_ns)
        file = pictures / "x.bmp"
        Image.new("RGB", (40, 40), "red").save(file)
        collection.add(pictures)
        before = file.stat()
        Image.new("RGB", (40, 40), "blue").save(file)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert counts(collection.add(pictures)) == {"unchanged": 4}
        assert counts(collection.add(pictures, reread=True)) == {"unchanged": 3, "changed": 1}

    def test_files_that_are_the_same_stay_as_they_are(self, collection: Collection, pictures: Path) -> None:
        collection.add(pictures)
        before = collection.info()["generation"]
        assert counts(collection.add(pictures, reread=True)) == {"unchanged": 3}
        assert collection.info()["generation"] == before


def test_a_picture_that_takes_too_long_is_skipped(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.images import still

    open_picture = formats.open_picture
    (pictures / "b.png").write_bytes(picture(1) + b"SLOW")
    with left_behind.ended() as end:

        def slow(stream: Any, name: str) -> Any:
            if stream.getvalue().endswith(b"SLOW"):
                end.wait()
            return open_picture(stream, name)

        monkeypatch.setattr(still, "open_picture", slow)
        report = collection.add(pictures, jobs=1, time_limit=1.5)
    assert counts(report) == {"added": 2, "skipped": 1}
    assert report.skipped[0].reason == "takes too long to decode (more than 1.5 s)"
