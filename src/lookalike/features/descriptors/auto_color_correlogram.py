"""The auto colour correlogram: how likely a pixel's neighbours at a distance have its colour.

Huang, Kumar, Mitra, Zhu & Zabih, "Image indexing using color correlograms", CVPR 1997, with 64 colours, distances 1 to
4 and LIRE's 16 levels. Counts are exact where LIRE's, in 32-bit floats, stop at 16,777,216.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, UInt8
from lookalike.features.descriptors.jensen_shannon import JensenShannonDescriptor
from lookalike.features.descriptors.pixels import hsv_float

COLOURS = 64
DISTANCES = (1, 2, 3, 4)

_LEVELS = 16


class AutoColorCorrelogram(JensenShannonDescriptor):
    """64 colours x 4 distances: 256 numbers 0 to 15, index 4 colour + distance - 1; see the module's text."""

    version = "1"
    dimension = 2 * COLOURS * len(DISTANCES)
    coordinates = 2
    largest = _LEVELS - 1
    factor = 0.5

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (256,), uint8, of RGB pixels (height, width, 3)."""
        colours = _colours(pixels)
        areas = np.maximum(np.bincount(colours.ravel(), minlength=COLOURS), 1)
        levels = [_LEVELS * _pairs(colours, distance) // (areas * 8 * distance) for distance in DISTANCES]
        return np.stack(levels, axis=1).astype(np.uint8).ravel()


def _colours(pixels: UInt8) -> UInt8:
    hue, saturation, value = hsv_float(pixels)
    colours: UInt8 = (hue // 45 * 8 + saturation // 64 * 2 + value // 128).astype(np.uint8)
    return colours


def _pairs(colours: UInt8, distance: int) -> Array:
    """Count, by colour, the ordered pairs of pixels of that colour at a Chebyshev distance: int64 (64,)."""
    height, width = colours.shape
    alike = np.zeros(
        (height, width), np.uint8
    )  # pairs that begin at a pixel and go on below it, or right in its row
    steps = [(distance, x) for x in range(-distance, distance + 1)]
    steps += [(y, x) for y in range(1, distance) for x in (-distance, distance)] + [(0, distance)]
    for y, x in steps:
        if y < height and abs(x) < width:
            here = (slice(0, height - y), slice(max(-x, 0), width - max(x, 0)))
            there = (slice(y, height), slice(max(x, 0), width + min(x, 0)))
            alike[here] += colours[here] == colours[there]
    return 2 * np.bincount(colours.ravel(), alike.ravel(), COLOURS).astype(np.int64)
