"""What the sketches say of one row, and how far that may be off, for people who ask why."""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Float32
from lookalike.index.sketches.sketched_rows import SketchedRows

CONFIDENCE = 2.5
"""Standard errors in an error bound."""


def estimate(sketched: SketchedRows, query: Float32, row: int) -> tuple[float, float]:
    """Return the distance of `row` from one query (1, d) that its sketch tells, and the error bound.

    As `lookalike.index.sketches.sketched_rows` has it, in float64 and without the rounding of the query's table. The
    standard error is RaBitQ's; to it is added that of what lies outside of the sketch's axes, taken for random.
    """
    rotation = sketched.rotation
    centroid = sketched.centroids[sketched.group_of(row)].astype(np.float64)
    residual = sketched.rows_as_hashed(np.array([row]))[0] - centroid
    asked = query[0].astype(np.float64)
    mean = rotation.mean.astype(np.float64)
    dot = sketched.metric == "dot"
    matrix = rotation.matrix.astype(np.float64)
    other = asked - (mean if dot else centroid)
    rotated, aim = residual @ matrix, other @ matrix
    size, length = float(np.abs(rotated).sum()), float(np.linalg.norm(rotated))
    product = length**2 / size * float(np.where(rotated > 0, 1, -1) @ aim) if size else 0.0
    signs, left = len(rotated), len(residual) - len(rotated)
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
    if sketched.metric == "cosine":
        return square / 2, error
    middle = math.sqrt(max(square, 0.0))
    high, low = math.sqrt(max(square + 2 * error, 0.0)), math.sqrt(max(square - 2 * error, 0.0))
    return middle, max(high - middle, middle - low)
