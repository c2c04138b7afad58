"""`lookalike index`: how a feature is searched, shown and chosen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import lookalike  # type: ignore[import-not-found]

from lookalike import Collection

FAMILIES = ["hyperplane", "cross-polytope", "p-stable", "clusters", "clusterings"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a collection of 3,000 vectors in 60 groups, as the one that is meant."""
    random = np.random.default_rng(0)
    centres = 6 * random.normal(size=(60, 16))
    vectors = (centres[np.arange(3000) % 60] + random.normal(size=(3000, 16))).astype(np.float32)
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(vectors, ids=[str(row) for row in range(3000)])
    monkeypatch.setenv("LOOKALIKE_COLLECTION", str(tmp_path / "c"))
    return tmp_path / "c"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_chosen_and_kept(folder: Path, family: str) -> None:
    before = json.loads(lookalike("search", "7", "--json").stdout)["hits"]
    result = lookalike("index", "vectors", "--family", family, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["chosen"] == family
    assert json.loads(lookalike("index", "vectors", "--json").stdout)["family"] == family
    after = json.loads(lookalike("search", "7", "--json").stdout)["hits"]
    found = {hit["id"]: hit["distance"] for hit in before}
    same = [hit for hit in after if hit["id"] in found]
    assert len(same) >= 8
    assert all(hit["distance"] == pytest.approx(found[hit["id"]], abs=1e-5) for hit in same)
    assert lookalike("rebuild").exit_code == 0
    assert json.loads(lookalike("info", "--json").stdout)["features"]["vectors"]["index"]["family"] == family
    assert lookalike("verify").stdout == "no damage found\n"
    assert lookalike("index", "vectors", "--family", "learned", "--json").exit_code == 0
    assert json.loads(lookalike("index", "vectors", "--json").stdout)["chosen"] == "learned"


def test_parameters_are_those_that_were_given(folder: Path) -> None:
    shown = json.loads(
        lookalike("index", "vectors", "--family", "p-stable", "--tables", "5", "--seed", "3", "--json").stdout
    )
    assert shown["tables"] == 5


def test_people_see_lines(folder: Path) -> None:
    result = lookalike("index", "vectors")
    assert result.exit_code == 0
    assert {"chosen", "rows", "path"} <= {line.split()[0] for line in result.stdout.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nothing"], 1, "no feature 'nothing'"),
        (["nothing", "--family", "clusters"], 1, "nothing"),
        (["vectors", "--tables", "3"], 2, "--tables is for a family"),
        (["vectors", "--family", "nonsense"], 2, "nonsense"),
        (["vectors", "--family", "clusters", "--bits", "3"], 1, "no parameter 'bits'"),
        (["vectors", "--family", "learned", "--tables", "3"], 1, "tables"),
        (["vectors", "--family", "hyperplane", "--bits", "999"], 1, "bits"),
        (["vectors", "--family", "p-stable", "--bucket-size", "nan"], 1, "bucket_size"),
    ],
)
def test_what_makes_no_sense_is_told(folder: Path, arguments: list[str], status: int, told: str) -> None:
    result = lookalike("index", *arguments)
    assert result.exit_code == status
    assert told in result.stderr
    assert json.loads(lookalike("index", "vectors", "--json").stdout)["chosen"] == "learned"


def test_people_are_spared_the_measurements() -> None:
    assert lookalike("index", "vectors", "--family", "clusters").exit_code == 0
    assert json.loads(lookalike("info", "--json").stdout)["features"]["vectors"]["index"]["measurements"]
    for verb in (["info"], ["index", "vectors"]):
        lines = lookalike(*verb).stdout.splitlines()
        assert not {"measurements", "stamp"} & {line.split()[0] for line in lines}
        assert max(map(len, lines)) < 200


def test_buckets_are_kept_in_a_store_and_found_by_later_commands(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'b.sqlite'}"
    told = lookalike("index", "vectors", "--family", "p-stable", "--buckets", url, "--json")
    assert (told.exit_code, json.loads(told.stdout)["chosen"]) == (0, "p-stable")
    assert json.loads(lookalike("info", "--json").stdout)["features"]["vectors"]["index"]["store"].startswith(
        url
    )
    assert len(json.loads(lookalike("search", "7", "--strict", "--json").stdout)["hits"]) == 10
    assert lookalike("verify").stdout == "no damage found\n"


def test_an_index_is_moved_and_what_is_found_compared(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'b.sqlite'}"
    lookalike("index", "vectors", "--family", "hyperplane")
    there = lookalike("migrate", "vectors", "--buckets", url, "--queries", "20")
    assert there.stdout == f"vectors is in {url}: 200 of 200 hits of 20 queries are equal\n"
    back = json.loads(lookalike("migrate", "vectors", "--buckets", "embedded", "--json").stdout)
    assert (back["buckets"], back["hits"], back["equal"]) == ("embedded", 1000, 1000)


def test_a_store_that_is_lost_is_told_of_or_with_strict_an_error(folder: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stores' / 'b.sqlite'}"
    (tmp_path / "stores").mkdir()
    lookalike("index", "vectors", "--family", "clusters", "--buckets", url)
    shutil.rmtree(tmp_path / "stores")
    result = lookalike("search", "7")
    assert result.exit_code == 0
    assert "every vector of vectors was compared instead" in result.stderr + result.stdout
    result = lookalike("search", "7", "--strict")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_a_store_that_is_not_there_leaves_the_index_where_it_is(folder: Path) -> None:
    result = lookalike("migrate", "vectors", "--buckets", "redis://127.0.0.1:1")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "store" not in json.loads(lookalike("index", "vectors", "--json").stdout)
