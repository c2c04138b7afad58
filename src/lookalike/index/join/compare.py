"""Exact distances of pairs of rows, compiled where they lie in the base, as the rerank of a search compares them."""

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


class Comparison:
    """Compares pairs of rows of a view."""

    def __init__(self, view: SnapshotView, rows: Int64, limit: float) -> None:
        """Take the `rows` of `view` that places stand for, and the distance beyond which no pair is wanted."""
        self._state, self._metric, self._rows, self._limit = view.snapshot, view.metric, rows, limit
        vectors = view.snapshot.base.vectors
        self._vectors = vectors
        self._releases = vectors.nbytes >= RELEASED_BYTES and is_mapped(vectors)
        plain = vectors.dtype == np.float32 or self._metric == "euclidean"
        self._is_compiled = plain and vectors.flags.c_contiguous and vectors.dtype.name in ELEMENTS

    def __call__(self, first: Int64, second: Int64) -> tuple[Int64, Int64, Float32]:
        """Return those of the pairs of places (p,) and (p,) that are within the limit, and their distances."""
        parts = [(first[:0], second[:0], np.empty(0, dtype=np.float32))]
        for start in range(0, len(first), BLOCK_PAIRS):
            one, other = first[start : start + BLOCK_PAIRS], second[start : start + BLOCK_PAIRS]
            distances: Float32 = np.empty(len(one), dtype=np.float32)
            quick = (
                self._rows[other] < len(self._vectors) if self._is_compiled else np.zeros(len(one), np.bool_)
            )
            distances[quick] = self._compiled(one[quick], other[quick])
            distances[~quick] = self._plain(one[~quick], other[~quick])
            within = distances <= self._limit
            parts.append((one[within], other[within], distances[within]))
        if self._releases:
            release(self._vectors)
        one, other, distances = (np.concatenate(side) for side in zip(*parts, strict=True))
        return one, other, distances

    def _compiled(self, one: Int64, other: Int64) -> Float32:
        """Return the distances of pairs, of which the second rows are in the base."""
        from lookalike.kernels.compiled.pair_squares import pair_squares

        places, query = np.unique(one, return_inverse=True)
        queries = comparable(self._state.gather(self._rows[places]), self._metric)
        squares: Float32 = np.empty(len(one), dtype=np.float32)
        pair_squares(
            np.ascontiguousarray(queries),
            query.astype(np.int64),
            self._vectors.ctypes.data,
            self._vectors.itemsize * self._vectors.shape[1],
            ELEMENTS.index(self._vectors.dtype.name),
            self._rows[other],
            squares,
        )
        return (
            np.divide(squares, 2, out=squares) if self._metric == "cosine" else np.sqrt(squares, out=squares)
        )

    def _plain(self, one: Int64, other: Int64) -> Float32:
        distances: Float32 = np.empty(len(one), dtype=np.float32)
        step = max(1, PAIR_BYTES // (8 * self._vectors.shape[1]))
        for start in range(0, len(one), step):
            part = slice(start, start + step)
            left, right = (
                comparable(self._state.gather(self._rows[side[part]]), self._metric) for side in (one, other)
            )
            distances[part] = DISTANCES[self._metric](left, right)
        return distances
