"""Descriptors that are compared by the Jensen-Shannon divergence, and their embedding under the Euclidean distance.

The divergence is a sum over numbers of the same function of two levels, and a squared Euclidean distance in some space.
Since there are few levels, kernel principal component analysis of that function over all of them gives the best few
coordinates for each level (Perronnin, Sanchez & Liu, "Large-scale image categorization with explicit data embedding",
CVPR 2010), better than as many of Vedaldi & Zisserman (PAMI 2012). Small levels, which are frequent, weigh more. Two
levels' divergence is met within 1 % where they are small, and falls short by up to 26 % between the largest two; over
pictures ranks agree to 0.999, and 96 to 99 of 100 of the ten nearest are the same (`docs/descriptors.md`).
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float32, Float64, Metric
from lookalike.features.descriptors import distances
from lookalike.features.descriptors.base import Descriptor


class JensenShannonDescriptor(Descriptor):
    """A descriptor of whole numbers 0 to `largest`, compared by a multiple of their Jensen-Shannon divergence."""

    metric: ClassVar[Metric] = "euclidean"
    largest: ClassVar[int]
    factor: ClassVar[float]
    coordinates: ClassVar[int]
    """In how many coordinates a number is embedded."""

    def embed(self, rows: Array) -> Float32:
        """Return descriptors (n, numbers) as float32 (n, numbers * coordinates).

        The Euclidean distance is nearly the root of the divergence.
        """
        table = level_coordinates(self.largest, self.coordinates)
        vectors: Float32 = table[rows].reshape(len(rows), -1)
        return vectors

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the divergences of numbers as they are, times `factor`."""
        return self.factor * distances.jensen_shannon(query, rows)


@cache
def level_coordinates(largest: int, coordinates: int) -> Float32:
    """Return a point for each level, (largest + 1, coordinates), with 0 at the origin.

    Squared distances of points are nearly the divergences of levels.
    """
    levels = np.arange(largest + 1, dtype=np.float64)
    apart = np.stack(
        [distances.jensen_shannon(levels[[level]], levels[:, None]) for level in range(largest + 1)]
    )
    weights = (1 + levels) ** -2
    weights /= weights.sum()
    means = apart @ weights
    products = (means[:, None] + means - apart - means @ weights) / 2
    roots = np.sqrt(weights)
    values, vectors = np.linalg.eigh(roots[:, None] * products * roots)
    points = vectors[:, : -coordinates - 1 : -1] * np.sqrt(values[: -coordinates - 1 : -1]) / roots[:, None]
    points -= points[0]
    points *= np.where(points[-1] < 0, -1, 1)  # which LAPACK leaves open
    table: Float32 = points.astype(np.float32)
    return table
