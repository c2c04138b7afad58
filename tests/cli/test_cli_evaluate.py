"""`lookalike evaluate`: the tables, the notes, and that the line it prints searches by the proposal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command_line import draw, lookalike  # type: ignore[import-not-found]

from lookalike import Collection

COUNT, KINDS = 60, 4


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a collection of sources of four kinds with two features, as the one that is meant."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(KINDS, 8))[np.arange(COUNT) % KINDS]
    ids = [str(row) for row in range(COUNT)]
    metadata = [
        {"kind": f"kind{row % KINDS}"} if row < COUNT - 1 else {"kind": "alone"} for row in range(COUNT)
    ]
    with Collection.create(tmp_path / "c") as collection:
        for name in ("one", "two"):
            rows = (centres + random.normal(size=centres.shape)).astype(np.float32)
            collection.add_vectors(rows, ids=ids, feature=name, metadata=metadata)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "c"))
    return tmp_path / "c"


def test_people_see_tables_and_a_line_that_searches(folder: Path) -> None:
    told = lookalike("evaluate", "--by", "kind", "-k", "5", "-c", folder)
    assert told.exit_code == 0
    title, rows, pairs, buckets, proposal, line = told.stdout.strip().split("\n\n")
    assert title == "5 labels by kind: 59 queries among 60 sources, each left out of its own answer"
    assert rows.splitlines()[0].split()[:4] == ["precision@5", "+-", "mAP", "+-"]
    names = [row.split("  ")[0] for row in rows.splitlines()[1:]]
    assert names[:4] in (
        ["one", "two", "default weights", "equal weights"],
        ["two", "one", "default weights", "equal weights"],
    )
    assert pairs.splitlines()[0].split() == ["of", "one", "extractor", "precision@5", "mAP"]
    assert buckets == "Searches that compare every row, and lose nothing: one (learned), two (learned)."
    assert proposal.startswith("Proposed: ")
    assert told.stderr == "lookalike: 1 source shares no value of kind with another: no queries\n"
    words = shlex.split(line)
    assert words[:5] == ["lookalike", "search", "QUERY", "-c", str(folder)]
    words[2] = "0"
    searched = lookalike(*words[1:], "--json")
    assert searched.exit_code == 0
    assert len(json.loads(searched.stdout)["hits"]) == 10


def test_json_has_all_of_it_and_the_line() -> None:
    told = lookalike("evaluate", "--by", "kind", "--feature", "one=0.3", "--feature", "two=0.7", "--json")
    assert told.exit_code == 0
    document = json.loads(told.stdout)
    assert document["queries"] == 59
    assert document["proposal"]["folds"] == 5
    names = [row["name"] for row in document["rows"]]
    assert "given weights" in names
    assert document["command"].startswith("lookalike search QUERY --feature")
    assert document["notes"] == ["1 source shares no value of kind with another: no queries"]


def test_one_feature_alone_needs_no_weight() -> None:
    told = lookalike("evaluate", "--by", "kind", "--feature", "two")
    assert told.exit_code == 0
    assert "Proposed" not in told.stdout
    assert told.stdout.endswith("lookalike search QUERY --feature two\n")


def test_figures_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "figures.svg"
    assert lookalike("evaluate", "--by", "kind", "--svg", path).exit_code == 0
    drawn = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert drawn.findall("{*}rect")
    assert len(drawn.findall("{*}circle")) == 11
    assert lookalike("evaluate", "--by", "kind", "--svg", tmp_path / "none" / "f.svg").exit_code == 1


def test_pictures_in_folders_by_class_need_no_table(tmp_path: Path) -> None:
    for seed, name in enumerate(("cat", "dog")):
        draw(tmp_path / "pictures" / name, ["1.png", "2.png", "3.png"], first_seed=10 * seed)
    add = lookalike("add", tmp_path / "pictures", "-c", tmp_path / "p", "--jobs", "1")
    assert add.exit_code == 0, add.output
    told = lookalike("evaluate", "--by", "folder", "-k", "2", "-c", tmp_path / "p")
    assert told.exit_code == 0
    assert told.stdout.startswith("2 labels by folder: 6 queries among 6 sources")


def test_pairs_are_judged(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("query,source,grade\n0,4,2\n0,8,1\n0,1,0\n1,5,1\n")
    told = lookalike("evaluate", "--judged", file, "-k", "3")
    assert told.exit_code == 0
    assert told.stdout.startswith(f"4 judged pairs of {file}: 2 queries")
    assert "nDCG@3" in told.stdout
    assert "the rest counts as not relevant" in told.stderr
    file.write_text("query,source\n0,4\n0,none\n")
    told = lookalike("evaluate", "--judged", file)
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == f"lookalike: {file}, line 3: none is no id or path of a source (lookalike list)\n"


def test_something_must_say_what_looks_alike() -> None:
    for arguments in ((), ("--by", "kind", "--judged", "pairs.csv")):
        told = lookalike("evaluate", *arguments)
        assert told.exit_code == 2
        assert "give --by FIELD or --judged FILE" in told.stderr


def test_errors_are_told_in_one_line() -> None:
    told = lookalike("evaluate", "--by", "colour")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.count("\n") == 1
    assert "'colour'; the fields are: kind" in told.stderr
    told = lookalike("evaluate", "--by", "kind", "--feature", "one=0", "--feature", "two=0")
    assert told.exit_code == 1
    assert "weight" in told.stderr
