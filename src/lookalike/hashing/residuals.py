"""Cells of two codebooks: the centroid of a cluster and, added to it, that of a residual.

After Chen, Guan and Wang, Approximate nearest neighbor search by residual vector quantization (Sensors 2010): so
m clusters and r residuals give m r cells, of which only m + r centroids are kept, trained and compared.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.hashing.k_means import many_means, means_of, nearest_centroid, several_largest

LOOKS = 32
"""Clusters whose cells are compared with a vector: those whose centroids are nearest."""
BLOCK_BYTES = 8 << 20


def residual_means(
    sample: Float32, centroids: Float32, residuals: int, random: np.random.Generator
) -> tuple[Float32, Float32]:
    """Return `centroids` of clusters, (m, d), moved to suit residuals, and those of at most `residuals`, (r, d).

    Residuals are learned of what the centroids leave of `sample` (n, d), and then both once more, each by what the
    other leaves.
    """
    left = sample - centroids[nearest_centroid(sample, centroids)]
    rest = many_means(left, residuals, random)
    cells = Cells(centroids[np.newaxis], rest[np.newaxis]).nearest(sample, 1)[0][:, 0, 0]
    cluster, residual = np.divmod(cells, len(rest))
    centroids = means_of(sample - rest[residual], centroids, cluster, random)
    return centroids, means_of(sample - centroids[cluster], rest, residual, random)


class Cells:
    """Finds the nearest cells of several tables."""

    def __init__(self, centroids: Float32, residuals: Float32) -> None:
        """Take centroids of clusters, (tables, m, d), and of residuals, (tables, r, d)."""
        self.centroids, self.residuals = centroids, residuals
        self._halves = np.einsum("tij,tij->ti", centroids, centroids) / 2
        self._rest_halves = np.einsum("tij,tij->ti", residuals, residuals) / 2
        self._crossed = centroids @ residuals.transpose(0, 2, 1)

    def nearest(self, vectors: Float32, count: int) -> tuple[Int64, Float32]:
        """Return numbers and distances of the `count` nearest cells of each table, (n, tables, count) each.

        Nearest first. Cell number i r + j is that of cluster i and residual j.

        Args:
            vectors: (n, d), best about their mean: distances have float32's rounding error of the squared lengths.
            count: from 1 to the number of cells.
        """
        tables, clusters, _ = self.centroids.shape
        rest = self.residuals.shape[1]
        looks = min(clusters, max(LOOKS, -(-count // rest)))
        numbers = np.empty((len(vectors), tables, count), dtype=np.int64)
        distances = np.empty(numbers.shape, dtype=np.float32)
        step = max(1, BLOCK_BYTES // (4 * max(clusters, looks * rest)))
        for start in range(0, len(vectors), step):
            block = vectors[start : start + step]
            lengths = np.einsum("ij,ij->i", block, block)[:, np.newaxis]
            for table in range(tables):
                products = block @ self.centroids[table].T - self._halves[table]
                looked = np.argpartition(products, clusters - looks, axis=1)[:, clusters - looks :]
                looked.sort(axis=1)
                cells = (block @ self.residuals[table].T - self._rest_halves[table])[:, np.newaxis]
                cells = cells - self._crossed[table][looked]
                cells += np.take_along_axis(products, looked, axis=1)[:, :, np.newaxis]
                places, values = several_largest(cells.reshape(len(block), -1), count)
                cluster, residual = np.divmod(places, rest)
                here = slice(start, start + len(block))
                numbers[here, table] = np.take_along_axis(looked, cluster, axis=1) * rest + residual
                distances[here, table] = np.sqrt(np.maximum(lengths - 2 * values, 0))
        return numbers, distances
