"""Builds measured side by side, and the benchmarks of what collections and odd rows cost, on a few rows."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from benchmarks import collection, families, odd_rows, synthetic, truth
from benchmarks.builds import Build, Figures, chosen, in_turn, table
from benchmarks.datasets import Dataset
from lookalike.index import Index


def test_builds_take_turns_in_every_round() -> None:
    one, other = Build("one", Path("a")), Build("other", Path("b"))
    asked: list[str] = []

    def measure(build: Build) -> Figures:
        asked.append(build.name)
        return {"n": float(len(asked))}

    found = in_turn([one, other], 2, measure)
    assert asked == ["one", "other", "one", "other"]
    assert found == {"one": [{"n": 1}, {"n": 3}], "other": [{"n": 2}, {"n": 4}]}


def test_the_ratio_is_the_median_of_the_rounds_and_not_of_the_medians() -> None:
    text = table({"old": [{"ms": 10}, {"ms": 100}, {"ms": 12}], "new": [{"ms": 1}, {"ms": 10}, {"ms": 9}]})
    assert "| ms | 12 | 9 | 0.1 |" in text


def test_a_figure_that_one_build_lacks_has_no_ratio() -> None:
    text = table({"old": [{"ms": 10}], "new": [{"ms": 1, "rate": 5}]})
    assert "| rate |  | 5 |  |" in text


def test_another_build_is_imported_from_its_sources(tmp_path: Path) -> None:
    (tmp_path / "lookalike").mkdir()
    (tmp_path / "lookalike" / "__init__.py").touch()
    other, _ = chosen(tmp_path)
    assert str(tmp_path) in other.run(["-c", "import lookalike; print(lookalike.__file__)"])


def test_a_build_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException) as caught:
        Build("the other", tmp_path).run(["-c", "raise SystemExit('no such option')"])
    assert caught.value.message == "the other: no such option"


def test_a_collection_is_measured_beside_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("QUERIES", 5), ("BATCH", 8), ("WARM_UP", 1), ("REPEATS", 2)):
        monkeypatch.setattr(collection, name, value)
    collection.prepare(tmp_path, 60, 4)
    figures = collection.measure(tmp_path, 60, 4)
    for query in ("by id", "by vector"):
        assert figures[f"{query}, beside the index, ms"] < figures[f"search {query}, ms"]


def test_odd_rows_are_searched_for_the_same_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(odd_rows, "QUERIES", 20)
    measured = odd_rows.cases(200, 8, scan_below=1_000)
    assert [len(case.index) for case in measured] == [200, 200, 199, 200]
    assert all(case.recall == 1.0 for case in measured)
    measured[0].measure()
    assert "| plain | " in odd_rows.table(measured[:1])


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_family_is_measured_by_its_name_alone(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "cached", truth.exact)
    dataset = Dataset("few", synthetic.vectors(300, 8), synthetic.vectors(20, 8, kind=1), "euclidean")
    row = dict(zip(families.HEADS, families.measure(dataset, family), strict=True))
    assert (row["family"], row["recall@10"], row["candidates"]) == (family, "1.000", "1.000")


def test_a_family_is_measured_beside_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "cached", truth.exact)
    dataset = Dataset("few", synthetic.vectors(300, 8), synthetic.vectors(20, 8, kind=1), "euclidean")
    scan = Index.build(dataset.base, metric=dataset.metric, recall=1.0)
    row = dict(zip(families.LARGE_HEADS, families.beside_scan(dataset, "p-stable", scan), strict=False))
    assert (row["family"], row["metric"], row["recall@10"]) == ("p-stable", "euclidean", "1.000")
