"""Whatever is given, an error is one line and a status, never a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command_line import draw, lookalike, process, shop  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `pictures`, vectors, and a collection of them in `c`, which no test changes."""
    made = tmp_path_factory.mktemp("shop")
    collection = shop(made)
    (made / "notes.txt").write_text("notes")
    (made / "empty").mkdir()
    os.mkfifo(made / "pipe.png")
    np.save(made / "v.npy", np.eye(4, dtype=np.float32))
    np.save(made / "nan.npy", np.array([[1, 2, 3, 4], [1, 2, np.nan, 4]], dtype=np.float32))
    np.save(made / "zero.npy", np.array([[1, 2, 3, 4], [0, 0, 0, 0]], dtype=np.float32))
    np.save(made / "three.npy", np.eye(3, dtype=np.float32))
    (made / "bad.csv").write_text("name,title\nx,y\n")
    assert lookalike("import", made / "v.npy", "-c", collection).exit_code == 0
    return made


PICTURE = "pictures/a.png"
ERRORS: list[tuple[list[str], str]] = [
    (["search", "missing.jpg"], "missing.jpg"),
    (["search", "3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e"], "3f1c2c58"),
    (["search", "x" * 300], "xxx"),
    (["search", "two\nlines"], "two"),
    (["search", "esc\x1b[31mape"], "esc"),
    (["search", ""], "''"),
    (["search", "new\nline.npy#0"], "new"),
    (["add", "new\nline\x1b[31m.jpg"], r"new\nline\x1b[31m.jpg"),
    (["search", "pictures"], "is a folder"),
    (["search", "pipe.png"], "not a regular file"),
    (["search", "/dev/zero"], "not a regular file"),
    (["search", "notes.txt"], "notes.txt"),
    (["search", "v.npy"], "v.npy#0"),
    (["search", "v.npy#4"], "row 4"),
    (["search", "three.npy#0"], "dimension 3"),
    (["search", PICTURE, "--feature", "nosuch"], "nosuch"),
    (["search", PICTURE, "--feature", "vectors"], "vectors"),
    (["search", PICTURE, "--feature", "look=0"], "weight"),
    (["search", PICTURE, "--feature", "look=-1"], "weight"),
    (["search", PICTURE, "--feature", "look=nan"], "weight"),
    (["search", PICTURE, "--feature", "look=inf"], "weight"),
    (["search", PICTURE, "--where", "colour"], "colour"),
    (["search", PICTURE, "--where", "=Red"], "=Red"),
    (["search", PICTURE, "--where", "nosuchfield=1"], "nosuchfield"),
    (["search", PICTURE, "--where", "year=2012..2010"], "year"),
    (["search", PICTURE, "--text", "!?"], "!?"),
    (["search", PICTURE, "--text", ""], "word"),
    (["search", PICTURE, "--blend"], "blend"),
    (["search", PICTURE, "--max-distance", "nan"], "max_distance"),
    (["search", PICTURE, "--max-distance", "inf"], "max_distance"),
    (["search", PICTURE, "-c", "nowhere"], "nowhere"),
    (["search", PICTURE, "-c", "empty"], "empty"),
    (["search", PICTURE, "-c", "x" * 300], "xxx"),
    (["explain", PICTURE, "nobody"], "nobody"),
    (["explain", "nobody", PICTURE], "nobody"),
    (["remove", "nobody"], "nobody"),
    (["remove", "--feature", "nosuch"], "nosuch"),
    (["remove", "--feature", ""], "''"),
    (["list", "-c", "nowhere"], "nowhere"),
    (["list", "--where", "nosuchfield=1"], "nosuchfield"),
    (["info", "-c", "nowhere"], "nowhere"),
    (["verify", "-c", "nowhere"], "nowhere"),
    (["rebuild", "-c", "nowhere"], "nowhere"),
    (["add", "missing.jpg"], "missing.jpg"),
    (["add", "y" * 300], "yyy"),
    (["add", "pictures", "--feature", "nosuch"], "nosuch"),
    (["add", "pictures", "--feature", "vectors"], "vectors"),
    (["add", "pictures", "--feature", "vectors:look"], "imported"),
    (["add", "pictures", "--metadata", "bad.csv"], "bad.csv"),
    (["add", "pictures", "--metadata", "missing.csv"], "missing.csv"),
    (["add", "pictures", "-c", "notes.txt/c"], "notes.txt"),
    (["import", "missing.npy"], "missing.npy"),
    (["import", "notes.txt"], "notes.txt"),
    (["import", "pictures"], "pictures"),
    (["import", "nan.npy"], "row 1"),
    (["import", "zero.npy", "--feature", "other", "--metric", "cosine"], "row 1"),
    (["import", "three.npy"], "dimension"),
    (["import", "v.npy", "--metric", "cosine"], "cosine"),
    (["import", "v.npy", "--feature", "look"], "look"),
    (["import", "v.npy", "--dataset", "feats"], "dataset"),
]


