"""`list`, `info`, `remove`, `verify`, `rebuild`, `completion`; help; and how a collection is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import click
import numpy as np
import pytest
from command_line import draw, lookalike, process, shop  # type: ignore[import-not-found]

from lookalike import __version__
from lookalike.cli.verbs import lookalike as program

VERBS = [
    "add",
    "search",
    "import",
    "words",
    "explain",
    "remove",
    "list",
    "info",
    "groups",
    "clusters",
    "index",
    "tune",
    "evaluate",
    "migrate",
    "verify",
    "rebuild",
    "serve",
    "config",
    "completion",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")
    return tmp_path


def test_list(folder: Path) -> None:
    lines = lookalike("list").stdout.splitlines()
    assert len(lines) == 4
    id_, size, path = lines[0].split()
    assert uuid.UUID(id_).version == 5
    assert (size, path) == ("40x40", str(folder / "pictures" / "a.png"))
    assert len(lookalike("list", "-n", "2").stdout.splitlines()) == 2
    assert len(lookalike("list", "--where", "colour=Red").stdout.splitlines()) == 2
    assert len(lookalike("list", "--text", "shoes").stdout.splitlines()) == 2
    documents = json.loads(lookalike("list", "--json").stdout)
    assert [one["metadata"].get("title") for one in documents] == ["Red shoes", "Blue shoes", "Red hat", None]
    assert {"id", "sha256", "kind", "size", "width", "height", "added_at", "places"} <= set(documents[0])
    assert [json.loads(line) for line in lookalike("list", "--jsonl").stdout.splitlines()] == documents


def test_info(folder: Path) -> None:
    document = json.loads(lookalike("info", "--json").stdout)
    assert (document["sources"], document["pictures"], document["places"]) == (4, 4, 4)
    assert document["catalogue_bytes"] > 0 and document["index_bytes"] > 0
    assert document["features"]["look"]["vectors"] == 4
    assert document["features"]["look"]["index"]["rows"] == 4
    assert document["metadata"]["year"]["count"] == 3
    lines = lookalike("info").stdout
    assert "sources" in lines and "look" in lines and "KiB" in lines
    assert "{" not in lines


def test_remove_takes_all_or_nothing(folder: Path) -> None:
    kept = lookalike("list", "--json").stdout
    for what in ("nothing", "pictures/none.png", "pict", "pictures/a"):
        result = lookalike("remove", "pictures/a.png", what)
        assert result.exit_code == 1
        assert "nothing was removed" in result.stderr
        assert lookalike("list", "--json").stdout == kept
    assert lookalike("remove", "/").stdout == "4 removed\n"
    assert lookalike("list", "--json").stdout == "[]\n"


def test_remove_takes_a_hash_in_a_name_for_what_it_is(folder: Path) -> None:
    draw(folder / "pictures#2", ["e.png", "f#1.png"], first_seed=20)
    assert lookalike("add", "pictures#2", "--jobs", "1").stdout.startswith("2 added")
    assert lookalike("remove", "pictures#2/f").exit_code == 1
    assert lookalike("remove", "pictures").stdout == "4 removed\n"
    assert lookalike("remove", "pictures#2/f#1.png").stdout == "1 removed\n"


def test_remove_by_id_path_and_folder(folder: Path) -> None:
    shutil.copy(folder / "pictures" / "a.png", folder / "pictures" / "copy.png")
    lookalike("add", "pictures", "--jobs", "1")
    assert lookalike("remove", "pictures/copy.png").stdout == "0 removed\n"  # it lies elsewhere, too
    id_ = lookalike("list", "-n", "1").stdout.split()[0]
    assert lookalike("remove", id_).stdout == "1 removed\n"
    assert (folder / "pictures" / "a.png").exists()
    assert lookalike("remove", "pictures").stdout == "3 removed\n"
    assert lookalike("verify").stdout == "no damage found\n"


def test_remove_missing_says_how_many_it_forgot_and_how_many_are_away(folder: Path) -> None:
    (folder / "pictures" / "a.png").unlink()
    assert (
        lookalike("remove", "--missing").stdout == "1 removed, of which no file is left; 1 file forgotten\n"
    )
    assert (
        lookalike("remove", "--missing").stdout == "0 removed, of which no file is left; 0 files forgotten\n"
    )
    (folder / "pictures").rename(folder / "elsewhere")
    away = "3 files are kept, as their folders are away\n"
    assert lookalike("remove", "--missing").stdout.endswith(away)
    assert len(lookalike("list").stdout.splitlines()) == 3


def test_a_feature_is_removed_and_the_sources_stay(folder: Path) -> None:
    np.save(folder / "v.npy", np.eye(4, dtype=np.float32))
    assert lookalike("import", "v.npy").exit_code == 0
    result = lookalike("remove", "--feature", "vectors")
    assert (result.exit_code, result.stdout) == (0, "feature vectors removed\n")
    assert list(json.loads(lookalike("info", "--json").stdout)["features"]) == ["look"]
    assert not (folder / "c" / "indexes" / "vectors").exists()
    assert len(lookalike("list").stdout.splitlines()) == 8
    assert lookalike("search", "v.npy#0").exit_code == 1
    assert lookalike("search", "pictures/a.png").exit_code == 0


def test_verify(folder: Path) -> None:
    result = lookalike("verify")
    assert (result.exit_code, result.stdout) == (0, "no damage found\n")
    assert json.loads(lookalike("verify", "--json").stdout) == []
    (folder / "pictures" / "a.png").unlink()
    for file in (folder / "c" / "indexes" / "look").glob("vectors*"):
        file.write_bytes(bytes(file.stat().st_size))
    result = lookalike("verify")
    assert result.exit_code == 4
    assert "lookalike rebuild" in result.stdout
    assert f"{folder / 'pictures' / 'a.png'} is gone" in result.stdout
    found = json.loads(lookalike("verify", "--json").stdout)
    assert [set(one) for one in found] == [{"what", "where", "advice"}] * 2
    assert lookalike("rebuild").stdout == "look: 4 vectors indexed\n"
    assert [one["where"] for one in json.loads(lookalike("verify", "--json").stdout)] == ["files"]


def test_rebuild_gives_the_same_answers(folder: Path) -> None:
    before = lookalike("search", "pictures/a.png", "--json").stdout
    shutil.rmtree(folder / "c" / "indexes")
    assert lookalike("rebuild").exit_code == 0
    assert lookalike("search", "pictures/a.png", "--json").stdout == before


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_sound(shell: str) -> None:
    result = lookalike("completion", shell)
    assert result.exit_code == 0
    assert "_LOOKALIKE_COMPLETE" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


def test_completion_completes(tmp_path: Path) -> None:
    env = {"_LOOKALIKE_COMPLETE": "bash_complete", "COMP_WORDS": "lookalike re", "COMP_CWORD": "1"}
    result = process(env=env)
    assert [line.split(",")[1] for line in result.stdout.decode().splitlines()] == ["remove", "rebuild"]


def test_help_lists_every_verb() -> None:
    for flag in ("--help", "-h"):
        result = lookalike(flag)
        assert result.exit_code == 0
        listed = result.stdout[result.stdout.index("Commands:") :].splitlines()[1:]
        assert [line.split()[0] for line in listed if line.strip()] == VERBS
    assert "Exit statuses" in result.stdout
    assert __version__ in lookalike("--version").stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(verb: str) -> None:
    result = lookalike(verb, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert f"lookalike {verb}" in result.stdout[result.stdout.index("Examples:") :]
    command = program.get_command(click.Context(program), verb)
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{verb} {option.opts[0]} has no help"
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("verb", [[], ["search"]])
def test_help_uses_the_width_there_is_up_to_100(verb: list[str]) -> None:
    widths = []
    for columns in ("80", "200"):
        page = process(*verb, "--help", env={"COLUMNS": columns}).stdout.decode()
        widths.append(max(map(len, page.splitlines())))
    assert widths[0] <= 80 < widths[1] <= 100


def test_no_arguments_show_the_help() -> None:
    result = lookalike()
    assert "Commands:" in result.output


def test_a_collection_is_named_by_option_then_environment_then_here(folder: Path) -> None:
    shutil.copytree("c", "by-option")
    lookalike("remove", "pictures/a.png", "-c", "by-option")
    assert len(lookalike("list", "-c", "by-option").stdout.splitlines()) == 3
    assert len(lookalike("list").stdout.splitlines()) == 4
    shutil.copytree("by-option", ".lookalike")
    result = process("list", cwd=folder, env={"LOOKALIKE_COLLECTION": ""})
    assert len(result.stdout.splitlines()) == 3


def test_rebuild_of_a_feature(folder: Path) -> None:
    lookalike("rebuild", "--feature", "look=1")
    assert json.loads(lookalike("info", "--json").stdout)["features"]["look"]["version"] == "1"
    assert lookalike("rebuild", "--feature", "look").stdout == "look: 4 vectors of version 2 made\n"
    (folder / "pictures" / "a.png").unlink()
    result = lookalike("rebuild", "--feature", "look", "--json")
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert (report["feature"], report["version"], report["renewed"]) == ("look", "2", 3)
    assert [Path(event["path"]).name for event in report["skipped"]] == ["a.png"]
    assert json.loads(lookalike("rebuild", "--json").stdout)["look"] == 3
