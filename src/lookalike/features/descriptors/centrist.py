"""CENTRIST: the census transform of every pixel, counted. A bit says that a neighbour is no brighter than the pixel.

Wu & Rehg, "CENTRIST: a visual descriptor for scene categorization", PAMI 2011. As LIRE has it, without the paper's
principal components, and with corners of the pyramid's windows at whole pixels.

An L1 distance of histograms is no metric of an index. What is kept is the square root of their numbers (Arandjelovic &
Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012), whose Euclidean distance d is
Hellinger's: with it, d^2 <= L1 <= d |sqrt(a) + sqrt(b)|, by the inequality of Cauchy and Schwarz (Le Cam).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float32, Float64, Int64, Metric, UInt8, UInt32
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.distances import mean_l1, weighted_l1
from lookalike.features.descriptors.embeddings import uniforms
from lookalike.features.descriptors.neighbours import neighbour_bits
from lookalike.features.descriptors.pixels import integer_grey
from lookalike.features.descriptors.pyramid import windows

CODES = 256
WINDOWS = 31
_ORDER = ((-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1), (0, -1), (0, 1))


class Centrist(Descriptor):
    """256 counts, compared by the L1 distance of their shares.

    LIRE compares the counts themselves, by which pictures of unlike sizes are far apart.
    """

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = CODES
    metric: ClassVar[Metric] = "euclidean"

    def describe(self, pixels: UInt8) -> UInt32:
        """Return 256 counts of pixels, uint32; all zero for a picture of less than 3 x 3 pixels."""
        return _histograms([_transformed(pixels)])

    def embed(self, rows: Array) -> Float32:
        """Return the square roots of the shares, (n, 256); with d between two of them, d^2 <= L1 <= d sqrt(4 - d^2)."""
        roots: Float32 = np.sqrt(_shares(rows)).astype(np.float32)
        return roots

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the sum of |a - b| of shares, 0 to 2, (n,)."""
        return weighted_l1(_shares(query[np.newaxis])[0], _shares(rows))


class SpatialPyramidCentrist(Descriptor):
    """256 counts for each of 31 windows, divided by the largest of all, and compared by mean L1."""

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = 1024
    metric: ClassVar[Metric] = "euclidean"

    def describe(self, pixels: UInt8) -> UInt32:
        """Return 31 x 256 counts of pixels, uint32; those of a window of less than 3 x 3 pixels are zero.

        The windows are the whole, four quarters, one of their size in the middle, 16 sixteenths, column by column, and
        nine of their size between these.
        """
        return _histograms(_overlapping(_transformed(pixels)))

    def embed(self, rows: Array) -> Float32:
        """Return the square roots, (n, 7936), brought to 1,024 numbers by signed random sums (a count sketch).

        Charikar, Chen & Farach-Colton, ICALP 2002; Weinberger et al., "Feature hashing", ICML 2009. The square of a
        distance is as it was in the mean, with a standard deviation of at most sqrt(2 / 1024) = 4.4 %.
        """
        order, signs = _sketch()
        dealt = np.zeros((len(rows), order.size))
        dealt[:, : rows.shape[1]] = np.sqrt(_scaled(rows))
        sums = (dealt[:, order] * signs).reshape(len(rows), -1, self.dimension).sum(axis=1)
        sketched: Float32 = sums.astype(np.float32)
        return sketched

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the mean of |a - b| of counts divided by the largest of each picture, (n,)."""
        return mean_l1(_scaled(query[np.newaxis])[0], _scaled(rows))


def _transformed(pixels: UInt8) -> UInt8:
    return neighbour_bits(integer_grey(pixels), np.less_equal, _ORDER)


def _histograms(maps: Iterable[UInt8]) -> UInt32:
    """Return the histograms of maps (height, width) without their outermost pixels, one after another."""
    counts = [np.bincount(one[1:-1, 1:-1].ravel(), minlength=CODES) for one in maps]
    return np.concatenate(counts).astype(np.uint32)


def _overlapping(values: UInt8) -> Iterator[UInt8]:
    """Yield the windows of `SpatialPyramidCentrist`."""
    height, width = values.shape
    whole, *rest = windows(values)
    yield from (whole, *rest[:4])
    yield _at(values, height // 2 // 2, width // 2 // 2, height // 2, width // 2)
    yield from rest[4:]
    h, w = height // 4, width // 4
    for x in range(3):
        for y in range(3):
            yield _at(values, h // 2 + y * h, w // 2 + x * w, h, w)


def _at(values: UInt8, top: int, left: int, height: int, width: int) -> UInt8:
    return values[top : top + height, left : left + width]


def _shares(rows: Array) -> Float64:
    shares: Float64 = rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return shares


def _scaled(rows: Array) -> Float64:
    largest = rows.max(axis=1, keepdims=True)
    scaled: Float64 = np.divide(rows, largest, out=np.zeros(rows.shape), where=largest > 0)
    return scaled


@cache
def _sketch() -> tuple[Int64, Float64]:
    """The order in which numbers, filled up with zeros, are dealt to the sums in turn, and their signs."""
    sums = SpatialPyramidCentrist.dimension
    size = -(-WINDOWS * CODES // sums) * sums
    return np.argsort(uniforms(size, 1)), np.where(uniforms(size, 2) < 0.5, -1.0, 1.0)
