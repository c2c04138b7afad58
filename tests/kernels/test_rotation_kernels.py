"""The compiled rotations and moved keys are those of their references, to the last bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lookalike.kernels import reference_rotation as reference
from lookalike.kernels.compiled import rotation


@pytest.mark.parametrize(("dimension", "axes"), [(1, 8), (8, 8), (20, 32), (784, 1024)])
def test_rotations(dimension: int, axes: int) -> None:
    random = np.random.default_rng(axes)
    vectors = random.standard_normal((3, dimension), dtype=np.float32)
    first = (2 * random.integers(0, 2, (5, dimension)) - 1).astype(np.int8)
    later = (2 * random.integers(0, 2, (2, 5, axes)) - 1).astype(np.int8)
    expected, turned = (np.full((3, 5, axes), np.nan, dtype=np.float32) for _ in range(2))
    reference.rotate(vectors, first, later, expected)
    rotation.rotate(vectors, first, later, turned)
    assert np.array_equal(turned, expected)


def test_a_rotation_keeps_lengths_and_angles() -> None:
    random = np.random.default_rng(3)
    vectors = random.standard_normal((6, 100), dtype=np.float32)
    first, later = np.ones((1, 100), dtype=np.int8), np.ones((2, 1, 128), dtype=np.int8)
    later[:, :, ::3] = -1
    turned = np.empty((6, 1, 128), dtype=np.float32)
    rotation.rotate(vectors, first, later, turned)
    assert np.allclose(turned[:, 0] @ turned[:, 0].T / 128**3, vectors @ vectors.T, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [2, 31, 2**31 - 1])
def test_moved_keys(size: int) -> None:
    random = np.random.default_rng(size)
    tables, floors, queries = 3, 4, 5
    multipliers = random.integers(0, size, (tables, floors))
    places = random.integers(-(10**6), 10**6, (queries, tables, floors))
    own = ((places * multipliers).sum(axis=2) % size).reshape(-1)
    moves = random.permutation(2 ** (2 * floors))[: 15 * 6].reshape(15, 6)
    expected, keys = (np.empty(moves.shape, dtype=np.uint64) for _ in range(2))
    reference.moved_keys(own, multipliers, moves, size, expected)
    rotation.moved_keys(own, multipliers, moves, size, keys)
    assert np.array_equal(keys, expected)
    for i, place in itertools.product(range(15), range(6)):
        query, table = divmod(i, tables)
        bits = [int(moves[i, place]) >> j & 1 for j in range(2 * floors)]
        moved = [int(places[query, table, j]) - bits[j] + bits[floors + j] for j in range(floors)]
        dot = sum(p * m for p, m in zip(multipliers[table].tolist(), moved, strict=True))
        assert int(keys[i, place]) == dot % size
