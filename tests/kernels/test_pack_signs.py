"""Signs are packed as their definition says."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.kernels import reference

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(1, 150))
def test_pack_signs(seed: Any, bits: Any) -> None:
    values = np.random.default_rng(seed).standard_normal((3, bits)).astype(np.float32)
    words = reference.pack_signs(values)
    assert words.shape == (3, -(-bits // 64))
    for row in range(3):
        number = sum(int(word) << (64 * i) for i, word in enumerate(words[row]))
        assert number == sum(1 << i for i in range(bits) if values[row, i] > 0)
