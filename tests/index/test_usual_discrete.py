"""Parameters of the families of sets and codes: predicted from theory and a sample, as they are then measured."""

from __future__ import annotations

import numpy as np
import pytest
from test_discrete_index import NATIVE, ROWS  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.hashing import FamilySpec
from lookalike.index.lsh.usual_discrete import Distances, fitted_discrete, predicted

LONGER = {"hamming": "bits", "jaccard": "hashes"}


@pytest.mark.parametrize(
    ("metric", "length", "tables"),
    [("jaccard", 2, 12), ("jaccard", 4, 24), ("hamming", 8, 8), ("hamming", 16, 20)],
)
def test_the_recall_predicted_is_the_one_measured(metric: str, length: int, tables: int) -> None:
    rows = ROWS[metric](4000)
    asked = FamilySpec(NATIVE[metric], {LONGER[metric]: length, "tables": tables, "seed": 2})
    index = Index.build(rows, metric=metric, family=asked, recall=0.9, scan_below=0, n_jobs=1)
    distances = Distances.of(rows, len(rows), metric)
    for measured in index.stats().measurements:
        if measured.k == 10 and measured.probes <= 16:
            expected = predicted(asked.name, distances, length, tables, measured.probes)
            assert abs(measured.recall - expected.recall) <= 0.03 + 2 * measured.error


def test_what_is_asked_for_is_kept() -> None:
    rows = ROWS["jaccard"](500)
    family = fitted_discrete(FamilySpec("min-hash", {"hashes": 5}), rows, 500, 0.9, 7)
    assert (family.parameters()["hashes"], family.seed) == (5, 7)


@pytest.mark.parametrize("metric", list(ROWS))
@pytest.mark.parametrize("rows", [1, 2, 12])
def test_a_few_rows_are_sample_enough(metric: str, rows: int) -> None:
    index = Index.build(ROWS[metric](rows), metric=metric, scan_below=0)
    assert np.array_equal(index.search(ROWS[metric](rows), 1)[1], np.zeros((rows, 1)))


@pytest.mark.parametrize("metric", list(ROWS))
def test_rows_that_are_all_alike_are_found(metric: str) -> None:
    index = Index.build(np.repeat(ROWS[metric](1), 300, axis=0), metric=metric, scan_below=0)
    assert not index.search(ROWS[metric](1), 20)[1].any()


def test_sets_that_have_nothing_in_common_are_not_missed() -> None:
    rows = [[n, n + 1, n + 2, 10_000 + n] for n in range(600)]
    stats = Index.build(rows, metric="jaccard", scan_below=300, recall=0.9).stats()
    assert stats.path == "buckets"
    assert stats.measured_recall is not None and stats.measured_recall >= 0.9
