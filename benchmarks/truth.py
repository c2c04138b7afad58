"""Exact neighbours, computed in blocks and kept by the content of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import cache
from benchmarks.recall import distances

NEIGHBOURS = 100
"""As many as ann-benchmarks keeps."""
SPARE = 32
"""Rows beyond these that single precision may rank wrongly; their order is decided in double precision."""
ROWS, QUERIES = 16_384, 512
"""Rows and queries in one product: 32 MiB of scores."""


def exact(
    base: npt.NDArray[Any], queries: npt.NDArray[Any], metric: str, k: int = NEIGHBOURS
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return row numbers (q, k) and distances (q, k) of the nearest rows, nearest first, ties by row number.

    Args:
        base: (n, d) of any real dtype; n >= k. Read in blocks, so it may be memory-mapped.
        queries: (q, d).
        metric: "euclidean", "cosine" or "dot".
    """
    kept = min(k + SPARE, len(base))
    ids = np.empty((len(queries), k), dtype=np.int64)
    near = np.empty((len(queries), k), dtype=np.float64)
    for first in range(0, len(queries), QUERIES):
        block = np.asarray(queries[first : first + QUERIES], dtype=np.float32)
        scores = np.full((len(block), kept), np.inf, dtype=np.float32)
        rows = np.zeros((len(block), kept), dtype=np.int64)
        for start in range(0, len(base), ROWS):
            found = _scores(np.asarray(base[start : start + ROWS], dtype=np.float32), block, metric)
            few = min(kept, found.shape[1])
            best = np.argpartition(found, few - 1, axis=1)[:, :few]
            scores = np.concatenate([scores, np.take_along_axis(found, best, axis=1)], axis=1)
            rows = np.concatenate([rows, best + start], axis=1)
            best = np.argpartition(scores, kept - 1, axis=1)[:, :kept]
            scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
        true = distances(base, block, rows, metric)
        order = np.lexsort((rows, true), axis=1)[:, :k]
        ids[first : first + QUERIES] = np.take_along_axis(rows, order, axis=1)
        near[first : first + QUERIES] = np.take_along_axis(true, order, axis=1)
    return ids, near


def cached(
    base: npt.NDArray[Any],
    queries: npt.NDArray[Any],
    metric: str,
    folder: Path = cache.FOLDER,
    k: int = NEIGHBOURS,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return what `exact` does for `k` or more, from `folder` if the same data was asked for before."""
    parts: list[npt.NDArray[Any] | str] = [base, queries, metric]
    if k > NEIGHBOURS:
        parts.append(str(k))
    place = folder / "truth" / cache.digest(parts)
    kept = cache.load(place, ("ids", "distances"))
    if kept is None:
        ids, near = exact(base, queries, metric, min(max(k, NEIGHBOURS), len(base)))
        cache.store_all(place, {"ids": ids, "distances": near})
        return ids, near
    return np.asarray(kept["ids"]), np.asarray(kept["distances"])


def _scores(
    rows: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], metric: str
) -> npt.NDArray[np.float32]:
    """Return what orders the rows (n, d) for each query (q, d), smaller is nearer, as (q, n)."""
    squares = np.einsum("ij,ij->i", rows, rows)
    products = queries @ rows.T
    if metric == "euclidean":
        return np.asarray(squares / 2 - products)
    if metric == "cosine":
        return np.asarray(-products / np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny)))
    return -products
