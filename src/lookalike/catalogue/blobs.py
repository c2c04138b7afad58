"""Vectors as they are stored: the bytes of their numbers, little-endian.

Vectors are float32, binary codes uint8. A set is the uint32 of its elements alone, so that sets of unlike sizes take no
more than they have; the dimension of their feature is the width that they are given when they are read, which grows
with the largest of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.arrays import DISCRETE, Metric, Rows, as_vectors
from lookalike.errors import VectorError
from lookalike.sets import NO_ELEMENT, is_sorted


def to_blobs(rows: Rows, metric: Metric) -> list[bytes]:
    """The bytes of each of `rows` (n, d), as `as_vectors` returns them."""
    little = rows.astype(rows.dtype.newbyteorder("<"), copy=False)
    if metric != "jaccard":
        return [row.tobytes() for row in little]
    sizes = np.count_nonzero(rows != NO_ELEMENT, axis=1).tolist()
    return [row[:size].tobytes() for row, size in zip(little, sizes, strict=True)]


def from_blobs(blobs: Sequence[bytes], dimension: int, metric: Metric) -> Rows:
    """The rows (n, dimension) of blobs that `fits` all of them."""
    kept = DISCRETE.get(metric, np.dtype(np.float32))
    # Of a bytearray, arrays may be written to, as compiled code wants it.
    flat = np.frombuffer(bytearray().join(blobs), dtype=kept.newbyteorder("<")).astype(kept, copy=False)
    if metric != "jaccard":
        return flat.reshape(len(blobs), dimension)
    sizes = np.array([len(blob) // kept.itemsize for blob in blobs], dtype=np.int64)
    rows = np.full((len(blobs), dimension), NO_ELEMENT, dtype=kept)
    rows[np.arange(dimension) < sizes[:, np.newaxis]] = flat
    return rows


def fits(blob: bytes, dimension: int, metric: Metric) -> bool:
    """Whether a blob has the length of a vector of `dimension` numbers, or of a set of no more elements."""
    size = DISCRETE.get(metric, np.dtype(np.float32)).itemsize
    if metric == "jaccard":
        return len(blob) % size == 0 and len(blob) <= size * dimension
    return len(blob) == size * dimension


def is_meant(blob: bytes, dimension: int, metric: Metric) -> bool:
    """Whether a blob that `fits` holds what no writer would refuse: finite numbers, elements in order."""
    row = from_blobs([blob], dimension, metric)
    if metric == "jaccard":
        return is_sorted(row)
    try:
        as_vectors(row, metric="hamming" if metric == "hamming" else "euclidean")
    except VectorError:
        return False
    return True
