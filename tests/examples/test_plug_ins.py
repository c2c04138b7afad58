"""The example plug-ins pass their own tests, installed as their pyproject.toml says; one that raises loses nothing."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from lookalike import Collection
from lookalike.collection.report import Event, Listener
from lookalike.errors import FeatureError
from lookalike.features.registry import suffixes_of

ROOT = Path(__file__).parents[2]
NEEDS = {"sound": ("scipy", "soundfile"), "faces": ("onnx", "onnxruntime")}


def install(site: Path, name: str, entry_points: dict[str, str]) -> None:
    """Register a package's extractors as an installer does."""
    registration = site / f"{name.replace('-', '_')}-1.0.dist-info"
    registration.mkdir(parents=True)
    (registration / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{kind} = {value}" for kind, value in entry_points.items()]
    (registration / "entry_points.txt").write_text("\n".join(["[lookalike.extractors]", *lines]))


@pytest.mark.parametrize("example", NEEDS)
def test_an_example_passes_its_own_tests(tmp_path: Path, example: str) -> None:
    for module in NEEDS[example]:
        pytest.importorskip(module)
    folder = ROOT / "examples" / example
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    install(tmp_path / "site", project["name"], project["entry-points"]["lookalike.extractors"])
    path = [str(tmp_path / "site"), str(folder / "src"), str(ROOT / "src")]
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            str(folder / "tests"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


PLUG_IN = """
import numpy as np

class Lines:
    suffixes = (".lines",)
    version, model_hash, dimension, metric, decoded_side = "1", "", 2, "euclidean", 0

    def read(self, data, name):
        return data.decode().splitlines()

    def extract(self, files):
        if any("raise" in lines for lines in files):
            raise ZeroDivisionError("as it was told")
        return np.array([[len(lines), len(lines[0])] for lines in files], np.float32)
"""


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a plug-in that reads files of its own; return a folder with two hundred."""
    site = tmp_path / "site"
    install(site, "lines", {"lines": "lines_of_a_test:Lines"})
    (site / "lines_of_a_test.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.lines").write_text("a\n" * (number + 1))
    yield folder
    sys.modules.pop("lines_of_a_test", None)


def test_files_of_a_plug_in_are_walked_added_and_searched(lines: Path, tmp_path: Path) -> None:
    assert suffixes_of("lines") == {".lines"}
    (lines / "bad.LINES").write_bytes(b"\xff")
    Image.new("RGB", (8, 8)).save(lines / "picture.png")
    with Collection.create(tmp_path / "collection") as collection:
        report = collection.add(lines, features="lines", jobs=2)  # over worker processes
        assert report.added == 200
        (skipped,) = report.skipped
        assert skipped.path.endswith("bad.LINES")
        assert "feature 'lines' cannot read it ('utf-8' codec" in (skipped.reason or "")
        query = tmp_path / "query.lines"
        query.write_text("b\n" * 41)
        (hit,) = collection.search(query, k=1)
        assert Path(hit.path or "").name == "040.lines"
        source = collection.source(hit.id)
        assert (source.kind, source.width, source.height) == ("file", None, None)
        assert list(collection.verify()) == []
        assert collection.add(lines).unchanged == 200
        # Pictures come along once a feature is made of them; each file has what is made of its kind.
        report = collection.add(lines, features="look")
        assert (report.added, report.unchanged, report.refreshed) == (1, 200, 0)


def test_a_plug_in_that_raises_is_named_and_loses_nothing(lines: Path, tmp_path: Path) -> None:
    (lines / "150.lines").write_text("raise\n")
    with Collection.create(tmp_path / "collection") as collection:
        told: list[str] = []

        class Told(Listener):
            def event(self, event: Event) -> None:
                told.append(event.path)

        with pytest.raises(FeatureError, match=r"feature 'lines': its extractor failed \(ZeroDivisionError"):
            collection.add(lines, features="lines", jobs=1, listener=Told())
        kept = len(collection)
        assert kept >= 128
        assert kept == len(told)
        assert list(collection.verify()) == []
        (lines / "150.lines").write_text("fine\n")
        report = collection.add(lines)
        assert (report.added, report.unchanged) == (200 - kept, kept)
