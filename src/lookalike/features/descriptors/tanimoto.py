"""Descriptors that are compared by their Tanimoto coefficient, and their embedding under cosine.

With p and q of lengths |p| and |q|, at an angle whose cosine is c, Tanimoto's coefficient is T = D / (2 - D), where
D = 2 p.q / (p.p + q.q) = c sech(ln |p| - ln |q|): so D ranks as T does. Since sech t is nearly cos t where t is small,
D is nearly the dot product of unit vectors p / |p| (cos ln |p|, sin ln |p|): one frequency in place of the many that
Vedaldi & Zisserman, "Efficient additive kernels via explicit feature maps", PAMI 2012, sample of a kernel's spectrum.
From a cosine distance d, Tanimoto's is 200 d / (1 + d). Over pictures both rank alike to 0.999, and more than 99 of 100
of the ten nearest are the same (`docs/descriptors.md`); only rows of very unlike lengths are farther from T, and these
are far apart in any case. That T is a positive definite kernel, and so has an embedding, is by Ralaivola, Swamidass,
Saigo & Baldi, "Graph kernels for chemical informatics", Neural Networks 2005.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float32, Float64, Metric
from lookalike.features.descriptors import distances
from lookalike.features.descriptors.base import Descriptor


class TanimotoDescriptor(Descriptor):
    """A descriptor of numbers that are not negative, compared by Tanimoto's distance of their shares, 0 to 100."""

    metric: ClassVar[Metric] = "cosine"

    def embed(self, rows: Array) -> Float32:
        """Return descriptors (n, numbers) as unit vectors, float32 (n, 2 * numbers); see the module's text."""
        return tanimoto_vectors(rows).astype(np.float32)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return Tanimoto's distances of shares, 0 to 100."""
        return distances.tanimoto(query, rows)


def tanimoto_vectors(rows: Array) -> Float64:
    """Return unit vectors (n, 2 d) whose dot product is nearly 2 p.q / (p.p + q.q) of the shares of rows (n, d).

    A row of zeros, which has no shares, is taken for one whose shares are equal.
    """
    numbers = rows.astype(np.float64)
    numbers[~numbers.any(axis=1)] = 1
    lengths = np.sqrt(np.square(numbers).sum(axis=1, keepdims=True))
    directions = numbers / lengths
    turns = np.log(lengths / numbers.sum(axis=1, keepdims=True))
    return np.concatenate([np.cos(turns) * directions, np.sin(turns) * directions], axis=1)
