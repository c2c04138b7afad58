"""CEDD, the colour and edge directivity descriptor: six textures x 24 fuzzy colours, with eight levels each.

Chatzichristofis & Boutalis, "CEDD: Color and Edge Directivity Descriptor", ICVS 2008; the grid of cells and the levels
are LIRE's. What is right of the last whole cell or below it is not looked at: of 224 x 224 pixels, 160 x 160 are.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Bool, Float64, UInt8
from lookalike.features.descriptors.base import enlarged
from lookalike.features.descriptors.blocks import block_sums
from lookalike.features.descriptors.fuzzy_colors import COLOURS, fuzzy_colours, nearest_levels
from lookalike.features.descriptors.pixels import luma_from_blue
from lookalike.features.descriptors.tanimoto import TanimotoDescriptor

TEXTURES = 6
"""No edge, an edge without direction, horizontal, vertical, 45 degrees, 135 degrees."""

LEAST_SIDE = 2
"""Pixels that a side has at least, for one cell."""

_FLAT = 14
_UNDIRECTED_SHARE = 0.68
_DIRECTED_SHARE = 0.98
_STRAIGHT = [405.46, 4877.98, 10882.17, 18167.24, 27043.39, 38129.41, 52675.22, 79555.40]
_SLANTED = [968.88, 10725.16, 24161.21, 41555.92, 62895.63, 93066.27, 136976.13, 262897.86]
_LEVELS = 1e-6 * np.array(
    [
        [180.20, 23730.02, 61457.15, 113918.55, 179122.46, 260980.33, 341795.93, 554729.99],
        [209.25, 22490.59, 60250.89, 120705.79, 181128.09, 234132.08, 325660.62, 520702.18],
        *[_STRAIGHT, _STRAIGHT, _SLANTED, _SLANTED],
    ]
)
"""Eight levels of a bin's share, by texture."""


class Cedd(TanimotoDescriptor):
    """Colour and edge directivity: 144 numbers 0 to 7, index 24 texture + colour; see the module's text."""

    version = "1"
    dimension = 2 * TEXTURES * COLOURS

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (144,), uint8, of RGB pixels (height, width, 3)."""
        pixels = enlarged(pixels, LEAST_SIDE)
        colours, textures = cells_of(pixels, luma_from_blue(pixels))
        return histogram_of(fuzzy_colours(colours), textures)


def cells_of(pixels: UInt8, light: Float64) -> tuple[UInt8, Bool]:
    """Return the mean colours of a picture's cells, uint8 (cells, 3), and which textures each has, (cells, 6).

    Args:
        pixels: RGB (height, width, 3), both sides at least `LEAST_SIDE`.
        light: their luma, (height, width).
    """
    rows, columns, height, width = _grid(*light.shape)
    whole = slice(rows * height), slice(columns * width)
    colours: UInt8 = (block_sums(pixels[whole], height, width) // (height * width)).astype(np.uint8)
    means = block_sums(light[whole], height // 2, width // 2) * (4 / (height * width))
    return colours.reshape(-1, 3), _textures(np.trunc(means))


def histogram_of(weights: Float64, textures: Bool) -> UInt8:
    """Return the levels (144,) of the weights of fuzzy colours (cells, 24), added up by texture (cells, 6)."""
    sums = np.stack([weights[textures[:, texture]].sum(axis=0) for texture in range(TEXTURES)])
    return nearest_levels(sums, _LEVELS)


def _grid(height: int, width: int) -> tuple[int, int, int, int]:
    """Return the rows and columns of cells, and the height and width of a cell, which are even."""
    shorter = min(height, width)
    if shorter < 40:
        return height // 2, width // 2, 2, 2
    cells = 40 if shorter >= 80 else 20
    return cells, cells, height // cells // 2 * 2, width // cells // 2 * 2


def _textures(means: Float64) -> Bool:
    """Return which textures each cell has, (cells, 6), of the mean luma of its quarters (2 rows, 2 columns)."""
    a, b, c, d = (means[y::2, x::2].ravel() for y in (0, 1) for x in (0, 1))
    root = np.sqrt(2.0)
    strengths: Float64 = np.stack(
        [
            np.abs(2 * a - 2 * b - 2 * c + 2 * d),
            np.abs(a + b - c - d),
            np.abs(a - b + c - d),
            root * np.abs(a - d),
            root * np.abs(b - c),
        ],
        axis=1,
    )
    strongest = strengths.max(axis=1, keepdims=True)
    shares = strengths / np.maximum(strongest, 1)
    shown = shares > np.array([_UNDIRECTED_SHARE, *[_DIRECTED_SHARE] * 4])
    edge = strongest >= _FLAT
    return np.concatenate([~edge, shown & edge], axis=1)
