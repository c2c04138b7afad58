"""Histograms of colour, as LIRE defines them: opponent, simple, and joint with a pixel's rank among its neighbours.

- van de Sande, Gevers & Snoek, "Evaluating color descriptors for object and scene recognition", PAMI 2010: opponent
  colours.
- Swain & Ballard, "Color indexing", IJCV 1991: simple histograms.
- Pass & Zabih, "Comparing images using joint histograms", Multimedia Systems 1999: the joint one, of colour and rank.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, UInt8
from lookalike.features.descriptors.base import enlarged
from lookalike.features.descriptors.jensen_shannon import JensenShannonDescriptor
from lookalike.features.descriptors.pixels import integer_grey

COLOURS = 64
RANKS = 9


class OpponentHistogram(JensenShannonDescriptor):
    """Opponent colours of a picture without its border: 64 numbers 0 to 127, index o1 + 4 o2 + 16 o3."""

    version = "1"
    dimension = 3 * COLOURS
    coordinates = 3
    largest = 127
    factor = 1.0

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (64,), uint8, of RGB pixels (height, width, 3)."""
        red, green, blue = np.moveaxis(enlarged(pixels, 3)[1:-1, 1:-1].astype(np.int16), -1, 0)
        first = np.minimum(4 * (red - green + 255) // 510, 3)
        second = np.minimum(4 * (red + green - 2 * blue + 510) // 1020, 3)
        third = np.minimum(4 * (red + green + blue) // 765, 3)
        return _scaled(first + 4 * second + 16 * third, COLOURS, self.largest)


class SimpleColorHistogram(JensenShannonDescriptor):
    """Four levels of red, green and blue: 64 numbers 0 to 255, index 16 red + 4 green + blue."""

    version = "1"
    dimension = 3 * COLOURS
    coordinates = 3
    largest = 255
    factor = 1.0

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (64,), uint8, of RGB pixels (height, width, 3)."""
        return _scaled(_simple_colours(pixels), COLOURS, self.largest)


class JointHistogram(JensenShannonDescriptor):
    """Simple colours jointly with ranks, without the border: 576 numbers 0 to 127, index colour + 64 rank.

    The rank of a pixel is how many of its 8 neighbours are lighter.
    """

    version = "1"
    dimension = 2 * COLOURS * RANKS
    coordinates = 2
    largest = 127
    factor = 0.5

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (576,), uint8, of RGB pixels (height, width, 3)."""
        pixels = enlarged(pixels, 3)
        grey = integer_grey(pixels)
        height, width = grey.shape
        middle = grey[1:-1, 1:-1]
        ranks = np.zeros(middle.shape, np.uint8)
        for y in range(3):
            for x in range(3):
                ranks += grey[y : height - 2 + y, x : width - 2 + x] > middle
        return _scaled(
            _simple_colours(pixels[1:-1, 1:-1]) + np.uint16(COLOURS) * ranks, COLOURS * RANKS, self.largest
        )


def _simple_colours(pixels: UInt8) -> UInt8:
    levels = ((np.arange(256) + 42) // 85).astype(np.uint8)[pixels]
    colours: UInt8 = levels[..., 0] * np.uint8(16) + levels[..., 1] * np.uint8(4) + levels[..., 2]
    return colours


def _scaled(colours: Array, bins: int, largest: int) -> UInt8:
    counts = np.bincount(colours.ravel(), minlength=bins)
    levels: UInt8 = (largest * counts // counts.max()).astype(np.uint8)
    return levels