@pytest.mark.parametrize(("arguments", "named"), ERRORS, ids=[" ".join(one)[:60] for one, _ in ERRORS])
def test_errors_are_one_line(
    folder: Path, arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")
    before = generation(folder)
    result = lookalike(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("lookalike: ")
    assert result.stderr.endswith("\n") and len(result.stderr.splitlines()) == 1
    assert named in result.stderr
    assert "\x1b" not in result.stderr
    assert not re.search(r"Error\b|Traceback|Errno", result.stderr), "written for programmers"
    assert generation(folder) == before, "something was written"


def generation(folder: Path) -> int:
    """Return the number of committed writes."""
    with closing(sqlite3.connect(folder / "c" / "catalogue.sqlite")) as connection:
        (count,) = connection.execute("SELECT generation FROM state").fetchone()
    return int(count)


USAGE: list[tuple[list[str], str]] = [
    (["frobnicate"], "frobnicate"),
    (["search"], "QUERY"),
    (["search", PICTURE, "--nonsense"], "--nonsense"),
    (["search", PICTURE, "-k", "0"], "-k"),
    (["search", PICTURE, "-k", "three"], "-k"),
    (["search", PICTURE, "--max-distance", "far"], "--max-distance"),
    (["search", PICTURE, "--feature", "look=much"], "look=much"),
    (["search", PICTURE, "-c", "notes.txt"], "notes.txt"),
    (["search", PICTURE, "--html", "pictures"], "pictures"),
    (["search", PICTURE, "--html", ""], "'--html': the name is empty"),
    (["search", PICTURE, "-c", ""], "the name is empty"),
    (["add", ""], "the name is empty"),
    (["add", "pictures", "--metadata", ""], "the name is empty"),
    (["import", ""], "the name is empty"),
    (["remove", ""], "empty"),
    (["remove", PICTURE, "--feature", "look"], "exclude each other"),
    (["search", PICTURE, "--json", "--paths0"], "--paths0"),
    (["add"], "PATH"),
    (["add", "pictures", "--jobs", "0"], "--jobs"),
    (["add", "pictures", "--max-megapixels", "0"], "--max-megapixels"),
    (["add", "pictures", "--max-megapixels", "inf"], "--max-megapixels"),
    (["add", "pictures", "--max-megapixels", "nan"], "--max-megapixels"),
    (["add", "pictures", "--max-megapixels", "1e308"], "--max-megapixels"),
    (["search", PICTURE, "--max-megapixels", "0"], "--max-megapixels"),
    (["add", "pictures", "--metadata", "pictures"], "pictures"),
    (["import", "v.npy", "--metric", "manhattan"], "hamming"),
    (["import", "v.npy", "--on-duplicate", "overwrite"], "overwrite"),
    (["import", "v.npy", "--orientation", "diagonal"], "diagonal"),
    (["list", "-n", "0"], "-n"),
    (["explain", PICTURE], "ID"),
    (["remove"], "ID|PATH"),
    (["completion", "cmd"], "cmd"),
]


@pytest.mark.parametrize(("arguments", "named"), USAGE, ids=[" ".join(one) for one, _ in USAGE])
def test_wrong_usage_has_status_2(
    folder: Path, arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")
    result = lookalike(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert named in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert len(json.loads(lookalike("list", "--json").stdout)) == 8, "something was removed"


def newer(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as connection:
        connection.execute("UPDATE state SET schema_version = 99")
        connection.commit()


def garbled(folder: Path) -> None:
    (folder / "catalogue.sqlite").write_bytes(b"garbage" * 5000)


def cut(folder: Path) -> None:
    file = folder / "catalogue.sqlite"
    file.write_bytes(file.read_bytes()[:6000])


def emptied(folder: Path) -> None:
    (folder / "catalogue.sqlite").write_bytes(b"")


def replaced_by_a_folder(folder: Path) -> None:
    (folder / "catalogue.sqlite").unlink()
    (folder / "catalogue.sqlite").mkdir()


@pytest.mark.parametrize("damage", [newer, garbled, cut, emptied, replaced_by_a_folder])
def test_no_verb_works_on_a_collection_that_cannot_be_read(
    tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(shop(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")
    for arguments in (
        ["search", PICTURE],
        ["add", "pictures"],
        ["list"],
        ["info"],
        ["remove", PICTURE],
        ["rebuild"],
        ["words", "title"],
        ["explain", PICTURE, PICTURE],
        ["verify"],
    ):
        result = lookalike(*arguments)
        if arguments == ["verify"] and result.exit_code == 4:
            assert "catalogue.sqlite" in result.stdout
            continue
        assert (result.exit_code, result.stdout) == (1, ""), arguments
        assert result.stderr.startswith("lookalike: ") and result.stderr.count("\n") == 1


def test_an_empty_collection_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "pictures", ["a.png"])
    lookalike("add", "pictures", "--jobs", "1")
    lookalike("remove", "pictures")
    assert lookalike("list", "--json").stdout == "[]\n"
    assert lookalike("verify").exit_code == 0
    assert lookalike("info").exit_code == 0
    result = lookalike("search", "pictures/a.png")
    assert result.exit_code == 0
    assert "nothing found" in result.stderr


def test_the_process_itself_prints_one_line(folder: Path) -> None:
    result = process("search", "missing.jpg", "-c", "c", cwd=folder)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode() == (
        "lookalike: 'missing.jpg' is neither a file nor the id of a source (lookalike list)\n"
    )
    assert process("search", "-k", "0", "x", cwd=folder).returncode == 2
    result = process("search", os.fsdecode(b"caf\xe9.jpg"), "-c", "c", cwd=folder)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1


def test_the_second_writer_is_told_in_one_line(folder: Path) -> None:
    from lookalike.collection.lock import writer_lock

    with writer_lock(folder / "c", "add"):
        for arguments in (["add", "pictures"], ["import", "v.npy"]):
            result = process(*arguments, "-c", "c", cwd=folder)
            assert (result.returncode, result.stdout) == (1, b"")
            assert f"process {os.getpid()} ".encode() in result.stderr
            assert result.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_ctrl_c_stops_with_one_line_and_keeps_what_was_told(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", [f"{number:03}.png" for number in range(200)])
    code = (
        "from lookalike.collection import add_pictures; add_pictures.COMMIT_FILES = 4; "
        "from lookalike.cli import main; main()"
    )
    command = ["add", "pictures", "--jsonl", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        lines = [running.stdout.readline()]
        running.send_signal(signal.SIGINT)
        started = time.monotonic()
        lines += running.stdout.readlines()
        message = running.stderr.read().decode()
    assert time.monotonic() - started < 60
    assert running.returncode == 130
    assert message.startswith("lookalike: stopped") and message.count("\n") == 1
    assert 0 < len(lines) < 200
    stored = json.loads(lookalike("list", "--json", "-c", tmp_path / ".lookalike").stdout)
    assert {json.loads(line)["id"] for line in lines} <= {one["id"] for one in stored}
