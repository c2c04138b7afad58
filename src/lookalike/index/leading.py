"""Exact search among few long rows, again and again: most are ruled out by the directions in which they differ most.

With orthonormal directions P, which a sample's principal components give, and r(v) the length of what they leave of v,

    |q - v|^2  >=  |P q - P v|^2 + (r(q) - r(v))^2,

which is the squared distance of two short vectors. Rows whose bound is beyond the k-th nearest are left out before the
others are compared as every scan does. No neighbour is lost however the directions were chosen; good ones only leave
fewer rows. (Faloutsos et al., Efficient and effective querying by image content, 1994, filter by such bounds; what the
directions leave is bounded by the triangle inequality.)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.index.row_forms import comparable
from lookalike.index.scan import QUERY_BLOCK, nearest, pair_distances

DIRECTIONS = 192
SHORTEST = 2 * DIRECTIONS
"""Of shorter vectors too little is saved."""
FEWEST, MOST = 1_000, 20_000
"""Rows. Fewer are compared as soon; of more, what is kept would take much memory."""
SAMPLED = 500
AFTER = 100
"""Queries that are answered without: the directions take about as long to find as these."""
BLOCK = 1_024
LONGEST = 1e15
"""Squares of longer vectors might not fit into float32."""
UNIT = 2.0**-24
USEFUL = 0.25
"""Where more than this share of the rows is left, all are compared; and after some such queries, at once."""

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """The short vectors of some rows."""

    centre: Float64
    """(d,)."""
    directions: Float64
    """(d, p), orthonormal."""
    short: Float32
    """(n, p + 1) of the rows: P (v - centre), and the length of what is left."""
    squares: Float32
    """(n,), of their lengths."""
    longest: float
    """Length of the longest."""

    @classmethod
    def of(cls, vectors: Rows, metric: Metric) -> Directions | None:
        """Return those of `vectors` (n, d); None where they are too long for this."""
        rows = vectors[:: max(1, len(vectors) // SAMPLED)]
        sample = comparable(rows, metric).astype(np.float64)
        centre = sample.mean(axis=0)
        sample -= centre
        # Of fewer rows than numbers, the products of rows are the smaller matrix, and their eigenvectors tell as much.
        _, weights = np.linalg.eigh(sample @ sample.T)
        directions, _ = np.linalg.qr(sample.T @ weights[:, -DIRECTIONS:])
        short = np.empty((len(vectors), DIRECTIONS + 1), dtype=np.float32)
        for start in range(0, len(vectors), BLOCK):
            block = comparable(vectors[start : start + BLOCK], metric)
            with np.errstate(over="ignore"):
                short[start : start + BLOCK] = _shortened(block, centre, directions)
        lengths = np.sqrt(np.einsum("ij,ij->i", short, short, dtype=np.float64))
        if not lengths.max() < LONGEST:
            return None
        squares: Float32 = (lengths * lengths).astype(np.float32)
        return cls(centre, directions, short, squares, float(lengths.max()))

    def left(self, queries: Float32, vectors: Rows, k: int, metric: Metric) -> tuple[Int64, Int64]:
        """Return the rows and the queries (q, d) of all pairs that may be of the k nearest, those pairs among them."""
        bounds, errors = self._bounds(queries)
        near = np.argpartition(bounds, k - 1, axis=0)[:k].T
        asked = np.repeat(np.arange(len(queries)), k)
        distances = pair_distances(queries, vectors, asked, near.ravel(), metric)
        farthest = distances.reshape(near.shape).max(axis=1).astype(np.float64)
        squared = 2 * farthest if metric == "cosine" else farthest * farthest
        return np.divmod(np.flatnonzero(bounds <= squared * (1 + 2.0**-20) + errors), len(queries))

    def _bounds(self, queries: Float32) -> tuple[Float32, Float64]:
        """Return bounds (n, q) of squared distances, and by how much each query's may be too high, (q,)."""
        short = _shortened(queries, self.centre, self.directions)
        squares = np.einsum("ij,ij->i", short, short)
        with np.errstate(over="ignore", invalid="ignore"):
            bounds: Float32 = self.short @ (-2 * short).astype(np.float32).T
            bounds += self.squares[:, np.newaxis]
            bounds += squares.astype(np.float32)
        # Sums of p + 1 products, their terms rounded, too, and lengths that were left over by a difference.
        error = (2 * DIRECTIONS + 64) * UNIT * (self.longest + np.sqrt(squares)) ** 2
        return bounds, error + DIRECTIONS * 2.0**-126


class Leading:
    """Searches some rows that never change; safe for threads."""

    def __init__(self) -> None:
        self._asked = 0
        self._lock = threading.Lock()
        self._found: Directions | None = None
        self._missed = 0
        """Queries that left too many rows."""
        self._is_useless = False

    def nearest(
        self, queries: Float32, vectors: Rows, ids: Int64, k: int, metric: Metric
    ) -> tuple[Int64, Float32] | None:
        """Return what `scan` returns, to the last bit; None where that is to be asked, as at first."""
        if self._missed > AFTER or metric not in ("euclidean", "cosine"):
            return None
        if not (FEWEST <= len(vectors) <= MOST and vectors.shape[1] >= SHORTEST and k <= len(vectors) // 8):
            return None
        found = self._directions(len(queries), vectors, metric)
        if (
            found is None
            or not (np.einsum("ij,ij->i", queries, queries, dtype=np.float64) < LONGEST**2).all()
        ):
            return None
        answer = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        for start in range(0, len(queries), QUERY_BLOCK):
            here = slice(start, start + QUERY_BLOCK)
            row, query = found.left(queries[here], vectors, k, metric)
            if len(row) > USEFUL * len(queries[here]) * len(vectors):
                self._missed += 1
                return None
            distances = pair_distances(queries[here], vectors, query, row, metric)
            nearest(query, ids[row], distances, answer[0][here], answer[1][here])
        return answer

    def _directions(self, queries: int, vectors: Rows, metric: Metric) -> Directions | None:
        """Return them once so many queries have come that it pays to find them; by one thread, for which none waits."""
        if self._found is None and not self._is_useless:
            self._asked += queries
            if self._asked > AFTER and self._lock.acquire(blocking=False):
                try:
                    self._found = self._found or Directions.of(vectors, metric)
                    self._is_useless = self._found is None
                finally:
                    self._lock.release()
        return self._found


def _shortened(vectors: Float32, centre: Float64, directions: Float64) -> Float64:
    """Return (n, p + 1): vectors (n, d) along the directions, and the lengths of what is left."""
    about = vectors.astype(np.float64) - centre
    along = about @ directions
    left = np.einsum("ij,ij->i", about, about) - np.einsum("ij,ij->i", along, along)
    return np.column_stack((along, np.sqrt(np.maximum(left, 0))))
