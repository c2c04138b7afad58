"""Queries with their true neighbours, by plain comparison."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32
from lookalike.index.lsh.neighbours import Pairs


def true_pairs(queries: Float32, rows: Float32, k: int = 10) -> Pairs:
    """Return `queries` (q, d) with the k of `rows` (n, d) that are nearest by Euclidean distance."""
    distances = np.linalg.norm(queries[:, np.newaxis] - rows, axis=2)
    nearest = np.argsort(distances, axis=1)[:, :k].reshape(-1)
    firsts = np.arange(len(queries) + 1) * k
    return Pairs(queries, rows[nearest], firsts, np.full(len(queries), k), rows, len(rows))
