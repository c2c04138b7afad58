"""What clusterings learn of a sample, each part once however many families share it."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32
from lookalike.hashing.base import mean_of
from lookalike.hashing.components import principal_components
from lookalike.hashing.k_means import many_means
from lookalike.hashing.residuals import residual_means

COMPONENT_ROWS = 16_384
"""Rows of a sample that its components are told by."""
ROWS_A_CLUSTER = 32
"""Rows of a sample that a clustering is trained on, a cluster."""


class ClusteringLearner:
    """Principal components of a sample, and centroids of its tables by their number, table after table.

    What a table learns depends on the sample, the seed, its own number and how many centroids there are, and not on how
    many tables a family has: so a family of few tables is the beginning of one of more.
    """

    def __init__(self, sample: Float32, components: int, seed: int) -> None:
        """Find the first `components` principal components of `sample` (n, d), n >= 1, and turn it to them."""
        some = _drawn(sample, COMPONENT_ROWS, np.random.default_rng(seed))
        self.seed = seed
        self.mean = mean_of(some)
        self.components = np.ascontiguousarray(principal_components(some)[:, :components])
        self._turned: Float32 = np.subtract(sample, self.mean) @ self.components
        self._centroids: dict[tuple[int, int], Float32] = {}
        self._cells: dict[tuple[int, int, int], tuple[Float32, Float32]] = {}

    def centroids(self, table: int, clusters: int) -> Float32:
        """Return those of a table with at most `clusters` clusters, (m, components)."""
        if (table, clusters) not in self._centroids:
            random = np.random.default_rng((self.seed, table))
            drawn = _drawn(self._turned, ROWS_A_CLUSTER * clusters, random)
            self._centroids[table, clusters] = many_means(drawn, clusters, random)
        return self._centroids[table, clusters]

    def cells(self, table: int, clusters: int, residuals: int) -> tuple[Float32, Float32]:
        """Return centroids of a table's clusters, (m, components), and of their residuals, (r, components)."""
        key = table, clusters, residuals
        if key not in self._cells:
            random = np.random.default_rng((self.seed, table, residuals))
            drawn = _drawn(self._turned, ROWS_A_CLUSTER * max(clusters, residuals), random)
            self._cells[key] = residual_means(drawn, self.centroids(table, clusters), residuals, random)
        return self._cells[key]


def _drawn(sample: Float32, count: int, random: np.random.Generator) -> Float32:
    """Return `count` rows of `sample`, or all where it has fewer."""
    if len(sample) <= count:
        return sample
    return sample[np.sort(random.choice(len(sample), count, replace=False))]
