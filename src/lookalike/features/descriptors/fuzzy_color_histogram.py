"""The fuzzy colour histogram of LIRE: every pixel belongs to each of 5 x 5 x 5 colours, the nearer the more.

After Han & Ma, "Fuzzy color histogram and its use in color image retrieval", IEEE Transactions on Image Processing
2002, with LIRE's memberships, 1 / sqrt(1 + squared distance in RGB), which leave the histogram nearly flat.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float64, Metric, Rows, UInt8
from lookalike.features.descriptors import distances
from lookalike.features.descriptors.base import Descriptor

_STEPS = 5
_LARGEST = 255
_PIXELS_AT_ONCE = 4096  # whose distances fit in the processor's cache


class FuzzyColorHistogram(Descriptor):
    """Fuzzy colours: 125 numbers 0 to 255, index red + 5 green + 25 blue; see the module's text.

    The embedding is the descriptor itself, whose Euclidean distance is LIRE's times the root of 125.
    """

    version = "1"
    metric: ClassVar[Metric] = "euclidean"
    dimension = _STEPS**3

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (125,), uint8, of RGB pixels (height, width, 3)."""
        centres = 25 + 51 * np.arange(_STEPS)
        apart = np.square(np.arange(256)[:, None] - centres).astype(np.float32)
        flat = pixels.reshape(-1, 3)
        total = np.zeros((_STEPS, _STEPS, _STEPS))
        for start in range(0, len(flat), _PIXELS_AT_ONCE):
            red, green, blue = apart.T[:, flat[start : start + _PIXELS_AT_ONCE].T].transpose(1, 0, 2)
            squares = (blue + np.float32(1))[:, None, None] + green[:, None] + red
            np.sqrt(squares, out=squares)
            np.reciprocal(squares, out=squares)
            total += squares.sum(axis=-1, dtype=np.float64)
        levels: UInt8 = (_LARGEST * total.ravel() / total.max()).astype(np.uint8)
        return levels

    def embed(self, rows: Array) -> Rows:
        """Return descriptors (n, 125) as float32."""
        return rows.astype(np.float32)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the root of the mean square of differences."""
        return distances.root_mean_square(query, rows)
