"""The compiled subsets equal their reference."""

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lookalike.hashing.perturbation import cheapest_subsets
from lookalike.kernels import reference


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.booleans(), st.integers(1, 300), st.booleans())
@example(0, 63, False, 300, False)
@example(0, 31, True, 300, False)
def test_the_cheapest_subsets(seed: Any, members: Any, paired: Any, count: Any, repeated: Any) -> None:
    random = np.random.default_rng(seed)
    shape = (3, 2 * members if paired else members)
    costs = random.random(shape, dtype=np.float32)
    if repeated:
        costs = np.floor(4 * costs)
    costs.flags.writeable = False
    pairs = members if paired else 0
    found = cheapest_subsets(costs, count, pairs)
    for row, subsets in zip(costs, found, strict=True):
        assert subsets.tolist() == reference.cheapest_subsets(row, count, pairs).tolist()
    if paired and members:
        moved = found[found >= 0]
        assert not (moved & moved >> pairs & (1 << pairs) - 1).any()
