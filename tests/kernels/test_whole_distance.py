"""Queries of whole numbers are compared with rows of bytes exactly, and other queries are told apart."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from lookalike.kernels.compiled import whole_distance
from lookalike.kernels.plan import ELEMENTS

_whole: Any = whole_distance
STEP = whole_distance.STEP


@njit
def compared(element: int, query: int, row: int, other: int, dimension: int, out: int) -> Any:
    if not _whole.is_whole(element, query, dimension, out):
        return False, np.float32(-1), np.float32(-1)
    first, second = _whole.whole_squares(element, out, row, other, dimension)
    return True, first, second


def of_one(element: str, query: Any, rows: Any) -> Any:
    dimension = len(query)
    out = np.full(dimension + STEP, 7, dtype=np.int16)
    at = [array.ctypes.data for array in (query, rows[0], rows[1])]
    return compared(ELEMENTS.index(element), *at, dimension, out.ctypes.data)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.sampled_from(["uint8", "int8"]))
def test_squares_are_exact(seed: int, dimension: int, element: str) -> None:
    random = np.random.default_rng(seed)
    low, high = (0, 256) if element == "uint8" else (-128, 128)
    rows = random.integers(low, high, (2, dimension)).astype(element)
    query = random.integers(-255, 256, dimension).astype(np.float32)
    exact = ((query.astype(np.int64) - rows.astype(np.int64)) ** 2).sum(axis=1)
    assert of_one(element, query, rows) == (True, *exact.astype(np.float32))


@pytest.mark.parametrize("element", ["uint8", "int8"])
def test_the_largest_sums_do_not_wrap_round(element: str) -> None:
    dimension = whole_distance.MOST_DIMENSIONS
    rows = np.full((2, dimension), 255 if element == "uint8" else 127).astype(element)
    query = np.full(dimension, -255, dtype=np.float32)
    expected = np.float32((255 + int(rows[0, 0])) ** 2 * dimension)
    assert of_one(element, query, rows) == (True, expected, expected)
    wide = np.zeros((2, dimension + 1), dtype=element)
    assert not of_one(element, np.zeros(dimension + 1, dtype=np.float32), wide)[0]


@pytest.mark.parametrize("value", [0.5, -0.25, 256, -256, 1e-30, 3e38, 2.0**31, 2.0**32, np.nan, np.inf])
def test_other_queries_are_told_apart_wherever_they_differ(value: float) -> None:
    for dimension in (1, 15, 16, 17, 31, 32, 33, 64, 100):
        rows = np.zeros((2, dimension), dtype=np.uint8)
        for place in range(dimension):
            query = np.ones(dimension, dtype=np.float32)
            query[place] = value
            assert not of_one("uint8", query, rows)[0]


@pytest.mark.parametrize("element", ["float16", "float32"])
def test_rows_of_floats_are_left_to_floats(element: str) -> None:
    assert not of_one(element, np.ones(8, dtype=np.float32), np.zeros((2, 8), dtype=element))[0]
