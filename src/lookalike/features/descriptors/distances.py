"""Distances of descriptors as they are defined: one row (d,) to others (n, d), as float64 (n,).

They are what embeddings are held against; no index computes them.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, Float64


def weighted_l1(query: Array, rows: Array, weights: Float64 | float = 1.0) -> Float64:
    """Return sum w |a - b|; `weights` is one number or (d,)."""
    apart: Float64 = np.abs(query.astype(np.float64) - rows)
    total: Float64 = (apart * weights).sum(axis=-1)
    return total


def mean_l1(query: Array, rows: Array) -> Float64:
    """Return the mean of |a - b|."""
    return weighted_l1(query, rows, 1 / rows.shape[-1])


def root_mean_square(query: Array, rows: Array) -> Float64:
    """Return the root of the mean of (a - b)^2."""
    mean: Float64 = np.square(query.astype(np.float64) - rows).mean(axis=-1)
    return np.sqrt(mean)


def tanimoto(query: Array, rows: Array) -> Float64:
    """Return 100 - 100 p.q / (p.p + q.q - p.q) of rows divided by their sums, 0 to 100; numbers are not negative.

    An empty row is 0 from another empty one, and 100 from all else (Rogers & Tanimoto, Science 1960).
    """
    a, b = _shares(query), _shares(rows)
    both = b @ a
    union = (b * b).sum(axis=-1) + a @ a - both
    alike: Float64 = np.divide(both, union, out=np.ones(len(b)), where=union > 0)
    return 100 * np.maximum(1 - alike, 0)


def jensen_shannon(query: Array, rows: Array) -> Float64:
    """Return sum a ln(2a / (a + b)) + b ln(2b / (a + b)), of numbers as they are, not of their shares (Lin, 1991)."""
    a, b = np.broadcast_arrays(query.astype(np.float64), rows.astype(np.float64))
    total: Float64 = (_against_mean(a, a + b) + _against_mean(b, a + b)).sum(axis=-1)
    return np.maximum(total, 0)


def _against_mean(a: Float64, both: Float64) -> Float64:
    ratio = np.divide(2 * a, both, out=np.ones_like(a), where=a > 0)
    terms: Float64 = a * np.log(ratio)
    return terms


def _shares(rows: Array) -> Float64:
    """Return non-negative rows (..., d) divided by their sums; empty ones stay zero."""
    rows = rows.astype(np.float64)
    sums = rows.sum(axis=-1, keepdims=True)
    shares: Float64 = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    return shares
