"""Few long rows that are searched again and again: directions rule most of them out, and no neighbour is lost."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import Index
from lookalike.arrays import Float32, Metric, Rows
from lookalike.index import leading
from lookalike.index.leading import DIRECTIONS, Directions, Leading
from lookalike.index.row_forms import prepared
from lookalike.index.scan import scan

ROWS, DIMENSION, K = 1_000, 400, 12
KINDS = ["as they are", "far from the origin", "long", "tiny", "of whole numbers", "with copies"]


def rows_of(kind: str, seed: int) -> Float32:
    """Return rows that lie near a space of few dimensions, as descriptors of pictures do."""
    drawn = np.random.default_rng(seed)
    made = drawn.standard_normal((ROWS, 20)) @ drawn.standard_normal((20, DIMENSION))
    made += 0.1 * drawn.standard_normal(made.shape)
    match kind:
        case "far from the origin":
            made += 1e4
        case "long":
            made *= 1e12
        case "tiny":
            made *= 1e-20
        case "of whole numbers":
            made = np.round(made)
        case "with copies":
            made[ROWS // 2 :] = made[: ROWS // 2]
    return made.astype(np.float32)


@cache
def searched(kind: str, metric: Metric, dtype: str, seed: int) -> tuple[Float32, Rows, Leading]:
    """Return rows, how they are kept, and what has been asked often."""
    wide = rows_of(kind, seed)
    if dtype != "float32":
        wide = (wide - wide.mean()) / np.abs(wide - wide.mean()).max() * 100
    return wide, prepared(wide.astype(dtype), metric), _warmed()


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(["euclidean", "cosine"]),
    dtype=st.sampled_from(["float32", "float16", "int8"]),
    queries=st.integers(1, 5),
    k=st.integers(1, 100),
    seed=st.integers(0, 1),
)
def test_answers_are_those_of_a_scan_to_the_last_bit(
    kind: str, metric: Metric, dtype: str, queries: int, k: int, seed: int
) -> None:
    wide, kept, tried = searched(kind, metric, dtype, seed)
    asked = wide[7 : 7 + queries] + np.float32(0.01) * wide[100 : 100 + queries]
    block = prepared(asked.astype(np.float32), metric)
    ids = np.random.default_rng(seed).permutation(ROWS).astype(np.int64)
    expected = scan(block, kept, ids, k, metric)
    found = tried.nearest(block, kept, ids, k, metric)
    if found is not None:
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_most_rows_are_ruled_out(metric: Metric) -> None:
    kept = prepared(rows_of("as they are", 0), metric)
    found = Directions.of(kept, metric)
    assert found is not None
    rows, _ = found.left(kept[:10], kept, K, metric)
    assert len(rows) < 10 * ROWS / 20


def test_a_bound_is_never_above_the_distance() -> None:
    kept = rows_of("far from the origin", 1)
    found = Directions.of(kept, "euclidean")
    assert found is not None
    bounds, errors = found._bounds(kept[:20])
    wide = kept.astype(np.float64)
    distances = ((wide[:, np.newaxis] - wide[np.newaxis, :20]) ** 2).sum(axis=2)
    assert (bounds <= distances + errors).all()


def test_rows_too_long_for_float32_are_left_to_the_scan() -> None:
    kept = rows_of("as they are", 0) * np.float32(1e30)
    assert _warmed().nearest(kept[:1], kept, np.arange(ROWS), K, "euclidean") is None


def test_a_query_too_long_for_float32_is_left_to_the_scan() -> None:
    kept = rows_of("as they are", 0)
    assert _warmed().nearest(kept[:1] * np.float32(1e20), kept, np.arange(ROWS), K, "euclidean") is None


def test_rows_without_leading_directions_are_scanned_at_once_after_a_while() -> None:
    kept = np.random.default_rng(0).standard_normal((ROWS, DIMENSION)).astype(np.float32)
    tried = _warmed()
    ids = np.arange(ROWS)
    for query in np.random.default_rng(1).standard_normal((leading.AFTER + 1, 1, DIMENSION)):
        assert tried.nearest(query.astype(np.float32), kept, ids, K, "euclidean") is None
    assert tried._missed > leading.AFTER


def test_an_index_finds_directions_once_it_has_been_searched_for_a_while() -> None:
    kept = rows_of("as they are", 2)
    index = Index.build(kept, scan_below=10 * ROWS)
    first = index.search(kept[:5], K)
    assert index._view.snapshot.base.leading._found is None
    for start in range(0, leading.AFTER + 10, 10):
        index.search(kept[start : start + 10], K)
    assert index._view.snapshot.base.leading._found is not None
    for before, after in zip(first, index.search(kept[:5], K), strict=True):
        np.testing.assert_array_equal(before, after)


def test_removed_rows_are_not_found() -> None:
    kept = rows_of("as they are", 3)
    index = Index.build(kept, scan_below=10 * ROWS)
    for start in range(0, leading.AFTER + 10, 10):
        index.search(kept[start : start + 10], K)
    index.remove([5])
    ids, _ = index.search(kept[5], K)
    assert 5 not in ids


def _warmed() -> Leading:
    made = Leading()
    made._asked = leading.AFTER
    return made


def test_there_are_rows_enough_for_directions() -> None:
    assert ROWS >= leading.FEWEST
    assert 2 * DIRECTIONS <= DIMENSION
