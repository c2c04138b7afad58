"""The rows of an index: an immutable base, a tail of rows added since, and which of them are there still.

Rows are numbered through base and tail. A `Snapshot` never changes; a writer makes a new one and swaps it in,
so a reader that holds one sees a single committed state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lookalike.arrays import Bool, Int64, Rows
from lookalike.errors import IndexFormatError
from lookalike.index.approximate import ApproximateSearch, RowMask
from lookalike.index.leading import Leading
from lookalike.index.squares import Squares

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Base:
    """Rows that never change; on disk they are memory-mapped."""

    vectors: Rows
    """(n, d), in the order of their buckets where there are any."""
    ids: Int64
    order: Int64
    """The rows, ordered by id. Not of int32, which NumPy would widen at every look-up."""
    buckets: ApproximateSearch | None = None
    """The way to answer without comparing every row, where there are enough of them."""
    squares: Squares = field(default_factory=Squares)
    """Of `vectors`."""
    leading: Leading = field(default_factory=Leading)
    """Of `vectors`."""

    @classmethod
    def of(cls, vectors: Rows, ids: Int64) -> Base:
        """Return the base of these rows, without buckets."""
        return cls(vectors, ids, np.argsort(ids))

    def find(self, ids: Int64) -> Int64:
        """Return the row of each id; -1 where there is none.

        Raises:
            IndexFormatError: the order, which may lie in a file, is damaged where it was looked at.
        """
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, dtype=np.int64)
        try:
            place = np.searchsorted(self.ids, ids, sorter=self.order)
            row = self.order[np.minimum(place, len(self.order) - 1)]
            return np.where(self.ids[row] == ids, row, -1)
        except (IndexError, ValueError) as error:
            raise IndexFormatError("array order names rows that are not there; rebuild the index") from error


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One committed state of the rows."""

    base: Base
    tail_vectors: Rows
    tail_ids: Int64
    alive: Bool
    """Of every row, whether it is there still."""
    count: int
    """How many are."""
    tail_order: Int64
    """The tail's rows that are there still, ordered by id, counted from the tail's first."""
    tail_squares: Squares = field(default_factory=Squares)
    """Of `tail_vectors`; states that grow from one another share them."""

    @classmethod
    def of(cls, base: Base) -> Snapshot:
        """Return the state that has the rows of `base` only."""
        count, dimension = base.vectors.shape
        return cls(
            base=base,
            tail_vectors=np.empty((0, dimension), dtype=base.vectors.dtype),
            tail_ids=np.empty(0, dtype=np.int64),
            alive=np.ones(count, dtype=np.bool_),
            count=count,
            tail_order=np.empty(0, dtype=np.int64),
        )

    def find(self, ids: Int64) -> Int64:
        """Return the row of each id; -1 where there is none."""
        rows = self.base.find(ids)
        there = rows >= 0
        rows[there] = np.where(self.alive[rows[there]], rows[there], -1)
        if len(self.tail_order) and len(ids):
            place = np.searchsorted(self.tail_ids[self.tail_order], ids)
            row = self.tail_order[np.minimum(place, len(self.tail_order) - 1)]
            found = self.tail_ids[row] == ids
            rows[found] = row[found] + len(self.base.ids)
        return rows

    def row_ids(self) -> Int64:
        """Return the id of every row, there still or not."""
        return np.concatenate((self.base.ids, self.tail_ids))

    def ids(self) -> Int64:
        """Return the ids that are there, ascending."""
        return np.sort(self.row_ids()[self.alive])

    def gather(self, rows: Int64) -> Rows:
        """Return the vectors of these rows, as they are kept."""
        if not len(self.tail_ids):
            return self.base.vectors[rows]
        gathered = np.empty((len(rows), self.base.vectors.shape[1]), dtype=self.base.vectors.dtype)
        base = rows < len(self.base.ids)
        gathered[base] = self.base.vectors[rows[base]]
        gathered[~base] = self.tail_vectors[rows[~base] - len(self.base.ids)]
        return gathered

    def without(self, rows: Int64) -> Snapshot:
        """Return the state without these rows."""
        alive = self.alive.copy()
        alive[rows] = False
        kept = alive[self.tail_order + len(self.base.ids)]
        return replace(self, alive=alive, count=self.count - len(rows), tail_order=self.tail_order[kept])

    @cached_property
    def visible(self) -> RowMask | None:
        """The rows of the base that are there still, as its buckets take them; None for all."""
        here = self.alive[: len(self.base.ids)]
        return None if self.base.buckets is None or here.all() else self.base.buckets.visible(here)

    @property
    def loose_share(self) -> float:
        """Rows of the tail and removed rows, as a share of the base's."""
        return (len(self.tail_ids) + self.removed_rows) / max(1, len(self.base.ids))

    @property
    def tail_rows(self) -> int:
        """Rows of the tail that are there still."""
        return len(self.tail_order)

    @property
    def removed_rows(self) -> int:
        """Rows of base and tail that are there no more."""
        return len(self.alive) - self.count


@dataclass
class Tail:
    """Room for the tail to grow in: states see the part that was filled when they were made."""

    _vectors: Rows | None = field(default=None, init=False)
    _ids: Int64 = field(default_factory=lambda: np.empty(0, dtype=np.int64), init=False)

    def added(self, state: Snapshot, ids: Int64, vectors: Rows) -> Snapshot:
        """Return `state` with these rows at its end. To be called with the latest state only."""
        before, after = len(state.tail_ids), len(state.tail_ids) + len(ids)
        if self._vectors is None or after > len(self._ids):
            room = max(after, 2 * before, 64)
            grown: Rows = np.empty((room, vectors.shape[1]), dtype=vectors.dtype)
            grown_ids = np.empty(room, dtype=np.int64)
            grown[:before], grown_ids[:before] = state.tail_vectors, state.tail_ids
            self._vectors, self._ids = grown, grown_ids
        self._vectors[before:after] = vectors
        self._ids[before:after] = ids
        order = np.argsort(ids)
        place = np.searchsorted(state.tail_ids[state.tail_order], ids[order])
        return replace(
            state,
            tail_vectors=self._vectors[:after],
            tail_ids=self._ids[:after],
            alive=np.concatenate((state.alive, np.ones(len(ids), dtype=np.bool_))),
            count=state.count + len(ids),
            tail_order=np.insert(state.tail_order, place, order + before),
        )


def block_rows(dimension: int) -> int:
    """Return how many rows of `dimension` float32 make a block."""
    return max(1, BLOCK_BYTES // (4 * dimension))
