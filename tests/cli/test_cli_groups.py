"""`lookalike groups` and `lookalike clusters`: tables, JSON and pages, and that nothing is removed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lookalike  # type: ignore[import-not-found]

from lookalike import Collection


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a collection of thirty vectors, three of which are copies of others."""
    rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    rows[10], rows[11], rows[20] = rows[0], rows[0], rows[1]
    metadata = [{"title": f"{'odd' if row % 2 else 'even'} thing"} for row in range(30)]
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(rows, ids=[f"id-{row}" for row in range(30)], metadata=metadata)
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "c"))
    return tmp_path / "c"


def test_groups_as_a_table(folder: Path) -> None:
    told = lookalike("groups", "--max-distance", "0")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[0] == "1. exact"
    assert [line.split()[-1] for line in lines[1:4]] == ["id-0", "id-10", "id-11"]
    assert "keep" in lines[1]
    assert "could be removed" in lines[2]
    assert lines[-1] == (
        "2 groups of 5 sources, of 30 compared, within 0 by vectors; "
        "3 exact copies could be removed, perhaps 0 near ones, and nothing was."
    )
    with Collection.open(folder) as collection:
        assert len(collection) == 30


def test_groups_as_json_and_as_a_page(tmp_path: Path) -> None:
    page = tmp_path / "groups.html"
    told = json.loads(lookalike("groups", "--auto", "--json", "--html", page).stdout)
    assert [len(group["members"]) for group in told["groups"]] == [3, 2]
    assert told["removable"] == 3
    lines = lookalike("groups", "--auto", "--jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == told["groups"]
    assert "Nothing was removed" in page.read_text(encoding="utf-8")


def test_groups_need_one_way_to_a_distance() -> None:
    for options in ([], ["--auto", "--max-distance", "1"]):
        assert lookalike("groups", *options).exit_code == 2
    assert "there is no feature 'look'" in lookalike("groups", "--auto", "--feature", "look").stderr


def test_no_group_is_told(folder: Path) -> None:
    with Collection.open(folder) as collection:
        collection.remove(["id-10", "id-11", "id-20"])
    told = lookalike("groups", "--max-distance", "0")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "no two of 27 sources are within 0 by vectors" in told.stderr


def test_clusters_as_a_table_json_and_a_page(tmp_path: Path) -> None:
    page = tmp_path / "clusters.html"
    told = lookalike("clusters", "-k", "3", "--html", page)
    assert told.exit_code == 0
    assert told.stdout.splitlines()[0].split() == ["#", "sources", "spread", "words", "such", "as"]
    assert len(told.stdout.splitlines()) == 4
    document = json.loads(lookalike("clusters", "-k", "3", "--json").stdout)
    assert sum(cluster["size"] for cluster in document["clusters"]) == 30
    assert "3 clusters of 30 sources" in page.read_text(encoding="utf-8")


def test_more_clusters_than_sources_are_refused() -> None:
    told = lookalike("clusters", "-k", "31")
    assert told.exit_code == 1
    assert "31 clusters are more than the 30 sources that have vectors; give fewer" in told.stderr
