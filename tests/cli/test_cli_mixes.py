"""`lookalike search` with --like, --unlike and --describe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import lookalike  # type: ignore[import-not-found]

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from tests.features import networks
from tests.features.networks import COLOURS, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of each colour, and a collection of them in `c`."""
    made = tmp_path_factory.mktemp("mixes")
    for colour in COLOURS:
        (made / "pictures").mkdir(exist_ok=True)
        picture(colour).save(made / "pictures" / f"{colour}.png")
    picture("green", side=20).save(made / "new=0.5", "png")
    networks.siglip_like(made / "siglip")
    added = lookalike(
        "add", made / "pictures", "-c", made / "c", "--feature", f"words:onnx={made / 'siglip'}"
    )
    assert added.exit_code == 0, added.stderr
    return made


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", "c")


def names(*arguments: str) -> list[str]:
    result = lookalike("search", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return [Path(hit["path"]).stem for hit in json.loads(result.stdout)["hits"]]


def test_words_alone() -> None:
    assert names("--describe", "a Red shoe", "-k", "1") == ["red"]
    assert names("--describe", "red", "--describe", "green=0.9", "-k", "1") == ["yellow"]


def test_words_beside_a_picture() -> None:
    assert names("pictures/red.png", "--describe", "green", "-k", "1") == ["yellow"]
    assert names("--like", "pictures/red.png", "--describe", "green", "-k", "1") == ["yellow"]


def test_pictures_liked_and_not() -> None:
    mixed = (
        "--like",
        "pictures/red.png",
        "--like",
        "pictures/green.png=0.9",
        "--unlike",
        "pictures/blue.png",
    )
    found = names(*mixed)
    assert found[0] == "yellow"
    assert not {"red", "green", "blue"} & set(found)


def test_a_file_whose_name_ends_like_a_weight_is_a_file() -> None:
    assert names("--like", "new=0.5", "-k", "1") == ["green"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--unlike", "pictures/red.png"), 2, "name a QUERY, or give --like"),
        (("--describe", "red=0"), 1, "sum to nothing; give one above 0"),
        (("--like", "pictures/red.png=-1"), 1, "weighs -1; give 0 or more"),
        (("--like", "nothing.png"), 1, "'nothing.png' is neither a file nor the id of a source"),
        (("--describe", "!"), 1, "has no word to compare"),
    ],
)
def test_mixes_that_make_no_sense(arguments: tuple[str, ...], status: int, message: str) -> None:
    result = lookalike("search", *arguments)
    assert (result.exit_code, message in result.stderr) == (status, True), result.stderr
