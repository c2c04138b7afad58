"""`lookalike add` and `lookalike import`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import draw, lookalike, picture, process  # type: ignore[import-not-found]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "pictures", ["a.png", "b.png", "c.png"])
    return tmp_path / "pictures"


def test_a_run_is_summed_up_in_one_line(pictures: Path) -> None:
    shutil.copy(pictures / "a.png", pictures / "copy.png")
    result = lookalike("add", "pictures", "--jobs", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("3 added, 1 exact duplicates of others (")
    assert result.stdout.count("\n") == 1
    assert Path(".lookalike/catalogue.sqlite").exists()
    (pictures / "a.png").rename(pictures / "z.png")
    again = lookalike("add", "pictures", "--jobs", "1")
    assert again.stdout.startswith("1 moved, 3 unchanged (")


def test_skipped_files_are_told_with_reasons_and_a_status(pictures: Path) -> None:
    (pictures / "bad[red].png").write_text("bad")
    (pictures / "empty.jpg").touch()
    result = lookalike("add", "pictures", "--jobs", "1")
    assert result.exit_code == 3
    assert "3 added, 2 skipped" in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["skipped", "why"]
    assert str(pictures / "bad[red].png") in lines[1]
    assert "empty" in lines[2]


def test_json_has_the_report(pictures: Path) -> None:
    (pictures / "bad.png").write_text("bad")
    Path("t.csv").write_text("image,title\na.png,Apple\nx.png,None\n")
    result = lookalike("add", "pictures", "--json", "--metadata", "t.csv", "--jobs", "1")
    assert (result.exit_code, result.stderr) == (3, "")
    document = json.loads(result.stdout)
    assert document.pop("seconds") > 0
    (skipped,) = document.pop("skipped")
    assert (
        skipped["outcome"] == "skipped" and skipped["path"] == str(pictures / "bad.png") and skipped["reason"]
    )
    counts = {"added": 3, "duplicate": 0, "moved": 0, "changed": 0, "unchanged": 0, "refreshed": 0}
    assert document == counts | {"unmatched_metadata": 1, "passed_over": {}, "gone": 0, "excluded": 0}


def test_jsonl_has_a_line_a_file(pictures: Path) -> None:
    (pictures / "bad.png").write_text("bad")
    result = lookalike("add", "pictures", "--jsonl", "--jobs", "1")
    events = {Path(event["path"]).name: event for event in map(json.loads, result.stdout.splitlines())}
    assert {name: event["outcome"] for name, event in events.items()} == {
        "a.png": "added",
        "b.png": "added",
        "c.png": "added",
        "bad.png": "skipped",
    }
    assert len({event["id"] for event in events.values() if "id" in event}) == 3
    assert (result.exit_code, result.stderr) == (3, "")


def test_larger_pictures_can_be_let_in(pictures: Path) -> None:
    result = lookalike("add", "pictures", "--max-megapixels", "0.001", "--jobs", "1")
    assert result.exit_code == 3 and "3 skipped" in result.stdout
    assert lookalike("add", "pictures", "--max-megapixels", "1", "--jobs", "1").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.jpg"],
        ["pictures", "missing.jpg"],
        ["pictures", "--metadata", "missing.csv"],
        ["pictures", "--feature", "nonsense"],
        ["pictures", "--feature", "onnx=missing.onnx"],
        ["pictures", "--feature", "look=3"],
    ],
)
def test_what_fails_at_once_makes_no_collection(pictures: Path, arguments: list[str]) -> None:
    result = lookalike("add", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("lookalike: ") and result.stderr.count("\n") == 1
    assert not Path(".lookalike").exists(), "an error left a collection behind"


def test_a_folder_without_pictures(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    result = lookalike("add", "none")
    assert result.exit_code == 0
    assert "nothing found to add" in result.stdout
    assert not Path(".lookalike").exists()


def test_a_run_that_stores_nothing_leaves_no_new_collection(pictures: Path) -> None:
    Path("bad.png").write_text("no picture")
    assert lookalike("add", "bad.png", "-c", "deep/down/c", "--jobs", "1").exit_code == 3
    assert not Path("deep").exists()
    draw(Path("kept/indexes"), ["mine.png"])
    assert lookalike("add", "bad.png", "-c", "kept", "--jobs", "1").exit_code == 3
    assert Path("kept/indexes/mine.png").exists()
    assert [path.name for path in Path("kept").iterdir()] == ["indexes"]
    vectors = np.ones((5000, 2), dtype=np.float32)
    vectors[4999, 1] = np.nan
    np.save("nan.npy", vectors)
    assert lookalike("import", "nan.npy").exit_code == 1
    assert not Path(".lookalike").exists()


def test_a_run_that_stores_nothing_leaves_a_collection_that_was_there(pictures: Path) -> None:
    assert lookalike("add", "pictures", "--jobs", "1").exit_code == 0
    assert lookalike("remove", "pictures").exit_code == 0
    assert lookalike("add", "pictures/none.png").exit_code == 1
    (pictures / "empty").mkdir()
    assert lookalike("add", "pictures/empty").exit_code == 0
    assert lookalike("list", "--json").stdout == "[]\n"


def test_a_new_collection_that_another_fills_is_left_to_it(tmp_path: Path) -> None:
    from lookalike.collection import Collection
    from lookalike.collection.checks import collection_to_fill
    from lookalike.collection.lock import writer_lock

    with collection_to_fill(tmp_path / "c"):  # stores nothing, while another process
        other = Collection.open(tmp_path / "c")
        other.add_vectors(np.eye(3, dtype=np.float32))
    assert len(other) == 3
    with collection_to_fill(tmp_path / "d"):
        lock = writer_lock(tmp_path / "d", "add")
        lock.__enter__()  # is about to
    lock.__exit__(None, None, None)
    assert len(Collection.open(tmp_path / "d")) == 0


class TestImport:
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.vectors = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
        np.save("v.npy", self.vectors)
        with h5py.File("v.h5", "w") as file:
            file["emb"] = self.vectors
            file["urls"] = [f"url{row}" for row in range(10)]

    def test_rows_come_in_and_are_found(self) -> None:
        result = lookalike("import", "v.npy")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.startswith("10 added (")
        hits = json.loads(lookalike("search", "v.npy#4", "-k", "2", "--json").stdout)["hits"]
        assert hits[0]["path"] == f"{Path.cwd()}/v.npy#4"
        assert hits[0]["distance"] == pytest.approx(0, abs=1e-6)

    def test_hdf5_options(self) -> None:
        result = lookalike(
            "import", "v.h5", "--dataset", "emb", "--names", "urls", "--metric", "cosine", "--json"
        )
        assert json.loads(result.stdout)["added"] == 10
        hits = json.loads(lookalike("search", "v.h5#4", "--json").stdout)["hits"]
        assert hits[0]["id"] == "url4"
        assert lookalike("search", "url4").exit_code == 0
        again = ["import", "v.h5", "--dataset", "emb", "--names", "urls"]
        refused = lookalike(*again)
        assert refused.exit_code == 1
        assert "url0" in refused.stderr and refused.stderr.count("\n") == 1
        assert lookalike(*again, "--on-duplicate", "skip").stdout.startswith("10 already there (")
        assert lookalike(*again, "--on-duplicate", "replace").exit_code == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ["missing.npy"],
            ["v.h5"],
            ["v.npy", "--dataset", "x"],
            ["v.npy", "--feature", "two words"],
            ["."],
            ["v.txt"],
        ],
    )
    def test_what_cannot_be_imported_makes_no_collection(self, arguments: list[str]) -> None:
        Path("v.txt").write_text("1 2 3")
        result = lookalike("import", *arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("lookalike: ") and result.stderr.count("\n") == 1
        assert not Path(".lookalike").exists(), "an error left a collection behind"


def test_equal_rows_without_names_are_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", np.ones((3, 2), dtype=np.float32))
    assert lookalike("import", "v.npy").stdout.startswith("1 added, 2 exact duplicates of others (")


def test_both_outputs_at_once_are_refused(pictures: Path) -> None:
    for arguments in (["add", "pictures"], ["search", "pictures/a.png"], ["list"]):
        result = lookalike(*arguments, "--json", "--jsonl")
        assert result.exit_code == 2
        assert "--json" in result.stderr and "--jsonl" in result.stderr


def test_a_process_of_its_own_with_workers(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", [f"{number:02}.png" for number in range(30)])
    (tmp_path / "pictures" / "copy.png").write_bytes(picture(3))
    result = process("add", "pictures", "--jobs", "2", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"30 added, 1 exact duplicates")
