"""Sets, binary codes and words by the command line, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import draw, lookalike  # type: ignore[import-not-found]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "c"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hits(*arguments: str) -> list[tuple[str, float]]:
    result = lookalike("search", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return [(hit["id"], hit["distance"]) for hit in json.loads(result.stdout)["hits"]]


def test_tags_are_imported_and_searched(folder: Path) -> None:
    (folder / "tags.jsonl").write_text(
        '{"id": "a", "elements": ["red", "shoe"]}\n{"id": "b", "elements": ["shoe"]}\n{"id": "c", "elements": []}\n'
    )
    result = lookalike("import", "tags.jsonl", "--metric", "jaccard", "--feature", "tags")
    assert (result.exit_code, result.stdout.partition(" (")[0]) == (0, "3 added")
    assert hits("a") == [("b", 0.5), ("c", 1)]
    assert hits("tags.jsonl#1", "-k", "1") == [("b", 0)]
    assert lookalike("verify").exit_code == 0


def test_codes_are_imported_and_searched(folder: Path) -> None:
    bits = np.random.default_rng(0).random((50, 24)) < 0.5
    np.save(folder / "codes.npy", np.packbits(bits, axis=1))
    assert lookalike("import", "codes.npy", "--metric", "hamming").exit_code == 0
    assert [distance for _, distance in hits("codes.npy#3", "-k", "4")] == sorted(
        (bits != bits[3]).sum(axis=1)
    )[:4]


def test_an_index_of_sets_is_chosen(folder: Path) -> None:
    (folder / "sets.txt").write_text("".join(f"w{n} w{n + 1} w{n + 2}\n" for n in range(400)))
    lookalike("import", "sets.txt", "--metric", "jaccard")
    told = lookalike("index", "vectors", "--family", "min-hash", "--hashes", "1", "--json")
    assert json.loads(told.stdout)["parameters"]["hashes"] == 1
    assert hits("sets.txt#7", "-k", "2")[0][1] == 0
    refused = lookalike("index", "vectors", "--family", "hyperplane")
    assert refused.exit_code == 1
    assert "does not hash what is compared by jaccard; choose one of min-hash" in refused.stderr


def test_words_of_pictures_are_compared(folder: Path) -> None:
    draw(folder / "pictures", ["a.png", "b.png", "c.png"])
    (folder / "table.csv").write_text("image,title\na.png,Red shoe\nb.png,Blue shoe\nc.png,Hat\n")
    lookalike("add", "pictures", "--metadata", "table.csv")
    made = lookalike("words", "title")
    assert (made.exit_code, made.stdout) == (0, "3 sets of words made\n")
    found = lookalike("search", "--describe", "red shoes", "--json")
    assert [hit["metadata"]["title"] for hit in json.loads(found.stdout)["hits"]] == [
        "Red shoe",
        "Blue shoe",
        "Hat",
    ]
    assert json.loads(lookalike("words", "title", "--json").stdout) == {"feature": "words", "sets": 0}
    assert lookalike("add", "pictures").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("import", "a.txt"), 1, "holds sets, which are compared by jaccard (--metric jaccard)"),
        (("search",), 2, "or give --like, or words with --text or --describe"),
        (("words", "--shingle", "0"), 2, "0 is not in the range"),
    ],
)
def test_misuse_is_told_in_one_line(
    folder: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    (folder / "a.txt").write_text("red shoe\n")
    result = lookalike(*arguments)
    assert (result.exit_code, message in result.stderr) == (status, True)
