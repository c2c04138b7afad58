"""Nothing that is stored, or named on the command line, reaches the terminal as something that it obeys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import lookalike, picture  # type: ignore[import-not-found]

EVIL = "\x1b[31m\nred\x9b2J\r\x07"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a collection `c` in which names, ids, titles, fields and values are evil."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")
    for seed in range(3):
        (tmp_path / f"{seed}{EVIL}.png").write_bytes(picture(seed))
    (tmp_path / "t.csv").write_text(
        f'image,title,"f{EVIL}"\n"0{EVIL}.png","title {EVIL}","value {EVIL}"\n', newline=""
    )
    result = lookalike("add", ".", "--metadata", "t.csv", "--jobs", "1")
    assert (result.exit_code, result.stdout[:7]) == (0, "3 added")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["feats"] = np.eye(3, 5, dtype=np.float32)
        file["filenames"] = [f"id{row}{EVIL}" for row in range(3)]
    result = lookalike("import", "v.h5")
    assert result.exit_code == 0, result.output
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["info"],
        ["search", f"0{EVIL}.png"],
        ["search", f"nobody{EVIL}"],
        ["search", f"1{EVIL}.png", "--where", f"title!=x{EVIL}", "--text", "red"],
        ["explain", f"0{EVIL}.png", f"1{EVIL}.png", "--where", f"title!=x{EVIL}", "--text", "red"],
        ["explain", f"id0{EVIL}", f"id1{EVIL}"],
        ["verify"],
        ["remove", f"nobody{EVIL}"],
        ["add", f"bad{EVIL}.png"],
        ["import", f"bad{EVIL}.h5"],
        ["search", "x", f"--no{EVIL}"],
        ["search", "x", "--feature", f"look=much{EVIL}"],
        ["search", "x", "--html", f"dir{EVIL}"],
        [f"verb{EVIL}"],
    ],
    ids=lambda arguments: f"{arguments[0]:.5}{len(arguments)}",
)
def test_no_control_characters_reach_the_terminal(folder: Path, arguments: list[str]) -> None:
    (folder / f"bad{EVIL}.png").write_text("no picture")
    (folder / f"dir{EVIL}").mkdir()
    (folder / f"2{EVIL}.png").unlink()
    result = lookalike(*arguments)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.output)
    assert not re.search(r"^red", result.output, re.MULTILINE), "a name broke a line"
    assert "red" in result.output, "the name is shown all the same"


def test_for_machines_names_are_as_they_are(folder: Path) -> None:
    paths = [one["places"][0]["path"] for one in json.loads(lookalike("list", "--json").stdout)]
    assert str(folder / f"0{EVIL}.png") in paths
