"""`lookalike tune`: what is proposed, and that the line it prints applies it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command_line import lookalike  # type: ignore[import-not-found]

from lookalike import Collection
from lookalike.catalogue import Catalogue
from lookalike.hashing import FamilySpec


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a collection of 1,500 vectors in 60 groups and as many sets, as the one that is meant."""
    random = np.random.default_rng(0)
    centres = 6 * random.normal(size=(60, 12))
    vectors = (centres[np.arange(1500) % 60] + random.normal(size=(1500, 12))).astype(np.float32)
    words = [[f"kind{row % 60}", *(f"w{word}" for word in random.integers(0, 50, 4))] for row in range(1500)]
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(vectors, ids=[str(row) for row in range(1500)])
        collection.add_vectors(words, ids=[str(row) for row in range(1500)], feature="tags", metric="jaccard")
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "c"))
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("feature", "family"),
    [
        ("vectors", "hyperplane"),
        ("vectors", "cross-polytope"),
        ("vectors", "p-stable"),
        ("vectors", "clusters"),
        ("tags", "min-hash"),
    ],
)
def test_the_line_that_is_printed_applies_the_choice(folder: Path, feature: str, family: str) -> None:
    told = lookalike("tune", feature, "--family", family, "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    document = json.loads(told.stdout)
    applied = lookalike(*shlex.split(document["command"])[1:], "--json")
    assert (applied.exit_code, applied.stderr) == (0, "")
    info = json.loads(lookalike("info", "--json").stdout)["features"][feature]["index"]
    assert info["chosen"] == family
    with Catalogue.open(folder / "catalogue.sqlite") as catalogue:
        kept = FamilySpec.of(catalogue.features()[feature].index)
    assert kept is not None
    assert kept.parameters
    assert kept.parameters.items() <= document["choice"]["spec"]["parameters"].items()


def test_people_see_a_table_a_plot_and_the_line(folder: Path) -> None:
    table, plot, line = lookalike("tune", "vectors", "--recall", "0.8", "-c", str(folder)).stdout.split(
        "\n\n"
    )
    assert table.split()[:3] == ["recall", "+-", "tables"]
    assert "rows that are compared" in plot
    words = shlex.split(line)
    assert words[:5] == ["lookalike", "index", "vectors", "-c", str(folder)]
    assert words[5:7] == ["--family", "p-stable"]
    assert {"--tables", "--floors", "--bucket-size"} <= set(words)


def test_the_trade_off_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "t.svg"
    assert lookalike("tune", "vectors", "--family", "hyperplane", "--svg", str(path)).exit_code == 0
    assert ElementTree.fromstring(path.read_text(encoding="utf-8")).findall("{*}circle")


@pytest.mark.parametrize(
    ("text", "count"), [("20000", 20_000), ("20kB", 20_000), ("0.02 MB", 20_000), ("20KiB", 20_480)]
)
def test_memory_has_units(text: str, count: int) -> None:
    told = json.loads(
        lookalike("tune", "vectors", "--family", "hyperplane", "--memory", text, "--json").stdout
    )
    assert all(one["bytes"] <= count for one in told["trade_off"])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("vectors", "--memory", "much"), 2, "'much' is no number of bytes"),
        (("vectors", "--recall", "2"), 2, "2"),
        (("vectors", "--family", "learned"), 2, "learned"),
        (("vectors", "--family", "min-hash"), 1, "does not hash what is compared by euclidean"),
        (("vectors", "--family", "hyperplane", "--memory", "10"), 1, "memory is 10 bytes"),
        (("nothing",), 1, "no feature 'nothing'"),
        (("vectors", "--family", "hyperplane", "--svg", "no/where.svg"), 1, "no/where.svg cannot be written"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(arguments: tuple[str, ...], status: int, said: str) -> None:
    result = lookalike("tune", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr


def test_one_row_is_too_few(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "one") as collection:
        collection.add_vectors([[1.0, 2.0]], ids=["a"])
    result = lookalike("tune", "vectors", "-c", str(tmp_path / "one"))
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "give two or more" in result.stderr


def test_every_family_that_is_offered_is_tuned() -> None:
    from lookalike.cli.tune import TUNED
    from lookalike.index.lsh.tuner import LENGTHS

    assert set(TUNED) == set(LENGTHS)
