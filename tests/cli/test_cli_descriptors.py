"""`lookalike add --feature` with descriptors that need no model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import lookalike, process  # type: ignore[import-not-found]
from tests.features.drawings import drawn_file

from lookalike.features import registry

HELP = """
import contextlib, sys
from lookalike.cli.verbs import lookalike

with contextlib.suppress(SystemExit):
    lookalike(["add", "--help"])
loaded = {"numpy", "numba", "PIL", "sqlalchemy"} & set(sys.modules)
assert not loaded, loaded
"""


def test_a_folder_is_added_and_searched_by_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    for number in range(20):
        Path(f"pictures/{number}.png").write_bytes(drawn_file(number))
    added = lookalike(
        "add", "pictures", "--feature", "edge-histogram", "--feature", "shape:phog", "--jobs", "2"
    )
    assert (added.exit_code, added.stderr) == (0, "")
    Path("query.png").write_bytes(drawn_file(7))
    for feature in ("edge-histogram", "shape"):
        result = lookalike("search", "query.png", "--feature", feature, "--json", "-k", "3")
        hits = json.loads(result.stdout)["hits"]
        assert hits[0]["path"].endswith("pictures/7.png")
        assert hits[0]["distance"] == 0 < hits[1]["distance"]
    both = lookalike("search", "query.png", "--feature", "edge-histogram=0.3", "--feature", "shape=0.7")
    assert both.exit_code == 0
    told = json.loads(lookalike("info", "--json").stdout)["features"]
    assert {name: feature["metric"] for name, feature in told.items()} == {
        "edge-histogram": "hamming",
        "shape": "hamming",
    }
    assert lookalike("verify").exit_code == lookalike("rebuild").exit_code == 0


def test_an_unknown_kind_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    result = process("add", str(tmp_path), "--feature", "edge-histogramm", cwd=tmp_path)
    assert result.returncode == 1
    assert b"there is no extractor 'edge-histogramm'; there are " in result.stderr
    assert b"edge-histogram, " in result.stderr


def test_an_argument_is_refused(tmp_path: Path) -> None:
    result = process("add", str(tmp_path), "--feature", "phog=3", cwd=tmp_path)
    assert b"phog takes no argument; write 'phog'" in result.stderr


def test_the_help_names_every_kind_and_loads_none() -> None:
    told = lookalike("add", "--help").stdout
    words = told.replace(",", " ").replace("=", " ").split()
    assert [kind for kind in registry._BUILT_IN if kind not in words] == []
    subprocess.run([sys.executable, "-c", HELP], check=True, capture_output=True)
