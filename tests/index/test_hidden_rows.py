"""Filters and removals that go with place: what is nearest is hidden, and what is found has to be near all the same."""

from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike.index.ivf import scope
from lookalike.index.scan import scan

ROWS, DIMENSION, CLUSTERS, K = 20_000, 24, 200, 10


@pytest.fixture(scope="module")
def clustered() -> Any:
    """Rows about centres, which centre each is of, and queries about some centres."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((CLUSTERS, DIMENSION))
    label, asked = random.integers(0, CLUSTERS, ROWS), random.integers(0, CLUSTERS, 60)

    def about(of: Any) -> Any:
        return (centres[of] + 0.25 * random.standard_normal((len(of), DIMENSION))).astype(np.float32)

    rows = about(label)
    return rows, label, about(asked), asked, lookalike.Index.build(rows, scan_below=0, n_jobs=1)


def near_enough(rows: Any, query: Any, distances: Any) -> float:
    """Return the recall of the distances that were found, of the rows that may be."""
    exact = np.sort(np.linalg.norm(rows.astype(np.float64) - query, axis=1))[:K]
    return float(np.mean(distances <= exact[-1] * (1 + 1e-5)))


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.005, 0.02, 0.09, 0.2])
def test_hiding_the_nearest_rows_costs_no_recall(clustered: Any, share: float) -> None:
    rows, _, queries, _, index = clustered
    recalls = []
    for query in queries:
        allow = np.ones(ROWS, dtype=np.bool_)
        allow[np.argsort(np.linalg.norm(rows - query, axis=1))[: int(share * ROWS)]] = False
        ids, distances = index.search(query, K, allow=allow)
        assert allow[ids].all()
        recalls.append(near_enough(rows[allow], query, distances[0]))
    assert np.mean(recalls) >= 0.94


def test_hiding_the_querys_own_cluster_costs_no_recall(clustered: Any) -> None:
    rows, label, queries, asked, index = clustered
    found = [
        index.search(query, K, allow=label != own)[1][0] for query, own in zip(queries, asked, strict=True)
    ]
    recalls = [
        near_enough(rows[label != own], query, distances)
        for query, own, distances in zip(queries, asked, found, strict=True)
    ]
    assert np.mean(recalls) >= 0.94


def scans(monkeypatch: Any) -> list[int]:
    """Return the list that will hold how many queries each comparison with all visible rows is for."""
    compared: list[int] = []

    def noted(queries: Any, *rest: Any) -> Any:
        compared.append(len(queries))
        return scan(queries, *rest)

    monkeypatch.setattr(scope, "scan", noted)
    return compared


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_a_filter_by_chance_does_not_compare_all_visible_rows(
    clustered: Any, k: int, share: float, monkeypatch: Any
) -> None:
    _, _, queries, _, index = clustered
    random = np.random.default_rng(1)
    compared = scans(monkeypatch)
    many = np.repeat(queries, 10, axis=0)
    many += 0.1 * random.standard_normal(many.shape, dtype=np.float32)
    index.search(many, k, allow=random.random(ROWS) < share)
    assert sum(compared) <= 0.03 * len(many)


def test_removing_whole_clusters_costs_no_recall(clustered: Any, tmp_path: Any) -> None:
    rows, label, queries, asked, index = clustered
    index.save(tmp_path / "index")
    left = lookalike.Index.open(tmp_path / "index")
    gone = np.isin(label, np.unique(asked)[:14])
    left.remove(np.flatnonzero(gone))
    assert left.stats().removed_rows == gone.sum()
    _, distances = left.search(queries, K)
    recalls = [near_enough(rows[~gone], query, own) for query, own in zip(queries, distances, strict=True)]
    concerned = np.isin(asked, np.unique(asked)[:14])
    assert np.mean(np.array(recalls)[concerned]) >= 0.94
    assert np.mean(recalls) >= 0.94


@pytest.fixture(scope="module", params=[14, 30])
def grouped(request: Any) -> Any:
    """An index of small groups of alike rows, the group of each, and the groups' centres."""
    random = np.random.default_rng(2)
    size = request.param
    centres = random.standard_normal((ROWS // size, 64)).astype(np.float32)
    group = np.repeat(np.arange(len(centres)), size)
    rows = centres[group] + 0.15 * random.standard_normal((len(group), 64), dtype=np.float32)
    return lookalike.Index.build(rows, scan_below=0, n_jobs=1), group, centres


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("by_group", [True, False])
def test_a_filter_that_leaves_none_of_a_querys_group_costs_no_recall(
    grouped: Any, share: float, by_group: bool
) -> None:
    index, group, centres = grouped
    random = np.random.default_rng(3)
    groups = random.random(len(centres)) < share
    hidden = np.flatnonzero(~groups)[:300]
    queries = centres[hidden] + 0.15 * random.standard_normal((len(hidden), 64), dtype=np.float32)
    allow = groups[group] if by_group else random.random(len(group)) < share
    for k in (1, 3, 10):
        _, exact = index.search(queries, k, allow=allow, recall=1)
        _, found = index.search(queries, k, allow=allow)
        assert (found <= exact[:, -1:] * (1 + 1e-5)).mean() >= 0.94


def test_hiding_few_near_rows_does_not_compare_all_others(clustered: Any, monkeypatch: Any) -> None:
    rows, _, queries, _, index = clustered
    compared = scans(monkeypatch)
    for query in queries:
        allow = np.ones(ROWS, dtype=np.bool_)
        allow[np.argsort(np.linalg.norm(rows - query, axis=1))[:40]] = False
        assert near_enough(rows[allow], query, index.search(query, K, allow=allow)[1][0]) > 0.5
    assert sum(compared) <= 3
