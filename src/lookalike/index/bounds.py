"""Bounds of the distances of queries to rows, by products of matrices in float32, and how far rounding may err.

Rows v and queries q are compared about a centre c of the rows. All is halved, so that no finite float32 vectors
overflow on the way. The bound of a row is, but for an error and for what only the query adds,

    |q - v|^2 / 4 - K = |v - c|^2 / 4 - <q - c, v> / 2   under euclidean, and for rows at length one under cosine,
    -<q, v> / 2                                          under dot,

where K depends on the query alone. Rows lie as they are kept: only where their offset would cost too much precision are
they brought about the centre first. A sum of d products in float32, in any order, is off by at most d units of rounding
of the sum of sizes, which the lengths of both vectors bound. What a row can be off by therefore depends on how long it
is itself; no long row makes others uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows
from lookalike.index.row_forms import widened
from lookalike.index.squares import Centred

WIDE_BYTES = 512 << 10
"""Rows that must be changed before they are multiplied are so in blocks of this size, which stay in a near cache."""
DENSE = 0.75
"""Where more than this share of the rows is asked for, comparing all is quicker than copying these."""
BLURRED = 0.01
"""Where the rounding of the rows' offset may be more than this share of their spread, it is taken from them first."""
LONG = 8
"""Rows more than this many times as long as most are given errors of their own."""
GROUPS = 16
"""The k-th least of the minima of this many times k groups is little above the k-th least of all."""
UNIT = 2.0**-24

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long rows are, for errors that grow with it."""

    most: float
    """No row is longer, but for the long ones."""
    long: Int64
    """(m,), which rows are."""
    more: Float32
    """(m, 1), how much longer each of these is."""


class Reach(Protocol):
    """How far rounding may err for some queries: between bounds and the halved distances that they stand for."""

    def kth(self, bounds: Float32, lengths: Lengths, k: int) -> Float64:
        """Return (q,): what the truth of k of the rows that have `bounds` (rows, q) is not above."""
        ...

    def limit(self, most: Float64, lengths: Lengths) -> Float32:
        """Return (q,): what no bound is above of a row whose truth is at most `most` (q,)."""
        ...

    def truth(self, distances: Float32, queries: Int64) -> Float64:
        """Return what is not less than the truth of rows at these exact distances from `queries`, numbers of them."""
        ...


class Bounding:
    """Bounds of the distances of some queries to rows."""

    def __init__(self, queries: Float32, vectors: Rows, known: Centred, metric: Metric) -> None:
        """Take `queries` (q, d) and rows (n, d), of which `known` tells."""
        self._vectors, self._known, self._dot = vectors, known, metric == "dot"
        self._narrow = metric == "cosine" and vectors.dtype != np.float32
        self._centre = known.centre if known.offset > 0 else None
        # At length one, and about the origin, rows have all the same share in their distances.
        self._alike = metric == "cosine" and self._centre is None
        rounding = (queries.shape[1] + 8) * UNIT
        if self._narrow:
            rounding *= 2  # for the lengths, which are sums too
        self._moved = rounding * known.offset > BLURRED * known.spread
        smallest = (queries.shape[1] + 8) * 2.0**-126
        offset = 0.0 if self._moved else known.offset
        about = queries if self._dot or self._centre is None else queries - self._centre
        self._columns = np.multiply(about, -0.5, dtype=np.float32).T
        self.reach: Reach
        if self._dot:
            own = queries if self._centre is not None and self._moved else None
            shift = None if own is None else _products(own, known.centre) / 2
            self.reach = _ProductReach(about, rounding, offset, smallest, shift)
        else:
            quarter = _products(about, known.centre) / 2 if offset else 0.25 if self._alike else 0.0
            self.reach = _DifferenceReach(about, rounding, offset, smallest, quarter, metric)

    def of(self, rows: slice | Int64) -> tuple[Float32, Lengths]:
        """Return the bounds (rows, q), and the lengths that `reach` wants to know.

        Those of long rows are less by what they can be off by more than others.
        """
        if isinstance(rows, slice) or len(rows) <= DENSE * (span := int(rows[-1]) + 1 - int(rows[0])):
            bounds, squares, lengths = self._multiplied(rows)
        else:
            whole = slice(int(rows[0]), int(rows[0]) + span)
            bounds, squares, lengths = (part[rows - rows[0]] for part in self._multiplied(whole))
        if self._narrow and not self._moved:
            bounds /= lengths[:, np.newaxis]
        if isinstance(self.reach, _ProductReach):
            found = self._lengths(squares)
            bounds[found.long] -= found.more * self.reach.share
            return bounds, found
        if not self._alike:
            bounds += squares[:, np.newaxis]
        return bounds, NOT_NEEDED

    def _lengths(self, squares: Float32) -> Lengths:
        offset = 0.0 if self._moved else self._known.offset
        most, longest = LONG * (offset + self._known.spread), offset + 2 * float(np.sqrt(squares.max()))
        if longest <= most:
            return Lengths(longest, _NONE, _NO_MORE)
        long = np.flatnonzero(squares > ((most - offset) / 2) ** 2)
        more: Float32 = (offset + 2 * np.sqrt(squares[long, np.newaxis]) - most).astype(np.float32)
        return Lengths(most, long, more)

    def _multiplied(self, rows: slice | Int64) -> tuple[Float32, Float32, Float32]:
        """Return minus half the products of rows and queries, (rows, q), and squares and lengths, where they count."""
        known = self._known
        squares = known.squares[rows]
        lengths = known.lengths[rows] if self._narrow else squares
        missing = (self._narrow and bool(np.isnan(lengths.max()))) or (
            not self._alike and bool(np.isnan(squares.max()))
        )
        products = np.empty((len(squares), self._columns.shape[1]), dtype=np.float32)
        for here, block, room in self._blocks(rows, len(squares), missing or self._moved):
            if missing and self._narrow:
                lengths[here] = np.sqrt(np.einsum("ij,ij->i", block, block))
            if self._moved:
                block = self._about(block, lengths[here], room)
            np.matmul(block, self._columns, out=products[here])
            if missing and not self._alike:  # in one step, since another thread may be reading them
                if self._centre is not None and not self._moved:
                    block = self._about(block, lengths[here], room)
                squares[here] = np.einsum("ij,ij->i", block, block) * np.float32(0.25)
        if missing and not isinstance(rows, slice):
            known.squares[rows] = squares
            if self._narrow:
                known.lengths[rows] = lengths
        return products, squares, lengths

    def _about(self, block: Float32, lengths: Float32, room: Float32) -> Float32:
        """Return rows about the centre, written into `room`."""
        if self._narrow:
            block = np.divide(block, lengths[:, np.newaxis], out=room)
        return np.subtract(block, self._known.centre, out=room)

    def _blocks(
        self, rows: slice | Int64, count: int, changed: bool
    ) -> Iterator[tuple[slice, Float32, Float32]]:
        """Yield `rows`, `count` of them, as float32, and room of the same shape, which may be where they lie.

        A few come at a time, unless they can be taken as they lie and are not `changed`.
        """
        vectors, size = self._vectors, self._vectors.shape[1]
        plain = vectors.dtype == np.float32
        step = max(1, WIDE_BYTES // (4 * size))
        if plain and not changed and isinstance(rows, slice):
            step = max(1, count)
        room = np.empty((min(step, count) if changed or not plain else 0, size), dtype=np.float32)
        for start in range(0, count, step):
            here = slice(start, min(start + step, count))
            if isinstance(rows, slice):
                block = vectors[rows.start + start : rows.start + here.stop]
            else:
                block = vectors[rows[here]]
            own = room[: len(block)]
            yield here, block if plain else widened(block, own), own


class _DifferenceReach:
    """Of rows compared by their distance D from a query.

    With h = |q - c| / 2 and x = D / 2, a row is at most 2 (h + x) from the centre and its length at most that and the
    offset more, so that its bound is off by at most e(x) = R (h + x) (offset + 4 (h + x)): a row that is as near as the
    k-th cannot be off by more than that, however long others are.
    """

    def __init__(
        self,
        about: Float32,
        rounding: float,
        offset: float,
        smallest: float,
        quarter: Float64 | float,
        metric: Metric,
    ) -> None:
        squares = np.einsum("ij,ij->i", about, about, dtype=np.float64)
        self._rounding, self._offset, self._smallest = rounding, offset, smallest
        self._half, self._quarter = np.sqrt(squares) / 2, squares / 4 + quarter
        self._halved = metric == "cosine"

    def kth(self, bounds: Float32, lengths: Lengths, k: int) -> Float64:
        # x^2 <= known + e(x), solved for x.
        rounding, half = self._rounding, self._half
        leading, linear = 1 - 4 * rounding, rounding * (self._offset + 8 * half) / 2
        known = np.maximum(kth_at_most(bounds, k) + (self._quarter + self._smallest), 0)
        known += rounding * half * (self._offset + 4 * half)
        x = (linear + np.sqrt(linear * linear + leading * known)) / leading
        most: Float64 = x * x - self._quarter
        return most

    def limit(self, most: Float64, lengths: Lengths) -> Float32:
        reach = self._half + np.sqrt(most + self._quarter)
        limit = most + (self._rounding * reach * (self._offset + 4 * reach) + self._smallest)
        return rounded_up(limit)

    def truth(self, distances: Float32, queries: Int64) -> Float64:
        wide = distances.astype(np.float64) * (1 + 2.0**-22)
        truth: Float64 = (wide / 2 if self._halved else (wide / 2) ** 2) - self._quarter[queries]
        return truth + self._smallest


class _ProductReach:
    """Of rows compared by their inner products with a query: a row's bound is off by its own length's share."""

    def __init__(
        self, queries: Float32, rounding: float, offset: float, smallest: float, shift: Float64 | None
    ) -> None:
        half = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64)) / 2
        self.share = rounding * half
        self._smallest = smallest
        self._shift = np.zeros(len(queries)) if shift is None else shift

    def kth(self, bounds: Float32, lengths: Lengths, k: int) -> Float64:
        kept = bounds[lengths.long]
        if len(kept):
            bounds[lengths.long] += 2 * lengths.more * self.share
        most: Float64 = kth_at_most(bounds, k) + lengths.most * self.share + self._smallest
        bounds[lengths.long] = kept
        return most

    def limit(self, most: Float64, lengths: Lengths) -> Float32:
        return rounded_up(most + lengths.most * self.share + self._smallest)

    def truth(self, distances: Float32, queries: Int64) -> Float64:
        halves: Float64 = distances.astype(np.float64) / 2
        return halves + np.abs(halves) * 2.0**-22 + self._smallest + self._shift[queries]


_NONE: Int64 = np.empty(0, dtype=np.int64)
_NO_MORE: Float32 = np.empty((0, 1), dtype=np.float32)
NOT_NEEDED = Lengths(0.0, _NONE, _NO_MORE)


def kth_at_most(bounds: Float32, k: int) -> Float64:
    """Return for each column of `bounds` (rows, q) a number that is not below its k-th least, (q,)."""
    rows, queries = bounds.shape
    groups = GROUPS * k
    if rows >= 2 * groups:
        whole = rows - rows % groups
        bounds = bounds[:whole].reshape(-1, groups, queries).min(axis=0)
    if len(bounds) < k:
        return np.full(queries, np.inf)
    kth: Float32 = np.partition(bounds, k - 1, axis=0)[k - 1]
    return kth.astype(np.float64)


def _products(rows: Float32, vector: Float32) -> Float64:
    products: Float64 = rows.astype(np.float64) @ vector.astype(np.float64)
    return products


def rounded_up(values: npt.NDArray[Any]) -> Float32:
    """Return `values` as float32 that are not less."""
    with np.errstate(over="ignore"):
        up: Float32 = np.nextafter(values.astype(np.float32), np.float32(np.inf))
    return up
