"""The compiled distances of rows of every type and length."""

from typing import Any

import numpy as np
import pytest
from numba import njit

from lookalike.kernels.compiled import distance
from lookalike.kernels.plan import ELEMENTS

_compare: Any = distance


def address(array: Any) -> int:
    return int(array.ctypes.data)


@pytest.mark.parametrize("element", ELEMENTS)
def test_rows_of_every_length_are_compared(element: Any) -> None:
    number = ELEMENTS.index(element)

    @njit
    def compared(query: Any, row: Any, other: Any, dimension: Any) -> Any:
        squares = _compare.squares(number, query, row, other, dimension)
        return *squares, *_compare.products(number, query, row, other, dimension)

    @njit
    def alone(query: Any, row: Any, dimension: Any) -> Any:
        return _compare.square(number, query, row, dimension)

    random = np.random.default_rng(0)
    for dimension in (1, 3, 15, 16, 17, 63, 64, 65, 100, 128, 200):
        query = random.integers(-9, 10, dimension).astype(np.float32)
        rows = random.integers(0 if element == "uint8" else -9, 10, (2, dimension)).astype(element)
        wide = rows.astype(np.float32)
        squares, products = ((query - wide) ** 2).sum(axis=1), wide @ query
        assert compared(address(query), address(rows[0]), address(rows[1]), dimension) == (
            *squares,
            *products,
        )
        assert alone(address(query), address(rows[0]), dimension) == squares[0]
        assert _product(address(query), address(wide[0]), dimension) == products[0]


@njit
def _product(query: Any, row: Any, dimension: Any) -> Any:
    return _compare.product_float32(query, row, dimension)
