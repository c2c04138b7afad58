"""The compiled kernels of codes and sets do as their references do, and these as plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.kernels import reference_discrete as reference
from lookalike.kernels.compiled import discrete
from lookalike.sets import as_sets

elements = st.integers(0, 30) | st.integers(2**32 - 5, 2**32 - 2)
some_sets = st.lists(st.sets(elements, max_size=12), min_size=1, max_size=8)
some_codes = st.integers(1, 3).flatmap(
    lambda words: st.lists(
        st.lists(st.integers(0, 2**64 - 1), min_size=words, max_size=words), min_size=2, max_size=6
    )
)


def plain_jaccard(first: set[int], second: set[int]) -> float:
    return 1 - len(first & second) / len(first | second) if first | second else 0.0


def pairs_of(first: int, second: int) -> tuple[Any, Any]:
    query, row = np.divmod(np.arange(first * second), second)
    return query, row


@settings(deadline=None)  # the first call compiles
@given(some_sets, some_sets)
def test_distances_of_sets(first: list[set[int]], second: list[set[int]]) -> None:
    query, row = pairs_of(len(first), len(second))
    plain = np.array([plain_jaccard(first[q], second[r]) for q, r in zip(query, row, strict=True)])
    one, two = as_sets(first), as_sets(second)
    assert np.array_equal(reference.jaccard(one[query], two[row]), plain)
    compiled = np.empty(len(query), dtype=np.float32)
    discrete.jaccard_distances(one, two, query, row, compiled)
    assert np.array_equal(compiled, plain.astype(np.float32))
    assert np.array_equal(reference.jaccard(one, two[:1]), plain.reshape(len(first), -1)[:, 0])


@settings(deadline=None)  # the first call compiles
@given(some_codes)
def test_distances_of_codes(rows: list[list[int]]) -> None:
    words = np.array(rows, dtype=np.uint64)
    query, row = pairs_of(len(rows), len(rows))
    plain = [
        sum((a ^ b).bit_count() for a, b in zip(rows[q], rows[r], strict=True))
        for q, r in zip(query, row, strict=True)
    ]
    codes = words.view(np.uint8)
    assert reference.hamming(codes[query], codes[row]).tolist() == plain
    compiled = np.empty(len(query), dtype=np.float32)
    discrete.hamming_distances(words, words, query, row, compiled)
    assert compiled.tolist() == plain


@settings(deadline=None)  # the first call compiles
@given(some_sets, st.integers(1, 5), st.integers(0, 2**32))
def test_least_hashes(rows: list[set[int]], functions: int, seed: int) -> None:
    sets = as_sets(rows)
    seeds = np.random.default_rng(seed).integers(0, 2**64, functions, dtype=np.uint64)
    expected, compiled = np.empty((2, 2, len(rows), functions), dtype=np.uint64)
    reference.least_hashes(sets, seeds, expected[0], expected[1])
    discrete.least_hashes(sets, seeds, compiled[0], compiled[1])
    assert np.array_equal(compiled, expected)


@pytest.mark.parametrize(
    ("first", "second", "distance"), [([], [], 0), ([], [3], 1), ([3], [3], 0), ([3], [4], 1)]
)
def test_edges_of_the_jaccard_distance(first: list[int], second: list[int], distance: int) -> None:
    assert reference.jaccard(as_sets([first]), as_sets([second])).tolist() == [distance]
