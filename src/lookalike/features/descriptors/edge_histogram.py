"""MPEG-7's EdgeHistogram: how many blocks of each part of a picture have an edge, and of which of five types.

ISO/IEC 15938-3. The numbers are LIRE's. The distance is the standard's, of 150 terms: Park, Jeon & Won, "Efficient use
of MPEG-7 edge histogram descriptor", ETRI Journal 24(1), 2002. LIRE's has no global and semi-global terms, and weighs
the five bins of the top left part by 5 that are meant to be the global ones.
"""

from __future__ import annotations

from math import sqrt
from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float64, Int64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.distances import weighted_l1
from lookalike.features.descriptors.embeddings import unary_bytes, unary_codes
from lookalike.features.descriptors.pixels import luma

_SIDE = 4
"""There are 4 x 4 parts."""
_TYPES = 5
_BLOCKS = 1100
"""A picture is cut in about so many blocks."""
_THRESHOLD = 11
"""Of the strength of an edge, in levels of grey."""

LEVELS = np.array(
    [
        [10867, 57915, 99526, 144849, 195573, 260504, 358031, 530128],  # vertical
        [12266, 69934, 125879, 182307, 243396, 314563, 411728, 564319],  # horizontal
        [4193, 25852, 46860, 68519, 93286, 123490, 161505, 228960],  # 45 degrees
        [4174, 25924, 46232, 67163, 89655, 115391, 151904, 217745],  # 135 degrees
        [6778, 51667, 108650, 166257, 224226, 285691, 356375, 450972],  # non-directional
    ]
)
"""The share of blocks, in millionths, that each of a bin's numbers 0 to 7 stands for, (types, 8)."""

_SIXTEENTHS = 16_000_000
"""Terms are whole numbers of this, since a mean of sixteen shares is no multiple of a millionth."""
_STEP = _SIXTEENTHS // 100
"""Terms are rounded to hundredths where they are kept."""


def _terms(rows: Array) -> Int64:
    """Return the 150 terms of descriptors (n, 80)."""
    local = LEVELS[np.arange(_TYPES), rows.reshape(-1, _SIDE, _SIDE, _TYPES)]
    quadrants = local.reshape(-1, 2, 2, 2, 2, _TYPES).sum(axis=(2, 4))
    terms = [
        16 * local,
        5 * local.sum(axis=(1, 2)),
        4 * local.sum(axis=1),
        4 * local.sum(axis=2),
        4 * quadrants,
        4 * local[:, 1:3, 1:3].sum(axis=(1, 2)),
    ]
    return np.concatenate([one.reshape(len(rows), -1) for one in terms], axis=1)


_LARGEST = tuple(((_terms(np.full((1, 80), 7))[0] + _STEP // 2) // _STEP).tolist())


class EdgeHistogram(Descriptor):
    """4 x 4 parts x 5 types of edges, 0 to 7 each, compared by the standard's distance."""

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = unary_bytes(len(_LARGEST), _LARGEST)
    metric: ClassVar[Metric] = "hamming"

    def describe(self, pixels: UInt8) -> UInt8:
        """Return 80 numbers, uint8: the types of each part, row by row; 7 where a part has no blocks."""
        height, width = pixels.shape[:2]
        half = max(int(sqrt(width * height / _BLOCKS)) // 2, 1)
        side = 2 * half
        across, down = width // side, height // side
        grey = np.trunc(219 * luma(pixels[: side * down, : side * across]) / 256 + 16.5)
        quarters = grey.reshape(down, 2, half, across, 2, half).mean(axis=(2, 5))
        a, b, c, d = (quarters[:, row, :, column] for row in (0, 1) for column in (0, 1))
        strengths = np.stack(
            [
                np.abs(a - b + c - d),
                np.abs(a + b - c - d),
                sqrt(2) * np.abs(a - d),
                sqrt(2) * np.abs(b - c),
                np.abs(2 * a - 2 * b - 2 * c + 2 * d),
            ]
        )
        types = np.where(strengths.max(axis=0) >= _THRESHOLD, strengths.argmax(axis=0), _TYPES)
        row = _SIDE * side * np.arange(down) // height
        column = _SIDE * side * np.arange(across) // width
        places = (_SIDE * row[:, np.newaxis] + column) * (_TYPES + 1) + types
        counts = np.bincount(places.ravel(), minlength=_SIDE**2 * (_TYPES + 1)).reshape(-1, _TYPES + 1)
        with np.errstate(invalid="ignore"):
            shares = counts[:, :_TYPES] / counts.sum(axis=1, keepdims=True)
        bounds = (LEVELS[:, :-1] + LEVELS[:, 1:]) / 2e6
        numbers = [np.searchsorted(*of_type) for of_type in zip(bounds, shares.T, strict=True)]
        return np.stack(numbers, axis=1).astype(np.uint8).ravel()

    def embed(self, rows: Array) -> UInt8:
        """Return unary codes (n, 846) of the 150 terms, rounded to hundredths.

        A hundredth of the Hamming distance is the distance, give or take 0.01 for each term that differs.
        """
        return unary_codes((_terms(rows) + _STEP // 2) // _STEP, _LARGEST)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the sums of the differences of the 150 terms, (n,).

        These are the shares of blocks that 80 numbers stand for, the means of these over all parts, five times, and
        over 13 groups: the columns, the rows, the quadrants and the middle.
        """
        return weighted_l1(_terms(query[np.newaxis])[0], _terms(rows), 1 / _SIXTEENTHS)
