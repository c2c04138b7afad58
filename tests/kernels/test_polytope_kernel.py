"""The compiled keys of nearest vertices are those of their reference, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.kernels import reference_polytope as reference
from lookalike.kernels.compiled import polytope

TABLES = 2


def check(turned: Any, looked: list[int], count: int) -> None:
    widths = np.array([axes.bit_length() for axes in looked])
    shifts = np.cumsum(widths) - widths
    count = min(count, 2 ** int(widths.sum()))
    expected, keys = (np.zeros((len(turned), TABLES, count), dtype=np.uint64) for _ in range(2))
    reference.probed_keys(turned, np.array(looked), shifts, expected)
    polytope.probed_keys(turned, np.array(looked), shifts, keys)
    assert np.array_equal(keys, expected)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 2**32),
    st.sampled_from([[32], [1], [32, 1], [32, 32], [32, 32, 4], [32, 2, 32]]),
    st.integers(1, 300),
    st.sampled_from([0, 1, 3]),
)
def test_keys_of_nearest_vertices(seed: int, looked: list[int], count: int, levels: int) -> None:
    turned = np.random.default_rng(seed).standard_normal((3, TABLES * len(looked), 32), dtype=np.float32)
    if levels:  # many vertices are equally near, and under 0 so are both of an axis
        turned = np.floor(turned * levels)
    check(turned, looked, count)


@pytest.mark.parametrize("count", [1, 2, 65, 4096])
def test_keys_among_many_vertices(count: int) -> None:
    turned = np.random.default_rng(count).standard_normal((2, 3 * TABLES, 1024), dtype=np.float32)
    turned[1] = 0
    check(turned, [1024, 1024, 2], count)
