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
    sample: Float32, clusters: int, residuals: int, random: np.random.Generator
) -> tuple[Float32, Float32]:
    """Return centroids of at most `clusters` clusters, (m, d), and of at most `residuals` residuals, (r, d).

    Both are learned one after the other, and then once more, each by what the other leaves of `sample` (n, d).
    """
    centroids = many_means(sample, clusters, random)
    left = sample - centroids[nearest_centroid(sample, centroids)]
    rest = many_means(left, residuals, random)
    cells = nearest_cells(sample, centroids[np.newaxis], rest[np.newaxis], 1)[0][:, 0, 0]
    cluster, residual = np.divmod(cells, len(rest))
    centroids = means_of(sample - rest[residual], centroids, cluster, random)
    return centroids, means_of(sample - centroids[cluster], rest, residual, random)


def nearest_cells(
    vectors: Float32, centroids: Float32, residuals: Float32, count: int
) -> tuple[Int64, Float32]:
    """Return numbers and distances of the `count` nearest cells of each table, nearest first, (n, tables, count) each.

    Cell number i r + j is that of cluster i and residual j.

    Args:
        vectors: (n, d), best about their mean: distances have float32's rounding error of the squared lengths.
        centroids: (tables, m, d).
        residuals: (tables, r, d).
        count: from 1 to the number of cells.
    """
    tables, clusters, _ = centroids.shape
    rest = residuals.shape[1]
    looks = min(clusters, max(LOOKS, -(-count // rest)))
    numbers = np.empty((len(vectors), tables, count), dtype=np.int64)
    distances = np.empty(numbers.shape, dtype=np.float32)
    halves = np.einsum("tij,tij->ti", centroids, centroids) / 2
    rest_halves = np.einsum("tij,tij->ti", residuals, residuals) / 2
    crossed = centroids @ residuals.transpose(0, 2, 1)
    step = max(1, BLOCK_BYTES // (4 * max(clusters, looks * rest)))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        lengths = np.einsum("ij,ij->i", block, block)[:, np.newaxis]
        for table in range(tables):
            products = block @ centroids[table].T - halves[table]
            looked = np.argpartition(products, clusters - looks, axis=1)[:, clusters - looks :]
            looked.sort(axis=1)
            cells = (block @ residuals[table].T - rest_halves[table])[:, np.newaxis] - crossed[table][looked]
            cells += np.take_along_axis(products, looked, axis=1)[:, :, np.newaxis]
            places, values = several_largest(cells.reshape(len(block), -1), count)
            here = (slice(start, start + len(block)), table)
            cluster, residual = np.divmod(places, rest)
            numbers[here] = np.take_along_axis(looked, cluster, axis=1) * rest + residual
            distances[here] = np.sqrt(np.maximum(lengths - 2 * values, 0))
    return numbers, distances
