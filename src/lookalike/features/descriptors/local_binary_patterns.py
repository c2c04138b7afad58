"""Local binary patterns: which of the eight neighbours are no darker than a pixel.

Ojala, Pietikainen & Maenpaa, "Multiresolution gray-scale and rotation invariant texture classification with local
binary patterns", PAMI 2002. As LIRE has them: neighbours at distance one, whose corners are not interpolated; all
patterns, not only the uniform ones; the outermost pixels left out; and histograms scaled so that the largest bin is
127.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.distances import mean_l1
from lookalike.features.descriptors.embeddings import unary_bytes, unary_codes
from lookalike.features.descriptors.neighbours import CLOCKWISE, neighbour_bits
from lookalike.features.descriptors.pixels import integer_grey
from lookalike.features.descriptors.pyramid import WINDOWS, windows

PATTERNS = 256
ROTATIONS = 36
"""Patterns that are left where those count as one that rotations by 45 degrees make of each other."""
LARGEST = 127
STEP = 4
"""Numbers of the pyramid are kept as multiples of this."""


class _Patterns(Descriptor):
    """Histograms of patterns, compared by mean L1."""

    version: ClassVar[str] = "1"
    metric: ClassVar[Metric] = "hamming"

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the mean of |a - b|, (n,)."""
        return mean_l1(query, rows)


class LocalBinaryPatterns(_Patterns):
    """256 patterns of the whole picture, 0 to 127 each."""

    dimension: ClassVar[int] = unary_bytes(PATTERNS, LARGEST)

    def describe(self, pixels: UInt8) -> UInt8:
        """Return 256 numbers, uint8; all zero for a picture of less than 3 x 3 pixels."""
        return _histograms([_patterns(pixels)], PATTERNS)

    def embed(self, rows: Array) -> UInt8:
        """Return unary codes (n, 4064), whose Hamming distance is 256 times the mean L1, exactly."""
        return unary_codes(rows, LARGEST)


class RotationInvariantLocalBinaryPatterns(_Patterns):
    """36 patterns of the whole picture, 0 to 127 each: those that are the least of their rotations, ascending."""

    dimension: ClassVar[int] = unary_bytes(ROTATIONS, LARGEST)

    def describe(self, pixels: UInt8) -> UInt8:
        """Return 36 numbers, uint8; all zero for a picture of less than 3 x 3 pixels."""
        return _histograms([_rotations()[_patterns(pixels)]], ROTATIONS)

    def embed(self, rows: Array) -> UInt8:
        """Return unary codes (n, 572), whose Hamming distance is 36 times the mean L1, exactly."""
        return unary_codes(rows, LARGEST)


class SpatialPyramidLocalBinaryPatterns(_Patterns):
    """`RotationInvariantLocalBinaryPatterns` of each of the 21 windows of a pyramid."""

    dimension: ClassVar[int] = unary_bytes(WINDOWS * ROTATIONS, LARGEST // STEP + 1)

    def describe(self, pixels: UInt8) -> UInt8:
        """Return 21 x 36 numbers, uint8; those of a window of less than 3 x 3 pixels are zero."""
        return _histograms(windows(_rotations()[_patterns(pixels)]), ROTATIONS)

    def embed(self, rows: Array) -> UInt8:
        """Return unary codes (n, 3024) of the numbers, rounded to multiples of 4.

        Four times the Hamming distance is 756 times the mean L1, give or take 3 for each number that differs.
        """
        return unary_codes((rows + np.uint8(STEP // 2)) // np.uint8(STEP), LARGEST // STEP + 1)


def _patterns(pixels: UInt8) -> UInt8:
    return neighbour_bits(integer_grey(pixels), np.greater_equal, CLOCKWISE)


def _histograms(maps: Iterable[UInt8], bins: int) -> UInt8:
    """Return the histograms of maps of patterns (height, width) without their outermost pixels, one after another."""
    counts = np.stack([np.bincount(one[1:-1, 1:-1].ravel(), minlength=bins) for one in maps])
    most = np.maximum(counts.max(axis=1, keepdims=True), 1)
    scaled: UInt8 = (LARGEST * counts // most).astype(np.uint8)
    return scaled.ravel()


@cache
def _rotations() -> UInt8:
    """The number of each pattern's least rotation among all such, (256,)."""
    patterns = np.arange(PATTERNS)
    least = np.min([(patterns >> turn | patterns << (8 - turn)) & 255 for turn in range(8)], axis=0)
    return np.unique(least, return_inverse=True)[1].astype(np.uint8)
