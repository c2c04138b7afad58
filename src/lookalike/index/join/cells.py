"""Rows in the cells of centroids, their sketches, and which cells beside its own each row has to look into.

A row is in the cell of its nearest centroid. Of two rows within r of one another, in the cells of a and b, the one lies
s from the plane midway between a and b, the other t beyond it, and s + t <= r: so that one of them is within r / 2 of
it. Each row looks into the cells whose planes are that near, and no pair is missed; since a pair hardly ever lies
square to the plane, a fraction of r / 2 finds nearly all. How small it may be is measured on sampled rows.

Sketches are the signs of the rows about their mean, rotated. Two rows at an angle A about the mean differ in a share
A / pi of the signs (Charikar, STOC 2002). A row of length z about the mean sees all rows within r of it at an angle of
at most arcsin(r / z); where there are fewer axes than dimensions, that holds for the projections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.index.sketches.rotation import Rotation
from lookalike.kernels.reference import pack_signs
from lookalike.kernels.reference_self_join import Int32, UInt64

NEIGHBOURS = 256
"""Of a cell, the nearest cells that its rows may look into."""
DEVIATIONS = 4.0
"""A sketch differs from what is expected by more than so many standard deviations once in 30,000 times."""
READ_ROWS = 8192

Read = Callable[[Int64], Float32]
"""Gives the rows of these places as float32, under "cosine" at length one."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows, known by their places 0 to n - 1, in the order of their cells.

    Attributes:
        read: gives rows by their places.
        labels: (n,), ascending: the cell of each row.
        centroids: (m, d).
        rotation: of the sketches.
    """

    read: Read
    labels: Int32
    centroids: Float32
    rotation: Rotation

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.labels)

    @cached_property
    def offsets(self) -> Int64:
        """(m + 1,): cell i has the rows at places offsets[i] to offsets[i + 1]."""
        return np.append(0, np.cumsum(np.bincount(self.labels, minlength=len(self.centroids))))

    def sketches(self, radius: float) -> tuple[UInt64, Int32]:
        """Return the words of the rows' sketches, (w, n), and in how many bits those within `radius` differ, (n,)."""
        signs = self.rotation.signs
        words = np.empty((-(-signs // 64), len(self)), dtype=np.uint64)
        limits = np.empty(len(self), dtype=np.int32)
        for start in range(0, len(self), READ_ROWS):
            places = np.arange(start, min(len(self), start + READ_ROWS))
            rotated = self.rotation.rotated(self.read(places))
            words[:, places] = pack_signs(rotated).T
            lengths = np.sqrt(np.einsum("ij,ij->i", rotated, rotated))
            limits[places] = _most_bits(lengths, radius, signs)
        return words, limits

    def probes(self, places: Int64, reach: float) -> tuple[Int64, Int32]:
        """Return the cells that rows look into beside their own, as (q + 1,) starts and cells.

        Args:
            places: (q,), ascending.
            reach: how near the plane between a row's own centroid and that of a cell must be.
        """
        counts = np.zeros(len(places), dtype=np.int64)
        found = []
        ends = np.searchsorted(places, self.offsets)
        for cell in np.flatnonzero(np.diff(ends)).tolist():
            here = slice(ends[cell], ends[cell + 1])
            rows, near = self._near_cells(places[here], cell, reach)
            counts[here] = np.bincount(rows, minlength=ends[cell + 1] - ends[cell])
            found.append(near)
        cells = np.concatenate(found) if found else np.empty(0, dtype=np.int32)
        return np.append(0, np.cumsum(counts)), cells

    def _near_cells(self, places: Int64, cell: int, reach: float) -> tuple[Int64, Int32]:
        residuals = self.read(places) - self.centroids[cell]
        apart = self.centroids - self.centroids[cell]
        gaps = np.sqrt(np.einsum("ij,ij->i", apart, apart))
        gaps[cell] = np.inf
        farthest = float(np.sqrt(np.einsum("ij,ij->i", residuals, residuals).max()))
        likely = np.flatnonzero(gaps / 2 <= farthest + reach)
        if len(likely) > NEIGHBOURS:
            likely = likely[np.argpartition(gaps[likely], NEIGHBOURS)[:NEIGHBOURS]]
        unit = apart[likely] / np.maximum(gaps[likely], np.finfo(np.float32).tiny)[:, np.newaxis]
        rows, columns = np.nonzero(residuals @ unit.T >= gaps[likely] / 2 - reach)
        return rows, likely[columns].astype(np.int32)

    def planes(self, first: Int64, second: Int64) -> Float32:
        """Return how far the nearer row of each pair is from the plane between their cells, (p,); -inf in one cell."""
        near = np.full(len(first), np.inf, dtype=np.float32)
        for one, other in ((first, second), (second, first)):
            own, beyond = (self.centroids[self.labels[places]] for places in (one, other))
            apart = beyond - own
            gaps = np.maximum(np.sqrt(np.einsum("ij,ij->i", apart, apart)), np.finfo(np.float32).tiny)
            margins = gaps / 2 - np.einsum("ij,ij->i", self.read(one) - own, apart) / gaps
            np.minimum(near, margins, out=near)
        near[self.labels[first] == self.labels[second]] = -np.inf
        return near


def _most_bits(lengths: Float32, radius: float, signs: int) -> Int32:
    """Return in how many of `signs` bits a row of such length differs at most from one that is within `radius`."""
    sines = np.minimum(1, radius / np.maximum(lengths.astype(np.float64), np.finfo(np.float32).tiny))
    shares = np.arcsin(sines) / np.pi
    most = np.ceil(signs * shares + DEVIATIONS * np.sqrt(signs * shares * (1 - shares)))
    return np.where(sines < 1, np.minimum(most, signs), signs).astype(np.int32)
