"""Adapters keep their contract, and the runner measures one in its own process."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import cache, paired, runner, truth
from benchmarks.__main__ import main
from benchmarks.datasets import Dataset
from benchmarks.peers import PEERS, peer_class
from benchmarks.peers.brute_force import BruteForce
from benchmarks.recall import recall
from benchmarks.runner import Plan, measure, parse_pythons, processor_of
from lookalike.errors import OptionError


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    random = np.random.default_rng(0)
    base, queries = (random.integers(0, 255, (count, 16)).astype(np.uint8) for count in (400, 30))
    return Dataset("small", base, queries, "euclidean")


@pytest.mark.parametrize("name", PEERS)
def test_an_adapter_says_what_it_needs_and_offers_builds(name: str) -> None:
    peer = peer_class(name)
    assert peer.packages
    assert peer.module
    assert peer.metrics <= {"euclidean", "cosine", "dot"}
    assert all(json.loads(json.dumps(options)) == options for options in peer.builds(100_000, 128))


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot"])
def test_brute_force_finds_all(metric: str) -> None:
    random = np.random.default_rng(0)
    base, queries = (random.standard_normal((count, 8)).astype(np.float32) for count in (500, 20))
    peer = BruteForce({})
    peer.build(base, metric, 1)
    near = truth.exact(base, queries, metric, 10)[1][:, -1]
    assert recall(base, queries, peer.search(queries, 10), near, metric) == 1.0


def test_a_worker_measures_in_its_own_process(small: Dataset) -> None:
    said: list[str] = []
    rows = list(measure(small, ["brute-force"], Plan(repeats=1, seconds=0.001), said.append))
    assert [row["peer"] for row in rows] == ["brute-force", "brute-force"]
    assert rows[0]["build_seconds"] >= 0
    assert rows[1]["recall"] == 1.0
    assert rows[1]["single"] > 0
    assert len(said) == 1


def test_a_library_that_is_not_there_is_passed_over(small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_class("annoy"), "module", "no_such_module")
    runner.missing.cache_clear()
    said: list[str] = []
    assert list(measure(small, ["annoy"], Plan(), said.append)) == []
    assert "-m pip install annoy" in said[0]
    runner.missing.cache_clear()


def test_pythons_are_read_by_peer() -> None:
    assert parse_pythons([sys.executable, f"scann={sys.executable}"]) == {
        "": sys.executable,
        "scann": sys.executable,
    }
    with pytest.raises(OptionError):
        parse_pythons([f"unknown={sys.executable}"])
    with pytest.raises(OptionError):
        parse_pythons(["/no/such/python"])


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["unknown", "--out", str(tmp_path / "out.jsonl")])
    assert result.exit_code == 1
    assert result.output.startswith("Error: unknown is no data set")


def test_the_adapter_for_ann_benchmarks_has_what_it_calls() -> None:
    path = Path(runner.ROOT) / "benchmarks" / "ann_benchmarks" / "module.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (adapter,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {node.name for node in adapter.body if isinstance(node, ast.FunctionDef)}
    assert {"fit", "query", "set_query_arguments", "batch_query", "get_batch_results"} <= methods


def test_a_processor_is_told_with_its_widest_instructions() -> None:
    lines = (
        "cpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 {}\n\ncpu family\t: 26\n"
    )
    assert processor_of(lines.format("")) == "AMD EPYC (family 25 model 1, AVX2)"
    assert processor_of(lines.format("avx512f avx512_vbmi2")).endswith("AVX-512 with VBMI2)")
    assert processor_of("") == ""


def test_two_libraries_are_measured_in_one_process(small: Dataset) -> None:
    ours, other = (
        paired.Runner(name, small, small.queries.astype(np.float32), 10)
        for name in ("lookalike", "brute-force")
    )
    assert other.settings == [({}, 1.0)]
    text = paired.table([(ours.measure(), other.measure())], "brute-force")
    assert text.count("| lookalike / brute-force | **") == 2
