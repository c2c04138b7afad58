"""A family that is asked for by name alone finds what it should, in a part of the rows, however these lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lookalike import Index
from lookalike.hashing import FamilySpec
from lookalike.index.io import array_directory as disk

Float32 = npt.NDArray[np.float32]
FAMILIES = ("hyperplane", "cross-polytope", "p-stable", "clusters", "clusterings")
ROWS, QUERIES = 3000, 100


def one_sided(count: int, random: np.random.Generator) -> Float32:
    """Descriptors without negative numbers, of many kinds."""
    kinds = np.random.default_rng(9).gamma(0.5, size=(200, 96))
    return (kinds[random.integers(0, 200, count)] * random.gamma(4, size=(count, 96))).astype(np.float32)


def of_clusters(count: int, random: np.random.Generator) -> Float32:
    centres = 3 * np.random.default_rng(9).standard_normal((60, 12))
    return (centres[random.integers(0, 60, count)] + random.standard_normal((count, 12))).astype(np.float32)


def of_a_square(count: int, random: np.random.Generator) -> Float32:
    return random.random((count, 2), dtype=np.float32)


def of_other_lengths(count: int, random: np.random.Generator) -> Float32:
    return of_clusters(count, random) * random.uniform(0.5, 2, (count, 1)).astype(np.float32)


def many_equal(count: int, random: np.random.Generator) -> Float32:
    rows = of_clusters(count, random)
    rows[: count // 10] = rows[0]
    return rows


SETS: dict[str, tuple[Any, str]] = {
    "one-sided": (one_sided, "cosine"),
    "clusters": (of_clusters, "euclidean"),
    "square": (of_a_square, "euclidean"),
    "lengths": (of_other_lengths, "dot"),
    "equal": (many_equal, "euclidean"),
}


@pytest.fixture(scope="module", params=[(name, family) for name in SETS for family in FAMILIES], ids="-".join)
def built(request: pytest.FixtureRequest) -> tuple[Index, Float32]:
    """Return an index of a family, and queries that are none of its rows."""
    name, family = request.param
    make, metric = SETS[name]
    rows = make(ROWS + QUERIES, np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(rows))
    rows, queries = rows[order[QUERIES:]], rows[order[:QUERIES]]
    return Index.build(rows, metric=metric, family=family, scan_below=0, recall=0.92), queries


def recall(index: Index, queries: Float32, **options: Any) -> float:
    """Return the share of what is found that is as near as the tenth nearest."""
    _, found = index.search(queries, 10, **options)
    _, truth = index.search(queries, 10, recall=1, **options)
    return float((found <= truth[:, -1:] + 1e-6 * np.abs(truth[:, -1:])).mean())


def test_recall_is_reached_with_less_than_a_quarter_of_the_rows(built: tuple[Index, Float32]) -> None:
    index, queries = built
    stats = index.stats()
    assert stats.path == "buckets"
    used = next(m for m in stats.measurements if (m.k, m.probes) == (10, stats.probes))
    assert used.candidates < ROWS / 4
    assert recall(index, queries) >= 0.9


@pytest.mark.parametrize("share", [100, 10])
def test_recall_is_reached_under_a_filter(built: tuple[Index, Float32], share: int) -> None:
    index, queries = built
    allow = np.sort(np.random.default_rng(3).choice(ROWS, ROWS // share, replace=False))
    assert recall(index, queries, allow=allow) >= 0.9


def test_distances_are_exact(built: tuple[Index, Float32]) -> None:
    index, queries = built
    ids, distances = index.search(queries[:5], 10)
    exact = np.stack([index.distances(query, own) for query, own in zip(queries, ids, strict=False)])
    assert np.allclose(distances, exact, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_rows_are_found_all(family: str, count: int) -> None:
    rows = of_clusters(count, np.random.default_rng(0))
    index = Index.build(rows.reshape(count, 12), family=family, scan_below=0)
    ids, _ = index.search(np.ones(12), 5)
    assert sorted(ids[0].tolist()) == [-1] * (5 - count) + list(range(count))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_are_all_equal_are_found(family: str) -> None:
    index = Index.build(np.ones((500, 6), dtype=np.float32), family=family, scan_below=0)
    ids, distances = index.search(np.ones(6), 3)
    assert len(set(ids[0].tolist())) == 3
    assert distances.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_come_and_go_are_searched_in_buckets_fitted_anew(family: str) -> None:
    random = np.random.default_rng(0)
    index = Index.build(of_clusters(1000, random), family=family, scan_below=0)
    index.add(range(1000, 3000), 50 + of_clusters(2000, random))
    index.remove(range(500))
    assert index.stats().base_rows >= 2500
    assert recall(index, 50 + of_clusters(QUERIES, random)) >= 0.9


def test_an_index_keeps_what_was_asked_and_tells_what_was_fitted(tmp_path: Path) -> None:
    rows = of_clusters(800, np.random.default_rng(0))
    spec = FamilySpec("hyperplane", {"tables": 3})
    index = Index.build(rows, family=spec, scan_below=0, seed=7, path=tmp_path / "index")
    body = json.loads((tmp_path / "index" / disk.MANIFEST).read_text())["body"]
    assert body["properties"]["options"]["family"] == spec.to_json()
    stats = Index.open(tmp_path / "index").stats()
    assert (stats.family, stats.tables, stats.parameters["tables"], stats.parameters["seed"]) == (
        "hyperplane",
        3,
        3,
        7,
    )
    assert stats.parameters == index.stats().parameters
    assert stats.parameters["bits"] > 3
