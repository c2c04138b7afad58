"""`tune_family`: its choice gives what is predicted, costs no more than need be, and keeps to what is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import lookalike
from lookalike import Index, Tuning, tune_family
from lookalike.arrays import Metric, as_vectors
from lookalike.buckets import Header, MemoryBuckets
from lookalike.errors import LookalikeError, OptionError, OutputError, VectorError
from lookalike.hashing import FamilySpec

ROWS, QUERIES = 5000, 500
FAMILIES: list[tuple[str, Metric]] = [
    ("hyperplane", "cosine"),
    ("cross-polytope", "cosine"),
    ("p-stable", "euclidean"),
    ("clusters", "euclidean"),
    ("hyperplane", "dot"),
    ("min-hash", "jaccard"),
    ("bit-sampling", "hamming"),
]


def vectors(count: int) -> Any:
    random = np.random.default_rng(0)
    centres = 2 * random.standard_normal((200, 24))
    return (centres[random.integers(0, 200, count)] + random.standard_normal((count, 24))).astype(np.float32)


def rows_of(metric: Metric, count: int) -> Any:
    """Return rows in groups, in no order."""
    made = vectors(count)
    if metric == "hamming":
        planes = np.random.default_rng(1).standard_normal((24, 128))
        return np.packbits(made @ planes > 0, axis=1)
    if metric == "jaccard":
        random = np.random.default_rng(2)
        kinds = [random.choice(3000, 12, replace=False) for _ in range(count // 30)]
        return as_vectors(
            [
                random.choice(kinds[random.integers(len(kinds))], 8, replace=False).tolist()
                for _ in range(count)
            ],
            metric="jaccard",
        )
    return made


def measured(tuning: Tuning, rows: Any, queries: Any, metric: Metric) -> tuple[float, float]:
    """Return the recall@10 of held-out queries in the buckets of the choice, and the share of the rows they meet."""
    family = tuning.choice.spec.family({}).fit(rows)
    store = MemoryBuckets()
    store.fill(Header(0, family.table_uuids(), {}), [(np.arange(len(rows)), family.keys(rows))])
    scan = Index.build(rows, metric=metric, scan_below=len(rows) + 1)
    shares, met = [], 0
    for query, near in zip(queries, scan.search(queries, 10)[1], strict=True):
        ids = store.candidates(
            family.probe_keys(query[np.newaxis], tuning.choice.probes), limit=len(rows)
        ).ids
        near = near[near < 1] if metric == "jaccard" else near
        met += len(ids)
        if len(near):
            found = int(np.count_nonzero(scan.distances(query, ids) <= near[-1] + 1e-6 * abs(near[-1])))
            shares.append(min(found, len(near)) / len(near))
    return float(np.mean(shares)), met / len(queries) / len(rows)


@pytest.mark.parametrize(("family", "metric"), [each for each in FAMILIES if each[1] != "dot"])
def test_recall_and_candidates_are_as_predicted(family: str, metric: Metric) -> None:
    rows = rows_of(metric, ROWS + QUERIES)
    if metric == "cosine":
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows, queries = rows[:ROWS], rows[ROWS:]
    tuning = tune_family(rows, family, metric=metric, recall=0.9)
    assert tuning.reached
    recall, share = measured(tuning, rows, queries, metric)
    assert recall == pytest.approx(tuning.choice.recall, abs=0.03)
    assert share == pytest.approx(tuning.choice.share, rel=0.25, abs=0.005)


def test_a_sample_tells_of_all_rows() -> None:
    rows = vectors(24_000 + QUERIES)
    rows, queries = rows[QUERIES:], rows[:QUERIES]
    tuning = tune_family(rows[:4000], "p-stable", rows=len(rows))
    assert tuning.rows == 24_000
    assert measured(tuning, rows, queries, "euclidean")[0] == pytest.approx(tuning.choice.recall, abs=0.03)


ASKED = FamilySpec("p-stable", {"bucket_size": 6.0})


@pytest.fixture(scope="module")
def tuning() -> Tuning:
    return tune_family(vectors(3000), ASKED)


def test_an_index_is_built_of_the_choice(tuning: Tuning) -> None:
    stats = Index.build(vectors(3000), family=tuning.choice.spec, scan_below=0, n_jobs=1).stats()
    assert stats.parameters == tuning.choice.spec.parameters
    assert stats.buckets is not None


def test_more_recall_never_costs_less(tuning: Tuning) -> None:
    trade_off = tuning.trade_off
    assert len(trade_off) > 3
    assert [one.recall for one in trade_off] == sorted(one.recall for one in trade_off)
    assert [one.cost for one in trade_off] == sorted(one.cost for one in trade_off)


def test_the_choice_is_one_of_the_trade_off_and_reaches_the_recall(tuning: Tuning) -> None:
    assert tuning.choice in tuning.trade_off
    assert tuning.choice.recall >= tuning.recall == 0.9
    assert tuning.choice.share < 0.25
    assert tuning.choice.microseconds > 0


def test_bytes_are_about_those_of_the_buckets(tuning: Tuning) -> None:
    rows = vectors(3000)
    family = tuning.choice.spec.family({}).fit(rows)
    store = MemoryBuckets()
    store.fill(Header(0, family.table_uuids(), {}), [(np.arange(3000), family.keys(rows))])
    assert store.stats().bytes == pytest.approx(tuning.choice.bytes, rel=0.25)


def test_memory_is_kept_to(tuning: Tuning) -> None:
    memory = tuning.choice.bytes // 2
    assert all(one.bytes <= memory for one in tune_family(vectors(3000), ASKED, memory=memory).trade_off)


def test_too_little_memory_is_told_with_what_is_needed() -> None:
    with pytest.raises(
        OptionError, match=r"memory is 100 bytes; the buckets of 3,000 rows take [\d,]+ at least"
    ):
        tune_family(vectors(3000), "hyperplane", memory=100)


def test_what_is_asked_for_is_kept() -> None:
    asked = FamilySpec("p-stable", {"tables": 3, "distance": "l1"})
    found = tune_family(vectors(1500), asked, seed=7).choice.spec.parameters
    assert (found["tables"], found["distance"], found["seed"]) == (3, "l1", 7)


@pytest.mark.parametrize(("family", "metric"), FAMILIES)
@pytest.mark.parametrize("count", [2, 3, 12])
def test_a_few_rows_are_sample_enough(family: str, metric: Metric, count: int) -> None:
    tuning = tune_family(rows_of(metric, 60)[:count], family, metric=metric)
    assert str(tuning)
    assert (
        Index.build(rows_of(metric, 60), metric=metric, family=tuning.choice.spec, scan_below=0).stats().rows
        == 60
    )


@pytest.mark.parametrize(("family", "metric"), FAMILIES)
def test_rows_that_are_all_equal_are_out_of_reach(family: str, metric: Metric) -> None:
    tuning = tune_family(np.repeat(rows_of(metric, 60)[:1], 400, axis=0), family, metric=metric)
    assert not tuning.reached
    assert "Nothing that was tried reaches a recall of 0.9" in str(tuning)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"family": "learned"}, OptionError),
        ({"family": "lernaean"}, OptionError),
        ({"family": None}, OptionError),
        ({"family": "min-hash"}, OptionError),
        ({"metric": "l7"}, OptionError),
        ({"recall": 0}, OptionError),
        ({"recall": "all"}, OptionError),
        ({"memory": 0}, OptionError),
        ({"memory": "100MB"}, OptionError),
        ({"rows": 3}, OptionError),
        ({"seed": -1}, OptionError),
        ({"sample": [[1.0, 2.0]]}, VectorError),
        ({"sample": [[1.0], [float("nan")]]}, VectorError),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    options: dict[str, Any], error: type[LookalikeError]
) -> None:
    given = {"sample": vectors(50), "family": "hyperplane"} | options
    with pytest.raises(error) as raised:
        tune_family(given.pop("sample"), given.pop("family"), **given)
    assert "\n" not in str(raised.value)


def test_the_table_marks_the_choice_and_the_plot_has_every_point(tuning: Tuning) -> None:
    table, plot = str(tuning).split("\n\n")
    assert [line[0] for line in table.splitlines()].count("*") == 1
    assert len(table.splitlines()) == len(tuning.trade_off) + 1
    assert plot.count("*") == 1
    assert "100 %" in plot


def test_the_picture_is_xml_with_a_point_a_choice(tuning: Tuning, tmp_path: Path) -> None:
    tuning.to_svg(tmp_path / "t.svg")
    root = ElementTree.fromstring((tmp_path / "t.svg").read_text(encoding="utf-8"))
    assert len(root.findall("{*}circle")) == len(tuning.trade_off)
    with pytest.raises(OutputError, match="cannot be written"):
        tuning.to_svg(tmp_path / "no" / "t.svg")


def test_it_is_json(tuning: Tuning) -> None:
    told = json.loads(json.dumps(tuning.to_json(), allow_nan=False))
    assert FamilySpec.of(told["choice"]["spec"]) == tuning.choice.spec
    assert len(told["trade_off"]) == len(tuning.trade_off)


def test_the_same_sample_gives_the_same_choice(tuning: Tuning) -> None:
    again = lookalike.tune_family(vectors(3000), ASKED)
    assert [one.spec for one in again.trade_off] == [one.spec for one in tuning.trade_off]
