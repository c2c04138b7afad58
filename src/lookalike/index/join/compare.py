"""Exact distances of pairs of rows: float32 leaves out what is clearly too far, float64 settles the rest."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.index.io.mapping import is_mapped, release
from lookalike.index.row_forms import comparable
from lookalike.index.scan import DISTANCES
from lookalike.index.search import RELEASED_BYTES
from lookalike.index.view import SnapshotView
from lookalike.kernels.plan import ELEMENTS

BLOCK_PAIRS = 1 << 16
PAIR_BYTES = 1 << 20
SLACK = 1e-4
"""By this share, sums of squares in float32 may be off; their true error is about a tenth of it."""


class Comparison:
    """Compares pairs of rows of a view."""

    def __init__(self, view: SnapshotView, rows: Int64, limit: float) -> None:
        """Take the `rows` of `view` that places stand for, and the distance beyond which no pair is wanted."""
        self._state, self._metric, self._rows, self._limit = view.snapshot, view.metric, rows, limit
        vectors = view.snapshot.base.vectors
        self._vectors = vectors
        self._releases = vectors.nbytes >= RELEASED_BYTES and is_mapped(vectors)
        plain = vectors.dtype == np.float32 or self._metric == "euclidean"
        self._filters = plain and vectors.flags.c_contiguous and vectors.dtype.name in ELEMENTS
        square = 2 * limit if self._metric == "cosine" else limit * limit
        self._most = np.float32(square * (1 + SLACK))

    def __call__(self, first: Int64, second: Int64) -> tuple[Int64, Int64, Float32]:
        """Return those of the pairs of places (p,) and (p,) that are within the limit, and their distances."""
        parts = []
        for start in range(0, len(first), BLOCK_PAIRS):
            part = slice(start, start + BLOCK_PAIRS)
            one, other = first[part], second[part]
            if self._filters:
                near = self._near(one, other)
                one, other = one[near], other[near]
            distances = self._exact(one, other)
            within = distances <= self._limit
            parts.append((one[within], other[within], distances[within]))
        if self._releases:
            release(self._vectors)
        if not parts:
            return first, second, np.empty(0, dtype=np.float32)
        one, other, distances = (np.concatenate(side) for side in zip(*parts, strict=True))
        return one, other, distances

    def _near(self, one: Int64, other: Int64) -> Int64:
        """Return which of the pairs are not clearly too far."""
        from lookalike.kernels.compiled.pair_squares import pair_squares

        places, query = np.unique(one, return_inverse=True)
        queries = comparable(self._state.gather(self._rows[places]), self._metric)
        rows = self._rows[other]
        inside = rows < len(self._vectors)
        squares: Float32 = np.zeros(len(rows), dtype=np.float32)  # those of the tail are all compared
        some = np.empty(np.count_nonzero(inside), dtype=np.float32)
        pair_squares(
            np.ascontiguousarray(queries),
            query[inside].astype(np.int64),
            self._vectors.ctypes.data,
            self._vectors.itemsize * self._vectors.shape[1],
            ELEMENTS.index(self._vectors.dtype.name),
            rows[inside],
            some,
        )
        squares[inside] = some
        return np.flatnonzero(squares <= self._most)

    def _exact(self, one: Int64, other: Int64) -> Float32:
        distances: Float32 = np.empty(len(one), dtype=np.float32)
        step = max(1, PAIR_BYTES // (8 * self._vectors.shape[1]))
        for start in range(0, len(one), step):
            part = slice(start, start + step)
            left, right = (
                comparable(self._state.gather(self._rows[side[part]]), self._metric) for side in (one, other)
            )
            distances[part] = DISTANCES[self._metric](left, right)
        return distances
