"""The notebook of the documentation runs, and shows what its text says."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="pip install 'lookalike[sklearn]'")

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "neighbours.ipynb"
CELLS = [
    cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"
]


@pytest.fixture(scope="module")
def run() -> tuple[list[str], dict[str, Any]]:
    """Return what each cell prints, and the names that are there at the end."""
    names: dict[str, Any] = {}
    printed = []
    for cell in CELLS:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec("".join(cell["source"]), names)
        printed.append(output.getvalue())
    return printed, names


def test_the_data_are_those_of_the_text(run: tuple[list[str], dict[str, Any]]) -> None:
    kept = ["".join(line for output in cell["outputs"] for line in output["text"]) for cell in CELLS]
    assert run[0][:2] == kept[:2]  # what comes later may differ a little from machine to machine


def test_the_graph_reaches_the_recall_that_is_asked_for(run: tuple[list[str], dict[str, Any]]) -> None:
    assert run[1]["lsh"].index_.stats().path == "buckets"
    assert run[1]["recall"] > 0.94


def test_dbscan_finds_the_same_clusters_over_either_graph(run: tuple[list[str], dict[str, Any]]) -> None:
    assert run[1]["by_all"].max() >= 10
    assert run[1]["agreement"] > 0.95


def test_maps_over_either_graph_are_as_trustworthy(run: tuple[list[str], dict[str, Any]]) -> None:
    trust = run[1]["trust"]
    assert trust["LSHTransformer"] > 0.95
    assert trust["LSHTransformer"] > trust["KNeighborsTransformer"] - 0.02
