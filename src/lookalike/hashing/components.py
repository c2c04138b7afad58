"""Principal components of a sample."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32


def principal_components(sample: Float32) -> Float32:
    """Return the principal components of `sample` (n, d) as columns, those of the largest variance first, (d, d)."""
    centred = sample - sample.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)
