"""Tamura's texture: coarseness, contrast and directions.

Tamura, Mori & Yamawaki, "Textural features corresponding to visual perception", IEEE Transactions on Systems, Man and
Cybernetics 8(6), 1978. Where LIRE departs from it (windows divided by the wrong area, bins that grow with the picture,
a distance without coarseness and contrast), this follows the paper. Directions are kept as the paper's histogram, of
which it then takes the sharpness alone, and each bin is a share of all pixels and not of those that have a direction,
so that a few edges say less than many.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PIL import Image

from lookalike.arrays import Array, Float32, Float64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.pixels import integer_grey

SIDE = 128
"""Pictures are brought to a square of so many pixels, whose windows and gradients are then comparable."""
DIRECTIONS = 16
_LARGEST_WINDOW = 5
"""As a power of two: 32 pixels."""
_THRESHOLD = 12
"""Of a gradient, below which a pixel has no direction; the paper's."""
_COARSENESS, _CONTRAST = 0.2, 0.2 / 64
"""How much an octave of coarseness and a level of contrast weigh beside the roots of the directions' shares."""


class Tamura(Descriptor):
    """Coarseness, contrast and 16 directions."""

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = 2 + DIRECTIONS
    metric: ClassVar[Metric] = "euclidean"

    def describe(self, pixels: UInt8) -> Float32:
        """Return 18 numbers, float32.

        They are coarseness in pixels of the square, 2 to 32, contrast in levels of grey, and, of 16 directions from 0
        degrees on, the share of pixels whose gradient has each.
        """
        square = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
        grey = integer_grey(np.asarray(square)).astype(np.float64)  # of whole numbers, whose sums are exact
        return np.array([_coarseness(grey), _contrast(grey), *_directions(grey)], dtype=np.float32)

    def embed(self, rows: Array) -> Float32:
        """Return (n, 18): the logarithm of coarseness, contrast, and roots of the shares, weighted."""
        embedded = np.sqrt(rows)
        embedded[:, 0] = _COARSENESS * np.log2(rows[:, 0])
        embedded[:, 1] = _CONTRAST * rows[:, 1]
        return embedded.astype(np.float32)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the Euclidean distances of what is embedded, (n,); the paper has no distance of its own."""
        apart = self.embed(rows).astype(np.float64) - self.embed(query[np.newaxis])
        found: Float64 = np.sqrt(np.square(apart).sum(axis=1))
        return found


def _coarseness(grey: Float64) -> float:
    """Return the mean, over pixels, of the side of the window whose neighbours differ from each other most."""
    most = np.full(grey.shape, -1.0)
    sides = np.zeros(grey.shape)
    places = np.arange(SIDE)
    for power in range(1, _LARGEST_WINDOW + 1):
        side = 1 << power
        means = _window_means(grey, side)
        before, after = np.maximum(places - side // 2, 0), np.minimum(places + side // 2, SIDE - 1)
        apart = np.maximum(np.abs(means[after] - means[before]), np.abs(means[:, after] - means[:, before]))
        larger = apart > most
        most[larger], sides[larger] = apart[larger], side
    return float(sides.mean())


def _window_means(grey: Float64, side: int) -> Float64:
    """Return the mean of the window around each pixel, whose borders are repeated."""
    padded = np.pad(grey, (side // 2, side - 1 - side // 2), "edge")
    sums = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    total: Float64 = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return total / side**2


def _contrast(grey: Float64) -> float:
    """Return the standard deviation, divided by the fourth root of the kurtosis; 0 for one grey."""
    squares = np.square(grey - grey.mean())
    fourth = np.square(squares).mean()
    return float(squares.mean() / fourth**0.25) if fourth > 0 else 0.0


def _directions(grey: Float64) -> Float64:
    """Return the share of pixels whose gradient, by Prewitt's operator, has each direction, (16,)."""
    columns, rows = grey[:, 2:] - grey[:, :-2], grey[2:] - grey[:-2]
    across = columns[:-2] + columns[1:-1] + columns[2:]
    down = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    strong = (np.abs(across) + np.abs(down)) / 2 >= _THRESHOLD
    angles = np.arctan2(down[strong], across[strong]) / np.pi * DIRECTIONS
    return np.bincount(np.rint(angles).astype(np.int64) % DIRECTIONS, minlength=DIRECTIONS) / strong.size
