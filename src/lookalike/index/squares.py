"""What a scan knows of rows beforehand: a centre to compare them about, and how far each is from it.

Rounding errors grow with lengths, so rows that lie far from the origin are compared about a centre of their own. It is
their median: of a mean, one row of 1e4 times the usual length would make a place where no row is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Metric, Rows
from lookalike.index.row_forms import comparable

SAMPLED_ROWS = 64
NEAR_ORIGIN = 4.0
"""Rows whose centre is no farther from the origin than this many times their spread are compared about the origin."""
SPREAD_SHARE = 0.75
"""The spread is the distance from the centre within which this share of the sampled rows lies."""


@dataclass(frozen=True, slots=True)
class Centred:
    """Some rows about their centre."""

    centre: Float32
    """(d,), zero for the origin; under "cosine" of the rows at length one."""
    offset: float
    """Length of the centre."""
    spread: float
    """About how far rows are from the centre."""
    squares: Float32
    """(n,), a quarter of the squared distance of each row from the centre; NaN where nobody has filled it in yet. Of
    rows whose squares float32 holds, a quarter leaves room to add two of them up."""
    lengths: Float32
    """(n,), of each row, NaN where nobody has filled it in yet; read under "cosine" for rows of narrow types only."""

    def first(self, rows: int) -> Centred:
        """Return what there is of the first `rows`."""
        return Centred(self.centre, self.offset, self.spread, self.squares[:rows], self.lengths[:rows])


class Squares:
    """Keeps what is known of rows, to which others may be added at the end, at 4 bytes a row.

    Threads may fill in at once, since all would write the same. When the rows have doubled, a new centre is taken.
    """

    def __init__(self) -> None:
        self._kept: Centred | None = None

    def of(self, vectors: Rows, metric: Metric) -> Centred:
        """Return what is known of all of `vectors` (n, d), which begin with those of the call before."""
        kept, rows = self._kept, len(vectors)
        if kept is None or len(kept.squares) < rows:
            room = rows if kept is None else max(rows, 2 * len(kept.squares))
            self._kept = kept = _centred(vectors, metric, room)
        return kept if len(kept.squares) == rows else kept.first(rows)


def _centred(vectors: Rows, metric: Metric, room: int) -> Centred:
    """Return the centre of `vectors` (n, d), and room for what is to be known of `room` rows."""
    sample = comparable(vectors[:: max(1, len(vectors) // SAMPLED_ROWS)], metric)
    centre = np.zeros(vectors.shape[1], dtype=np.float32)
    lengths = _lengths(sample)
    if len(sample):
        middle: Float32 = np.median(sample, axis=0).astype(np.float32)
        about = _lengths(sample - middle)
        if np.linalg.norm(middle) > NEAR_ORIGIN * np.quantile(about, SPREAD_SHARE):
            centre, lengths = middle, about
    spread = float(np.quantile(lengths, SPREAD_SHARE)) if len(sample) else 0.0
    narrow = metric == "cosine" and vectors.dtype != np.float32
    return Centred(
        centre=centre,
        offset=float(np.linalg.norm(centre.astype(np.float64))),
        spread=spread,
        squares=np.full(room, np.nan, dtype=np.float32),
        lengths=np.full(room if narrow else 0, np.nan, dtype=np.float32),
    )


def _lengths(rows: Float32) -> Float32:
    lengths: Float32 = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths
