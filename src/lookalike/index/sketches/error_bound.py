"""What the sketches say of one row, and how far that may be off, for people who ask why."""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.hashing.k_means import squared_distances
from lookalike.index.ivf.inverted_file import InvertedFile

CONFIDENCE = 2.5
"""An error bound is of so many standard errors."""


def estimate(partition: InvertedFile, query: Float32, row: int) -> tuple[float, float]:
    """Return the distance of `row` from one query (1, d) that its sketch tells, and the error bound.

    As `lookalike.index.ivf.inverted_file` has it, in float64 and without the rounding of the query's table. The
    standard error is RaBitQ's; to it is added that of what lies outside of the sketch's axes, taken for random.
    """
    projection = partition.projection
    bucket = int(np.searchsorted(partition.offsets, row, side="right")) - 1
    centroid = partition.centroids[bucket].astype(np.float64)
    residual = partition.rows_as_hashed(np.array([row]))[0] - centroid
    asked = query[0].astype(np.float64)
    mean = projection.mean.astype(np.float64)
    dot = partition.metric == "dot"
    matrix = projection.matrix.astype(np.float64)
    other = asked - (mean if dot else centroid)
    turned, aim = residual @ matrix, other @ matrix
    size, length = float(np.abs(turned).sum()), float(np.linalg.norm(turned))
    product = length**2 / size * float(np.where(turned > 0, 1, -1) @ aim) if size else 0.0
    signs, left = len(turned), len(residual) - len(turned)
    cosine = min(1.0, size / (math.sqrt(signs) * length)) if length else 1.0
    variance = (length * float(np.linalg.norm(aim))) ** 2 * (1 - cosine**2) / (cosine**2 * (signs - 1))
    if left > 0:
        outside = max(0.0, float(residual @ residual) - length**2) * max(
            0.0, float(other @ other - aim @ aim)
        )
        variance += outside / left
    error = CONFIDENCE * math.sqrt(variance)
    if dot:
        return -float(asked @ centroid) - float(mean @ residual) - product, error
    square = float(other @ other + residual @ residual) - 2 * product
    if partition.metric == "cosine":
        return square / 2, error
    middle = math.sqrt(max(square, 0.0))
    high, low = math.sqrt(max(square + 2 * error, 0.0)), math.sqrt(max(square - 2 * error, 0.0))
    return middle, max(high - middle, middle - low)


def probed(partition: InvertedFile, query: Float32, probes: int, reach: float) -> Int64:
    """Return the buckets that one query (1, d) looks into, likeliest first; see `InvertedFile.search`."""
    if partition.metric == "dot":
        cost = -(query @ partition.centroids.T)[0]
        unit = float(np.linalg.norm(query))
    else:
        cost = squared_distances(query, partition.centroids)[0]
        unit = math.sqrt(max(float(cost.min()), 0.0))
    within = int(np.count_nonzero(cost <= cost.min() + reach * unit))
    return np.argsort(cost, kind="stable")[: min(max(within, (probes + 1) // 2), 2 * probes)]
