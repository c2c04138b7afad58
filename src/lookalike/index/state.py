"""The rows of an index: an immutable base, a tail of rows added since, and which of them are there still.

Rows are numbered through base and tail. A `State` never changes; a writer makes a new one and swaps it in,
so a reader that holds one sees a single committed state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.index.bucketed import Bucketed

Bool = npt.NDArray[np.bool_]

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Base:
    """Rows that never change; on disk they are memory-mapped."""

    vectors: Float32
    ids: Int64
    order: Int64
    """The rows, ordered by id."""
    bucketed: Bucketed | None = None
    """Buckets and sketches of the rows, where there are enough of them."""

    @classmethod
    def of(cls, vectors: Float32, ids: Int64) -> Base:
        """Return the base of these rows, without buckets."""
        return cls(vectors, ids, np.argsort(ids))

    def find(self, ids: Int64) -> Int64:
        """Return the row of each id; -1 where there is none."""
        if not len(self.ids) or not len(ids):
            return np.full(len(ids), -1, dtype=np.int64)
        place = np.searchsorted(self.ids, ids, sorter=self.order)
        row = self.order[np.minimum(place, len(self.order) - 1)]
        return np.where(self.ids[row] == ids, row, -1)


@dataclass(frozen=True, eq=False)
class State:
    """One committed state of the rows."""

    base: Base
    tail_vectors: Float32
    tail_ids: Int64
    alive: Bool
    """Of every row, whether it is there still."""
    count: int
    """How many are."""
    tail_order: Int64
    """The tail's rows that are there still, ordered by id, counted from the tail's first."""

    @classmethod
    def of(cls, base: Base) -> State:
        """Return the state that has the rows of `base` only."""
        count, dimension = base.vectors.shape
        return cls(
            base=base,
            tail_vectors=np.empty((0, dimension), dtype=np.float32),
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

    def ids(self) -> Int64:
        """Return the ids that are there, ascending."""
        return np.sort(np.concatenate((self.base.ids, self.tail_ids))[self.alive])

    def gather(self, rows: Int64) -> Float32:
        """Return the vectors of these rows."""
        gathered = np.empty((len(rows), self.base.vectors.shape[1]), dtype=np.float32)
        base = rows < len(self.base.ids)
        gathered[base] = self.base.vectors[rows[base]]
        gathered[~base] = self.tail_vectors[rows[~base] - len(self.base.ids)]
        return gathered

    def folded(self) -> Base:
        """Return one base, in memory, of all rows that are there."""
        rows = np.flatnonzero(self.alive)
        vectors = np.empty((len(rows), self.base.vectors.shape[1]), dtype=np.float32)
        step = block_rows(vectors.shape[1])
        for start in range(0, len(rows), step):
            vectors[start : start + step] = self.gather(rows[start : start + step])
        return Base.of(vectors, np.concatenate((self.base.ids, self.tail_ids))[rows])

    def without(self, rows: Int64) -> State:
        """Return the state without these rows."""
        alive = self.alive.copy()
        alive[rows] = False
        kept = alive[self.tail_order + len(self.base.ids)]
        return replace(self, alive=alive, count=self.count - len(rows), tail_order=self.tail_order[kept])

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

    dimension: int
    _vectors: Float32 = field(init=False)
    _ids: Int64 = field(init=False)

    def __post_init__(self) -> None:
        self._vectors = np.empty((0, self.dimension), dtype=np.float32)
        self._ids = np.empty(0, dtype=np.int64)

    def added(self, state: State, ids: Int64, vectors: Float32) -> State:
        """Return `state` with these rows at its end. To be called with the latest state only."""
        before, after = len(state.tail_ids), len(state.tail_ids) + len(ids)
        if after > len(self._ids):
            room = max(after, 2 * before, 64)
            vectors_before, ids_before = state.tail_vectors, state.tail_ids
            self._vectors = np.empty((room, self.dimension), dtype=np.float32)
            self._ids = np.empty(room, dtype=np.int64)
            self._vectors[:before], self._ids[:before] = vectors_before, ids_before
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


def prepared(vectors: Float32, metric: Metric) -> Float32:
    """Return vectors as an index of `metric` keeps them: at length one under cosine, else as they are."""
    if metric != "cosine":
        return vectors
    unit = np.empty_like(vectors)
    step = block_rows(vectors.shape[1])
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step].astype(np.float64)
        unit[start : start + step] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return unit
