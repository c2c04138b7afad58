"""k-means in NumPy: Lloyd's algorithm with sampled seeding, deterministic by seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32

Int64 = npt.NDArray[np.int64]

BLOCK_BYTES = 16 << 20
ROUNDS = 10


def k_means(sample: Float32, clusters: int, random: np.random.Generator) -> Float32:
    """Return at most `clusters` centroids (m, d) of `sample` (n, d); m = min(clusters, n).

    Seeds are rows drawn without repetition. After each round a centroid without rows is moved beside that of
    the largest cluster, which then splits.
    """
    clusters = min(clusters, len(sample))
    centroids = sample[np.sort(random.choice(len(sample), clusters, replace=False))].copy()
    for _ in range(ROUNDS):
        labels = nearest_centroid(sample, centroids)
        counts = np.bincount(labels, minlength=clusters)
        used = np.flatnonzero(counts)
        by_label = np.argsort(labels, kind="stable")
        starts = (np.cumsum(counts) - counts)[used]
        sums: Float32 = np.add.reduceat(sample[by_label], starts, axis=0, dtype=np.float32)
        centroids[used] = np.divide(sums, counts[used][:, np.newaxis])
        _repair(centroids, counts, random)
    return centroids


def squared_distances(vectors: Float32, centroids: Float32) -> Float32:
    """Return the squared distance of each of `vectors` (n, d) to each of `centroids` (m, d), (n, m).

    By a product of matrices, so with float32's rounding error of the squared lengths; never below 0.
    """
    distances: Float32 = vectors @ centroids.T
    distances *= -2
    distances += np.einsum("ij,ij->i", centroids, centroids)
    distances += np.einsum("ij,ij->i", vectors, vectors)[:, np.newaxis]
    return np.maximum(distances, 0, out=distances)


def nearest_centroid(vectors: Float32, centroids: Float32) -> Int64:
    """Return the number of each vector's nearest centroid, the lower where two are as near."""
    labels = np.empty(len(vectors), dtype=np.int64)
    step = max(1, BLOCK_BYTES // (4 * max(len(centroids), vectors.shape[1])))
    for start in range(0, len(vectors), step):
        block = np.asarray(vectors[start : start + step])
        labels[start : start + step] = squared_distances(block, centroids).argmin(axis=1)
    return labels


def _repair(centroids: Float32, counts: Int64, random: np.random.Generator) -> None:
    """Move each centroid without rows beside that of the largest cluster."""
    counts = counts.copy()
    for empty in np.flatnonzero(counts == 0):
        largest = int(counts.argmax())
        nudge = 1 + random.uniform(-1, 1, centroids.shape[1]) / 1024
        centroids[empty] = centroids[largest] * nudge
        counts[empty] = counts[largest] // 2
        counts[largest] -= counts[empty]
