"""Output that cannot be written, input that cannot be read, and Ctrl-C at any moment: one line and a status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command_line import draw, lookalike, shop  # type: ignore[import-not-found]

TITLE = "é 日本 \U0001f600"
PICTURE = "pictures/a.png"
WRITING: list[list[str]] = [
    ["--help"],
    ["--version"],
    ["search", "--help"],
    ["completion", "bash"],
    ["list"],
    ["list", "--jsonl"],
    ["list", "--json"],
    ["search", PICTURE],
    ["search", PICTURE, "--json"],
    ["search", PICTURE, "--jsonl"],
    ["search", PICTURE, "--paths0"],
    ["explain", PICTURE, PICTURE],
    ["info"],
    ["verify"],
    ["rebuild"],
    ["add", "pictures"],
]
posix = pytest.mark.skipif(os.name == "nt", reason="streams are closed otherwise on Windows")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `pictures` and a collection `c` of them and of names beyond ASCII."""
    made = tmp_path_factory.mktemp("shop")
    shop(made)
    draw(made / "日本", ["é.png"], first_seed=9)
    draw(made / "queries", ["é.png"], first_seed=9)
    (made / "more.csv").write_text(f"image,title\né.png,{TITLE}\n", encoding="utf-8")
    added = lookalike("add", made / "日本", "--metadata", made / "more.csv", "-c", made / "c", "--jobs", "1")
    assert added.exit_code == 0, added.output
    with h5py.File(made / "v.h5", "w") as file:
        file["feats"] = np.eye(2, 3, dtype=np.float32)
        file["filenames"] = ["日本語", "other"]
    assert lookalike("import", made / "v.h5", "-c", made / "c").exit_code == 0
    return made


def run(folder: Path, arguments: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command line on the collection in a process whose streams `options` sets."""
    result: subprocess.CompletedProcess[bytes] = subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments],
        cwd=folder,
        env=os.environ | {"LOOKALIKE_COLLECTION": "c"} | options.pop("env", {}),
        timeout=60,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )
    return result


def closing(*descriptors: int) -> Callable[[], None]:
    """Return what closes streams in a process before the program starts."""

    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_a_full_disk_is_told_in_one_line(folder: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        result = run(folder, arguments, stdout=full)
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "lookalike: the output cannot be written (No space left on device); send it elsewhere\n"
    )


@posix
@pytest.mark.parametrize("arguments", [["list"], ["search", PICTURE, "--json"], ["--help"]], ids=" ".join)
def test_a_closed_stdout_is_told_in_one_line(folder: Path, arguments: list[str]) -> None:
    result = run(folder, arguments, preexec_fn=closing(1))
    assert result.returncode == 1
    assert result.stderr.startswith(b"lookalike: the output cannot be written")
    assert result.stderr.count(b"\n") == 1


@posix
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["list"], 0), (["search", "nobody"], 1), (["search", "-k", "0", "x"], 2), (["add", "bad.png"], 3)],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("how", ["closed", "full"])
def test_the_status_is_the_same_where_stderr_cannot_be_written(
    folder: Path, arguments: list[str], status: int, how: str
) -> None:
    (folder / "bad.png").write_text("no picture")
    if how == "closed":
        result = run(folder, arguments, preexec_fn=closing(2))
    else:
        with open("/dev/full", "wb") as full:
            result = run(folder, arguments, stderr=full)
    assert result.returncode == status


@posix
def test_nothing_is_left_to_write_to(folder: Path) -> None:
    assert run(folder, ["list"], preexec_fn=closing(0, 1, 2)).returncode == 1
    assert run(folder, ["remove", "nobody"], preexec_fn=closing(0, 1, 2)).returncode == 1


@posix
def test_no_file_of_a_collection_takes_the_place_of_a_closed_stream(folder: Path, tmp_path: Path) -> None:
    draw(tmp_path / "pictures", ["a.png"])
    added = run(tmp_path, ["add", "pictures", "--jobs", "1"], preexec_fn=closing(0, 1, 2))
    assert added.returncode == 1  # its one line could not be written
    assert run(tmp_path, ["verify"]).stdout == b"no damage found\n"


@posix
def test_stdin_that_cannot_be_read_is_told_in_one_line(folder: Path) -> None:
    result = run(folder, ["search", "-"], preexec_fn=closing(0))
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"lookalike: the picture on stdin: cannot be read")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
@pytest.mark.parametrize(
    "arguments",
    [["list"], ["search", "日本語"], ["info"], ["explain", "日本語", "other"], ["search", "日本/é.png"]],
    ids=lambda one: one[0],
)
def test_characters_that_an_encoding_lacks_are_escaped(
    folder: Path, encoding: str, arguments: list[str]
) -> None:
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = run(folder, arguments, env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    result.stdout.decode(encoding)
    if arguments == ["list"]:
        assert rb"\u65e5\u672c" in result.stdout


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_json_is_json_in_every_encoding(folder: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = run(folder, ["search", "queries/é.png", "--json", "-k", "1"], env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout.decode("utf-8"))["hits"][0]["metadata"]["title"] == TITLE


def test_paths_for_xargs_are_bytes_that_name_the_file(folder: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    result = run(folder, ["search", "queries/é.png", "--paths0", "-k", "1"], env=env)
    assert os.path.samefile(result.stdout.rstrip(b"\0"), folder / "日本" / "é.png")


INTERRUPTED = """
import os, signal, sys

MODULE = sys.argv.pop(1)

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from lookalike.cli import main
main()
"""


@posix
@pytest.mark.parametrize(
    "module",
    ["click", "lookalike.cli.search", "lookalike.collection", "lookalike.index", "numpy", "PIL.Image"],
)
def test_ctrl_c_while_python_imports_is_one_line_and_the_status(folder: Path, module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, "search", "queries/a.png", "-c", "c"],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (130, b"")
    assert result.stderr.startswith(b"lookalike: stopped") and result.stderr.count(b"\n") == 1
