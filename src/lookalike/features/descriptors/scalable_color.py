"""ScalableColor of MPEG-7 (ISO/IEC 15938-3): the Haar transform of a histogram of hue, saturation and value.

Manjunath, Ohm, Vasudevan & Yamada, "Color and texture descriptors", IEEE TCSVT 2001. LIRE's is not followed: it
transforms the first 64 of the 256 bins only, and so ignores all pixels lighter than a quarter. Here all 256
coefficients are kept, clipped to ranges of our own, which few coefficients in a thousand exceed.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float64, Metric, UInt8
from lookalike.features.descriptors import distances
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.embeddings import unary_bytes, unary_codes
from lookalike.features.descriptors.pixels import hsv_float

_HUES, _SATURATIONS, _VALUES = 16, 4, 4
_LARGEST_SHARE = 2047  # the standard keeps shares in 11 bits before it quantises them
_STEPS = (0, 1, 2, 0, 1, 2, 0, 0)  # the axes of the transform's steps: hue, saturation, value ...
_LARGEST_SUM = 511
_LARGEST_DIFFERENCES = (255, 127, 127, 63, 63, 31, 15, 7)  # in bands of 1, 2, 4 ... 128 coefficients
_LEAST = np.array([0, *np.repeat(np.negative(_LARGEST_DIFFERENCES), 1 << np.arange(8))])
_MOST = np.array([_LARGEST_SUM, *-_LEAST[1:]])
_RANGES = tuple((_MOST - _LEAST).tolist())


class ScalableColor(Descriptor):
    """Colours from coarse to fine: the sum of 256 bins and 255 differences; see the module's text.

    The embedding is a unary code, whose Hamming distance is the L1 distance of coefficients, exactly.
    """

    version = "1"
    metric: ClassVar[Metric] = "hamming"
    dimension = unary_bytes(len(_RANGES), _RANGES)

    def describe(self, pixels: UInt8) -> Array:
        """Return the descriptor (256,), int16, of RGB pixels (height, width, 3)."""
        hue, saturation, value = hsv_float(pixels)
        bins = hue * np.int32(_HUES) // 360 * 16 + saturation // 64 * 4 + value // 64
        shares = _LARGEST_SHARE * np.bincount(bins.ravel(), minlength=256) // bins.size
        levels = np.minimum(np.floor(15 * (shares / 818.8) ** 0.4 + 0.5), 15).astype(np.int16)
        sums = levels.reshape(_HUES, _SATURATIONS, _VALUES)
        bands = []
        for axis in _STEPS:
            first, second = (
                sums.take(range(0, sums.shape[axis], 2), axis),
                sums.take(range(1, sums.shape[axis], 2), axis),
            )
            bands.append((first - second).ravel())
            sums = first + second
        coefficients = np.concatenate([sums.ravel(), *reversed(bands)])
        clipped: Array = np.clip(coefficients, _LEAST, _MOST).astype(np.int16)
        return clipped

    def embed(self, rows: Array) -> UInt8:
        """Return descriptors (n, 256) as unary codes, uint8 (n, dimension)."""
        return unary_codes(rows - _LEAST, _RANGES)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the sum of absolute differences."""
        return distances.weighted_l1(query, rows)
