"""Clustered rows and their inverted files, for tests."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows


def clustered(random: Any, rows: int, dimension: int, clusters: int = 40) -> npt.NDArray[np.float32]:
    """Return rows (n, d) float32 about centres drawn first, whatever `rows` is."""
    centres = np.random.default_rng(dimension).standard_normal((clusters, dimension)) * 3
    members = centres[random.integers(0, clusters, rows)] + random.standard_normal((rows, dimension))
    return np.asarray(members, dtype=np.float32)


def inverted_file_of(vectors: npt.NDArray[Any], metric: Any, buckets: int, seed: int = 0) -> InvertedFile:
    """Return the inverted file of `vectors` in that number of buckets; ids are row numbers."""
    random = np.random.default_rng(seed)
    wide = vectors.astype(np.float32)
    if metric == "cosine":
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    if vectors.dtype == np.float32:
        vectors = wide
    centroids = wide[random.choice(len(wide), buckets, replace=False)].copy()
    for _ in range(5):
        labels = ((centroids**2).sum(axis=1) - 2 * wide @ centroids.T).argmin(axis=1)
        for bucket in range(buckets):
            if (labels == bucket).any():
                centroids[bucket] = wide[labels == bucket].mean(axis=0)
    order = np.argsort(labels, kind="stable")
    offsets = np.append(0, np.cumsum(np.bincount(labels, minlength=buckets)))
    rotation = Rotation.fitted(wide, seed)
    return InvertedFile(SketchedRows.encoded(metric, vectors[order], order, rotation, centroids, offsets))
