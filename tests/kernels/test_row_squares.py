"""The compiled squared differences equal those of the reference, within the rounding of float32."""

from typing import Any

import numpy as np
import pytest

from lookalike.kernels import reference
from lookalike.kernels.compiled.pair_squares import row_squares
from lookalike.kernels.plan import ELEMENTS


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("dimension", [1, 15, 16, 64, 133, 300])
def test_squares_are_those_of_the_reference(element: str, chosen: bool, dimension: int) -> None:
    random = np.random.default_rng(dimension)
    rows = random.integers(0, 127, (41, dimension)).astype(element)
    queries: Any = random.normal(60, 40, (3, dimension)).astype(np.float32)
    picked = np.array([0, 3, 40, 7, 3]) if chosen else np.arange(5, 38)
    found = np.empty((len(picked), len(queries)), dtype=np.float32)
    places = picked if chosen else np.empty(0, dtype=np.int64)
    start = 0 if chosen else 5
    row_squares(queries, rows.ctypes.data, rows.strides[0], ELEMENTS.index(element), start, places, found)
    for i, query in enumerate(queries):
        wide = np.broadcast_to(query, (len(picked), dimension))
        expected = reference.euclidean(wide, rows[picked].astype(np.float32)) ** 2
        np.testing.assert_allclose(found[:, i], expected, rtol=(dimension + 8) * 2.0**-24)
