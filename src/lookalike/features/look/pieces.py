"""What both versions of `look` are made of: grids of histograms, their contrast and their mirror images, and colour."""

from __future__ import annotations

from functools import cache

import numpy as np

from lookalike.arrays import Float32, Int64, UInt8

PALETTE_CELLS = 2
LIGHTNESSES = 5
HUES = 8

AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
"""The eight neighbours of a pixel as (row, column) of the 3 x 3 about it, clockwise: the bits of a binary pattern."""

_FULL_CHROMA = 0.2  # a fifth of the lightness range and more counts as a full colour
_SRGB_TO_XYZ = (  # rows divided by the white point D65
    (0.4339, 0.3762, 0.1899),
    (0.2126, 0.7152, 0.0722),
    (0.0177, 0.1095, 0.8728),
)


def unit(vectors: Float32) -> Float32:
    """Scale vectors (..., d) to length one; what is nearly zero (a block of a flat picture) stays so."""
    squares = np.square(vectors).sum(axis=-1, keepdims=True)
    scaled: Float32 = vectors / np.sqrt(squares + np.float32(1e-6))
    return scaled


def mixed(pixels: Float32, weights: tuple[float, float, float]) -> Float32:
    """Return the weighted sum of three channels, (..., 3)."""
    # Not a matrix product: its rounding would be BLAS's choice.
    red, green, blue = (np.float32(weight) for weight in weights)
    total: Float32 = pixels[..., 0] * red + pixels[..., 1] * green + pixels[..., 2] * blue
    return total


def means(values: Float32, cells: int) -> Float32:
    """Average (..., side, side, channels) over a grid: (..., cells, cells, channels)."""
    *pictures, side, _, channels = values.shape
    step = side // cells
    averaged: Float32 = values.reshape(*pictures, cells, step, cells, step, channels).mean(axis=(-4, -2))
    return averaged


def mirror_invariant(cells: Float32, mirrored_channels: Int64) -> Float32:
    """Turn grids (..., n, n, channels) into n * n * channels numbers each, centred, that their mirror images share.

    `mirrored_channels` says which channel of the picture each channel of its mirror image is.
    """
    cells = cells - cells.mean(axis=(-3, -2, -1), keepdims=True)
    *pictures, _, n, _ = cells.shape
    left = cells[..., : n // 2, :]
    right = cells[..., : n // 2 - 1 : -1, :][..., mirrored_channels]
    halves = (left + right, np.abs(left - right))
    return np.concatenate([half.reshape(*pictures, -1) for half in halves], axis=-1)


@cache
def offsets(side: int, cells: int, channels: int) -> Int64:
    """For each pixel of a square, where the histogram of its cell begins."""
    place = np.arange(side) * cells // side
    return (place[:, None] * cells + place) * channels


def pooled(half_cells: Float32) -> Float32:
    """Pool half-cells (..., 2 n, 2 n, channels) into cells (..., n, n, channels).

    A cell is pooled under a triangle two cells wide, so that small shifts change little.
    """
    for axis in (-3, -2):
        rows = np.moveaxis(half_cells, axis, 0)
        first, second = rows[0::2], rows[1::2]
        cells = np.float32(0.375) * (first + second)
        cells[1:] += np.float32(0.125) * second[:-1]
        cells[:-1] += np.float32(0.125) * first[1:]
        half_cells = np.moveaxis(cells, 0, axis)
    return half_cells


def contrast_free(cells: Float32, floor: np.float32) -> Float32:
    """Divide each cell's histogram by the mean energy of the 3 x 3 cells around it, then take square roots.

    `floor` is the energy of a cell below which it counts as flat.
    """
    margins = [(0, 0)] * (cells.ndim - 3) + [(1, 1)] * 2
    energy = np.pad(np.sqrt(np.square(cells).sum(axis=-1)), margins, mode="edge")
    columns = energy[..., :-2, :] + energy[..., 1:-1, :] + energy[..., 2:, :]
    around = (columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]) / 9
    roots: Float32 = np.sqrt(cells / (around + floor)[..., None])
    return roots


def lab(pixels: UInt8) -> Float32:
    """CIE Lab divided by 100, with the cube root down to black (no linear toe)."""
    linear = _linear_light()[pixels]
    x, y, z = (np.cbrt(mixed(linear, row)) for row in _SRGB_TO_XYZ)
    return np.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], axis=-1)


def palette(colours: Float32) -> Float32:
    """Histograms of 5 lightnesses x (grey and 8 hues) in 2 x 2 cells of pictures in Lab, (..., side, side, 3).

    These are 180 numbers each, mirrored.
    """
    lightness, a, b = np.moveaxis(colours, -1, 0)
    chroma = np.minimum(np.hypot(a, b) / _FULL_CHROMA, 1)[..., None]
    hue = np.mod(np.arctan2(b, a) * np.float32(HUES / (2 * np.pi)), HUES)
    apart = np.abs(hue[..., None] - np.arange(HUES, dtype=np.float32))
    hues = np.maximum(1 - np.minimum(apart, HUES - apart), 0) * chroma
    tones = np.concatenate([1 - chroma, hues], axis=-1)
    levels = np.arange(LIGHTNESSES, dtype=np.float32)
    lights = np.maximum(1 - np.abs((np.clip(lightness, 0, 1) * (LIGHTNESSES - 1))[..., None] - levels), 0)
    joint = (lights[..., :, None] * tones[..., None, :]).reshape(*lightness.shape, -1)
    return mirror_invariant(np.sqrt(means(joint, PALETTE_CELLS)), np.arange(joint.shape[-1]))


@cache
def _linear_light() -> Float32:
    """The linear light of each of the 256 values of sRGB."""
    values = np.arange(256) / 255
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92).astype(np.float32)
