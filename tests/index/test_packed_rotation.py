"""A rotation of four bits a value is as good as that of eight, whichever coordinates vary."""

from typing import Any

import numpy as np
import pytest

from lookalike.index.sketches.byte_blocks import byte_blocks, padded_width
from lookalike.index.sketches.rotation import Rotation

Array = Any


def unpacked(blocks: Array, width: int, count: int) -> Array:
    """Return the vectors (count, width) of packed blocks, as floats."""
    padded = padded_width(width)
    codes = blocks[:, : 8 * padded].reshape(len(blocks), padded // 8, 16, 4)
    low, high = (codes << 4).view(np.int8) >> 4, codes.view(np.int8) >> 4
    both = np.stack([low, high], axis=2).transpose(0, 3, 1, 2, 4).reshape(-1, padded)
    steps = 16 * blocks.view(np.float32)[:, -16:].reshape(-1)
    return (both * steps[:, np.newaxis])[:count, :width]


@pytest.mark.parametrize(
    ("dimension", "active"), [(300, 300), (1280, 1280), (700, 40), (2000, 300), (2000, 64)]
)
def test_little_is_lost(dimension: int, active: int) -> None:
    random = np.random.default_rng(3)
    sample = np.zeros((400, dimension), dtype=np.float32)
    sample[:, random.permutation(dimension)[:active]] = random.standard_normal((400, active))
    rotation = Rotation.fitted(sample, 1)
    assert rotation.signs < dimension
    kept = unpacked(rotation.blocks, dimension, rotation.signs)
    exact, rounded = (sample[:50] - rotation.mean) @ rotation.matrix, (sample[:50] - rotation.mean) @ kept.T
    cosines = np.einsum("ij,ij->i", exact, rounded) / np.linalg.norm(exact, axis=1)
    cosines /= np.linalg.norm(rounded, axis=1)
    assert cosines.mean() > 0.97
    assert 0.85 < (np.linalg.norm(rounded, axis=1) / np.linalg.norm(exact, axis=1)).mean() < 1.05


def test_damaged_values_give_no_warning() -> None:
    vectors = np.ones((16, 300), dtype=np.float32)
    vectors[0, 0] = 3e38
    with np.errstate(all="raise"):
        blocks = byte_blocks(vectors, np.zeros(16, dtype=np.float32), packed=True)
    assert unpacked(blocks, 300, 16)[0, 0] == pytest.approx(3e38, rel=0.1)
