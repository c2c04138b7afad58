"""Exact rankings streamed from a catalogue, in every metric, against all distances at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike import Collection
from lookalike.arrays import Float64
from lookalike.catalogue import Catalogue
from lookalike.evaluation import neighbours
from lookalike.evaluation.neighbours import FeatureRows
from lookalike.evaluation.through_indexes import share_found

COUNT = 60


def rows_of(metric: str) -> Any:
    """Return 60 random vectors, codes or sets."""
    random = np.random.default_rng(1)
    if metric == "jaccard":
        return [sorted(set(random.integers(0, 30, 8).tolist())) for _ in range(COUNT)]
    if metric == "hamming":
        return random.integers(0, 256, (COUNT, 4), dtype=np.uint8)
    return random.normal(size=(COUNT, 6)).astype(np.float32) + 1


def all_distances(rows: Any, metric: str) -> Float64:
    """Return the distance of each to each, (n, n)."""
    if metric == "jaccard":
        sets = [frozenset(one) for one in rows]
        return np.array([[1 - len(a & b) / len(a | b) for b in sets] for a in sets])
    if metric == "hamming":
        bits = np.unpackbits(rows, axis=1).astype(int)
        apart: npt.NDArray[np.float64] = (bits[:, None] != bits[None]).sum(axis=2).astype(float)
        return apart
    wide: Float64 = rows.astype(np.float64)
    if metric == "dot":
        return np.asarray(-wide @ wide.T)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        return np.asarray(1 - wide @ wide.T)
    return np.asarray(np.linalg.norm(wide[:, None] - wide[None], axis=2))


@pytest.fixture(params=["euclidean", "cosine", "dot", "hamming", "jaccard"])
def metric(request: pytest.FixtureRequest) -> str:
    """Return each metric."""
    return str(request.param)


@pytest.fixture
def stored(tmp_path: Path, metric: str) -> Path:
    """Return the folder of a collection of these vectors; every fifth source lacks a second feature."""
    rows = rows_of(metric)
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(rows, ids=[str(row) for row in range(COUNT)], metric=metric)
        some = [row for row in range(COUNT) if row % 5]
        collection.add_vectors(
            [rows[row] for row in some] if metric == "jaccard" else rows[some],
            ids=[str(row) for row in some],
            metric=metric,
            feature="some",
        )
    return tmp_path / "c" / "catalogue.sqlite"


def test_rankings_and_distances_are_exact(stored: Path, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_ROWS", 16)
    monkeypatch.setattr(neighbours, "FEWEST_ROWS", 16)
    distances = all_distances(rows_of(metric), metric)
    with Catalogue.open(stored) as catalogue:
        numbers = catalogue.numbers_with(["vectors"])
        features, seen = catalogue.features(), [0]

        def advance(rows: int) -> None:
            seen[0] += rows

        queries = numbers[[3, 11, 41]]
        rows = FeatureRows(catalogue, features["vectors"])
        found, near = rows.nearest(queries, 20, advance)
        assert seen == [COUNT]
        for row, query in enumerate((3, 11, 41)):
            expected = distances[query].astype(np.float32)
            expected[query] = np.inf
            assert near[row] == pytest.approx(np.sort(expected)[:20], abs=1e-5)
            assert query not in np.searchsorted(numbers, found[row])
            assert near[row] == pytest.approx(expected[np.searchsorted(numbers, found[row])], abs=1e-5)
        some = FeatureRows(catalogue, features["some"])
        asked = np.tile(numbers, (3, 1))
        asked[1, -1] = -1
        told = some.distances(queries, asked, advance)
        for row, query in enumerate((3, 11, 41)):
            lacks = np.arange(COUNT) % 5 == 0
            lacks[-1] |= row == 1
            assert np.isnan(told[row]).tolist() == lacks.tolist()
            assert told[row][~lacks] == pytest.approx(distances[query][~lacks], abs=1e-5)


def test_a_ranking_of_more_than_there_are_is_padded(stored: Path) -> None:
    with Catalogue.open(stored) as catalogue:
        rows = FeatureRows(catalogue, catalogue.features()["some"])
        queries = catalogue.numbers_with(["some"])[:2]
        found, near = rows.nearest(queries, 100, lambda _: None)
    assert found.shape == near.shape == (2, 100)
    assert ((found >= 0).sum(axis=1) == 47).all()
    assert np.isinf(near[found < 0]).all()


def test_the_share_found_is_of_what_is_there() -> None:
    exact = np.array([[1, 2, 3], [4, -1, -1], [-1, -1, -1]])
    found = np.array([[3, 9, 1], [4, 7, -1], [-1, -1, -1]])
    assert share_found(exact, found).tolist() == [2 / 3, 1.0, 0.0]
