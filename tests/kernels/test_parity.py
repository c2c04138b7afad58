"""Compiled kernels equal their references."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.kernels import compiled, reference

SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 30))
def test_sketch_estimates(seed: Any, words: Any, queries: Any, rows: Any) -> None:
    random = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(random.integers(0, 20, queries))))
    arguments = (
        offsets,
        random.integers(0, rows, offsets[-1]),
        random.integers(0, 2**64, (rows, words), dtype=np.uint64),
        np.abs(random.standard_normal((rows, 3))).astype(np.float32),
        random.integers(0, 3, rows).astype(np.int32),
        np.abs(random.standard_normal((queries, 3))).astype(np.float32),
        random.integers(0, 2**64, (queries, 4, words), dtype=np.uint64),
        random.standard_normal((queries, 4)).astype(np.float32),
    )
    for slow, fast in zip(
        reference.sketch_estimates(*arguments), compiled.sketch_estimates(*arguments), strict=True
    ):
        np.testing.assert_allclose(fast, slow, rtol=1e-5, atol=5e-4)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(1, 12), st.booleans())
def test_rerank(seed: Any, k: Any, dot: Any) -> None:
    random = np.random.default_rng(seed)
    rows, dimension, queries = 40, 5, 3
    # Whole numbers, so that sums are exact in any order, and many distances are equal.
    vectors = random.integers(-2, 3, (rows, dimension)).astype(np.float32)
    asked = random.integers(-2, 3, (queries, dimension)).astype(np.float32)
    members = [random.permutation(rows)[: random.integers(0, 30)] for _ in range(queries)]
    offsets = np.concatenate(([0], np.cumsum([len(part) for part in members])))
    candidates = np.concatenate(members).astype(np.int64)
    arguments = (
        offsets,
        candidates,
        random.integers(0, 30, len(candidates)).astype(np.float32),
        random.integers(0, 4, len(candidates)).astype(np.float32),
        asked,
        vectors,
        random.permutation(rows).astype(np.int64) + 100,
        k,
        1.5,
        np.full(queries, 40 if dot else 0, dtype=np.float32),
    )
    found, compared = reference.rerank(*arguments)
    fast_found, fast_compared = compiled.rerank(*arguments)
    assert np.array_equal(found, fast_found)
    assert np.array_equal(compared, fast_compared)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.integers(1, 150))
def test_pack_signs(seed: Any, bits: Any) -> None:
    values = np.random.default_rng(seed).standard_normal((3, bits)).astype(np.float32)
    words = reference.pack_signs(values)
    assert words.shape == (3, -(-bits // 64))
    for row in range(3):
        number = sum(int(word) << (64 * i) for i, word in enumerate(words[row]))
        assert number == sum(1 << i for i in range(bits) if values[row, i] > 0)
