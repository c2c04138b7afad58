"""PHOG: histograms of the orientations of edges in a pyramid of windows.

Bosch, Zisserman & Munoz, "Representing shape with a spatial pyramid kernel", CIVR 2007. As LIRE has it, and not as the
paper does: edge pixels are counted and not weighed by the strength of their gradient, there are 30 unsigned
orientations and three levels, each histogram is scaled by its own largest bin, and the picture is brought to linear
light first, so that edges in the dark are weak. Edges are the local maxima of Canny's detector (PAMI 1986) over one
threshold. An edge is shared by the two orientations that it lies between, the farther of which gets the larger share.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float64, Int64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.distances import weighted_l1
from lookalike.features.descriptors.embeddings import unary_bytes, unary_codes
from lookalike.features.descriptors.pixels import linear_grey
from lookalike.features.descriptors.pyramid import WINDOWS, windows

ORIENTATIONS = 30
LARGEST = 15
_THRESHOLD = 60
"""Of the length of Sobel's gradient of a grey of 0 to 255, above which a pixel may be of an edge."""
_WHOLE = 1 << 24
"""Shares of an edge pixel are whole numbers of this, so that sums are exact, in whatever order."""


class Phog(Descriptor):
    """21 windows x 30 orientations, 0 to 15 each, compared by L1."""

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = unary_bytes(WINDOWS * ORIENTATIONS, LARGEST)
    metric: ClassVar[Metric] = "hamming"

    def describe(self, pixels: UInt8) -> UInt8:
        """Return 630 numbers, uint8; those of a window without edges are zero.

        A window's largest number is 15 here; LIRE's is 14 now and then, by the rounding of its sums.
        """
        counts = np.stack([_histogram(window) for window in windows(_edges(linear_grey(pixels)))])
        most = np.maximum(counts.max(axis=1, keepdims=True), 1)
        scaled: UInt8 = (LARGEST * counts // most).astype(np.uint8)
        return scaled.ravel()

    def embed(self, rows: Array) -> UInt8:
        """Return unary codes (n, 1182), whose Hamming distance is the L1 distance, exactly."""
        return unary_codes(rows, LARGEST)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the sum of |a - b|, (n,)."""
        return weighted_l1(query, rows)


def _edges(grey: UInt8) -> Float64:
    """Return the orientation of each pixel that is of an edge, 0 to `ORIENTATIONS`, and NaN elsewhere, (h, w)."""
    edges = np.full(grey.shape, np.nan)
    height, width = grey.shape
    if height < 3 or width < 3:
        return edges
    signed = grey.astype(np.int32)
    columns, rows = signed[:, :-2] - signed[:, 2:], signed[:-2] - signed[2:]
    across, down = np.zeros_like(signed), np.zeros_like(signed)
    across[1:-1, 1:-1] = columns[:-2] + 2 * columns[1:-1] + columns[2:]
    down[1:-1, 1:-1] = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
    squares = (across * across + down * down).ravel()
    strong = np.flatnonzero(squares > _THRESHOLD**2)  # none of the outermost, whose gradient is 0
    gx, gy = across.ravel()[strong], down.ravel()[strong]
    angles = np.arctan2(np.where(gx < 0, -gy, gy), np.abs(gx))
    angles[gx == 0] = np.pi / 2
    # Across an edge that is vertical, falling, horizontal, rising: the gradients of both neighbours are smaller.
    step = np.array([width, 1 - width, 1, width + 1, width])[
        np.floor(4 * angles / np.pi + 2.5).astype(np.intp)
    ]
    largest = (squares[strong] > squares[strong - step]) & (squares[strong] > squares[strong + step])
    edges.ravel()[strong[largest]] = (angles[largest] / np.pi + 0.5) * ORIENTATIONS
    return edges


def _histogram(edges: Float64) -> Int64:
    """Return how much of the edges of a window has each orientation, (30,), in units of 1 / `_WHOLE`."""
    found = edges[~np.isnan(edges)]
    lower = np.floor(found)
    upper = np.ceil(found)
    share = np.where(upper == lower, _WHOLE, np.rint((found - lower) * _WHOLE))
    bins = np.concatenate([lower, upper]).astype(np.int64) % ORIENTATIONS
    weights = np.concatenate([share, _WHOLE - share])
    return np.bincount(bins, weights, minlength=ORIENTATIONS).astype(np.int64)
