"""FCTH, the fuzzy colour and texture histogram: eight textures x 24 fuzzy colours, with eight levels each.

Chatzichristofis & Boutalis, "FCTH: Fuzzy Color and Texture Histogram", WIAMIS 2008; the grid of cells and the levels
are LIRE's, which also wraps the strengths of its wavelets into signed bytes, and leaves out a last cell that just fits.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, Float64, Int64, UInt8
from lookalike.features.descriptors.base import enlarged
from lookalike.features.descriptors.blocks import segment_sums
from lookalike.features.descriptors.fuzzy_colors import COLOURS, fuzzy_colours, nearest_levels
from lookalike.features.descriptors.pixels import luma
from lookalike.features.descriptors.tanimoto import TanimotoDescriptor

TEXTURES = 8
"""4 if diagonal details are strong + 2 if those between columns are + 1 if those between rows are."""

_CELLS = 40
_SMALLEST_CELL = 4
_PARTS = 4  # a side of a cell
_WEAK = 20
_STRONG = (80, 90, 90)  # details of rows, columns, diagonals
_PLAIN = [130.09, 9317.31, 22434.36, 43120.55, 83168.64, 101430.53, 174840.66, 224480.41]
_ROWS = [130.09, 9317.31, 22434.36, 43120.55, 83168.64, 151430.53, 174840.66, 224480.41]
_MIXED = [239.77, 17321.70, 39113.64, 69333.51, 79122.46, 90980.33, 161795.93, 184729.99]
_STEEP = [180.20, 23730.02, 41457.15, 53918.55, 69122.46, 81980.33, 91795.93, 124729.99]
_LEVELS = 1e-6 * np.array([_PLAIN, _ROWS, _MIXED, _MIXED, _MIXED, _MIXED, _STEEP, _STEEP])
"""Eight levels of a bin's share, by texture."""


class Fcth(TanimotoDescriptor):
    """Fuzzy colour and texture: 192 numbers 0 to 7, index 24 texture + colour; see the module's text."""

    version = "1"
    dimension = 2 * TEXTURES * COLOURS

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (192,), uint8, of RGB pixels (height, width, 3)."""
        pixels = enlarged(pixels, _SMALLEST_CELL + 1)
        rows, columns = _cells(pixels.shape[0]), _cells(pixels.shape[1])
        parts = np.stack([segment_sums(pixels[..., channel], rows, columns) for channel in range(3)])
        areas = np.outer(np.diff(rows), np.diff(columns))
        colours = fuzzy_colours(_mean_colours(parts, areas))
        textures = _textures(segment_sums(np.trunc(luma(pixels)), rows, columns) / areas)
        histogram = np.stack([(texture[:, None] * colours).sum(axis=0) for texture in textures.T])
        return nearest_levels(histogram, _LEVELS)


def _cells(side: int) -> Int64:
    """Return where the parts of the cells along a side begin, and where the last one ends."""
    cell = max(side // _CELLS // 2 * 2, _SMALLEST_CELL)
    starts = np.arange(0, side - cell, cell)
    parts = np.array([0, cell // 4, cell // 2, 3 * cell // 4])
    return np.append((starts[:, None] + parts).ravel(), starts[-1] + cell)


def _mean_colours(parts: Array, areas: Int64) -> UInt8:
    def by_cell(values: Array) -> Array:
        rows, columns = values.shape[-2] // _PARTS, values.shape[-1] // _PARTS
        summed: Array = values.reshape(-1, rows, _PARTS, columns, _PARTS).sum(axis=(2, 4))
        return summed

    means: UInt8 = (by_cell(parts) // by_cell(areas)).astype(np.uint8)
    return means.reshape(3, -1).T


def _textures(means: Float64) -> Float64:
    """Return how much each cell has of each texture, (cells, 8), of the mean luma of its parts."""
    top, bottom = means[0::2], means[1::2]
    p, q, r, s = top[:, 0::2], top[:, 1::2], bottom[:, 0::2], bottom[:, 1::2]
    strong = []
    for details, most in zip((r + s - p - q, p + r - q - s, q + r - p - s), _STRONG, strict=True):
        wrapped = np.abs(details).astype(np.int64).astype(np.int8).astype(np.float64)
        rows, columns = wrapped.shape[0] // 2, wrapped.shape[1] // 2
        squares = np.square(wrapped).reshape(rows, 2, columns, 2).mean(axis=(1, 3))
        strong.append(np.clip((np.sqrt(squares.ravel()) - _WEAK) / (most - _WEAK), 0, 1))
    row, column, diagonal = strong
    return np.stack(
        [
            np.minimum(
                np.minimum(diagonal if texture & 4 else 1 - diagonal, column if texture & 2 else 1 - column),
                row if texture & 1 else 1 - row,
            )
            for texture in range(TEXTURES)
        ],
        axis=1,
    )
