"""Recall as ann-benchmarks defines it: by distances, so that any of several equally near rows is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

TOLERANCE = 1e-6
"""Relative: rows as near as the k-th true neighbour up to rounding are right answers."""


def distances(
    base: npt.NDArray[Any], queries: npt.NDArray[Any], rows: npt.NDArray[Any], metric: str
) -> Float64:
    """Return the distances (q, k) float64 of the rows (q, k) of `base` to their queries (q, d).

    Euclidean (not squared), cosine (1 - similarity) or the negated inner product.
    """
    found = np.empty(rows.shape, dtype=np.float64)
    for number, row in enumerate(rows):
        unique, places = np.unique(row, return_inverse=True)  # HDF5 reads rows in increasing order only
        vectors = base[unique].astype(np.float64)[places]
        query = queries[number].astype(np.float64)
        if metric == "euclidean":
            found[number] = np.sqrt(((vectors - query) ** 2).sum(axis=1))
        else:
            products = vectors @ query
            if metric == "cosine":
                lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
                products = products / np.maximum(lengths, np.finfo(np.float64).tiny) - 1
            found[number] = -products
    return found


def recall(
    base: npt.NDArray[Any],
    queries: npt.NDArray[Any],
    found: npt.NDArray[Any],
    farthest: npt.NDArray[Any],
    metric: str,
) -> float:
    """Return the mean share of `found` (q, k) that is no farther than the k-th true neighbour.

    Args:
        base: (n, d).
        queries: (q, d).
        found: row numbers; -1 where there was none, and a row named twice counts once.
        farthest: distance (q,) of each query's k-th true neighbour.
    """
    rows = found.astype(np.int64)
    ordered = np.sort(rows, axis=1)
    repeated = int((ordered[:, 1:] == ordered[:, :-1])[ordered[:, 1:] >= 0].sum())
    near = distances(base, queries, np.maximum(rows, 0), metric)
    limit = farthest[:, np.newaxis] + TOLERANCE * np.maximum(np.abs(farthest[:, np.newaxis]), 1.0)
    right = (near <= limit) & (rows >= 0)
    return float((right.sum() - repeated) / rows.size)
