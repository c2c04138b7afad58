"""Grids of histograms as waves: over their cells by cosines, over their directions by harmonics.

Neighbouring cells and directions say much the same, so that slow waves outweigh all else in a comparison, and the
quickest are noise. Waves that are weighted and cut off compare grids better, and in fewer numbers: the cosine transform
stands in for principal components, and learns from no pictures (Ahmed, Natarajan & Rao, IEEE Trans. Computers 1974;
the weights do gently what Hariharan, Malik & Ramanan, ECCV 2012, do to gradient histograms in full).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from lookalike.arrays import Float32, Float64, Int64

CELL_POWER = 0.05
HARMONIC_POWER = 0.15


def mirrored_waves(
    cells: Float64,
    mirrored_channels: Int64,
    *,
    longest: tuple[float, float | None],
    harmonics: Float64 | None = None,
) -> Float32:
    """Return a grid (n, n, channels) as waves that its mirror image shares.

    The grid is centred, its middle weighs most, and it becomes its sum with its mirrored self and the absolute
    difference of the two, each on one half.

    Args:
        mirrored_channels: which channel of the picture each channel of its mirror image is.
        longest: the highest frequencies that are kept, of the sums and of the differences, in half periods across the
            picture; None keeps none.
        harmonics: (channels, m), what `harmonics` gave; by default the channels stay as they are.
    """
    n, channels = len(cells), cells.shape[2]
    weighted = (cells - cells.mean()) * _middle(n)
    left = weighted[:, : n // 2]
    right = weighted[:, : n // 2 - 1 : -1][..., mirrored_channels]
    parts = []
    for half, most in ((left + right, longest[0]), (np.abs(left - right), longest[1])):
        if most is not None:
            waves = cosines(n, most) @ half.reshape(-1, channels)
            parts.append((waves if harmonics is None else waves @ harmonics).ravel())
    return np.concatenate(parts).astype(np.float32)


@cache
def cosines(n: int, longest: float) -> Float64:
    """The cosines over the left half of an n x n grid, n rows and n / 2 columns, up to a frequency: (waves, n * n / 2).

    Each is weighted by (1 + frequency^2) ^ `CELL_POWER`.
    """
    down, across = _cosine_transform(n), _cosine_transform(n // 2)
    square = np.arange(n)[:, None] ** 2 + (2 * np.arange(n // 2)) ** 2
    waves = np.einsum("uy,vx->uvyx", down, across) * ((1 + square) ** CELL_POWER)[:, :, None, None]
    kept: Float64 = waves[square <= longest * longest].reshape(-1, n * (n // 2))
    return kept


@cache
def harmonics(directions: int, most: int) -> Float64:
    """The harmonics 0 to `most` of a histogram of directions all around, (directions, 2 * most + 1).

    Each is weighted by (1 + harmonic^2) ^ `HARMONIC_POWER`.
    """
    angle = np.arange(directions)[:, None] * (2 * np.pi / directions) * np.arange(1, most + 1)
    sides = np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(directions, -1) * np.sqrt(2)
    columns = np.hstack([np.ones((directions, 1)), sides]) / np.sqrt(directions)
    orders = np.concatenate([[0], np.repeat(np.arange(1, most + 1), 2)])
    weighted: Float64 = columns * (1 + orders**2) ** HARMONIC_POWER
    return weighted


def _cosine_transform(n: int) -> Float64:
    """The orthonormal discrete cosine transform, a row a frequency."""
    order, place = np.arange(n)[:, None], np.arange(n)
    rows: Float64 = np.cos(np.pi * order * (2 * place + 1) / (2 * n)) * np.sqrt(2 / n)
    rows[0] /= np.sqrt(2)
    return rows


@cache
def _middle(n: int) -> Float64:
    """The weight of each cell, (n, n, 1): a Gaussian about the middle, of half the picture's width."""
    place = (np.arange(n) + 0.5) / n * 2 - 1
    weights = np.exp(-place * place / 2)
    return (weights[:, None] * weights)[..., None]
