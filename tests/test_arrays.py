"""What enters as vectors: brought to length one by the same numbers, one or many."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.index.row_forms import UNIT_BLOCK, unit_rows


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(-30, 30))
def test_a_row_alone_comes_to_length_one_by_the_same_numbers(seed: Any, dimension: Any, size: Any) -> None:
    rows = np.random.default_rng(seed).standard_normal((UNIT_BLOCK // dimension + 5, dimension))[-300:]
    rows = (rows * 10**size + 10**size).astype(np.float32)
    unit = unit_rows(rows)
    for row in (0, len(rows) // 2, len(rows) - 1):
        assert np.array_equal(unit_rows(rows[row : row + 1])[0], unit[row])
    lengths = np.linalg.norm(unit.astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
