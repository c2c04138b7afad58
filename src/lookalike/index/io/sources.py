"""Where the rows of a base come from: arrays, memory maps, HDF5 datasets, or another state of an index.

They are read in blocks, checked and in the form in which they are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lookalike.arrays import DISCRETE, Int64, Metric, Rows, as_rows, as_table, as_vectors, kept_dtype
from lookalike.errors import VectorError
from lookalike.index.io.mapping import map_under, release
from lookalike.index.row_forms import prepared
from lookalike.index.snapshot import Snapshot
from lookalike.sets import room_for, widened

BLOCK_BYTES = 32 << 20
RUN_ROWS = 64
"""Rows of a file are sampled in runs of this length, since reading one costs as much as reading its neighbours."""


class RowSource(Protocol):
    """Rows that can be read in any order, as often as is wanted."""

    @property
    def count(self) -> int:
        """Number of rows."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a row."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a row's numbers."""
        ...

    def read(self, start: int, stop: int) -> Rows:
        """Return a block of rows as they are kept."""
        ...

    def sample(self, count: int, random: np.random.Generator) -> tuple[Int64, Rows]:
        """Return the numbers, ascending, and the rows of `count` rows, or of all where there are fewer."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Rows of anything with shape, dtype and slices: an array, a memory map, an HDF5 dataset."""

    array: Any
    metric: Metric
    count: int
    dimension: int
    dtype: np.dtype[Any]
    checked: bool
    """Whether the rows are known to be as they are kept."""

    @classmethod
    def of(cls, vectors: Any, metric: Metric, *, checked: bool = False) -> ArrayRows:
        """Return the rows of `vectors` (n, d). Raises VectorError where it has another shape or type."""
        if metric in DISCRETE and not (_is_sliceable(vectors) and vectors.dtype == DISCRETE[metric]):
            vectors = as_vectors(vectors, metric=metric)  # all at once, as none of the other forms is large
            if metric == "jaccard":
                vectors = widened(vectors, room_for(vectors.shape[1]))
        array = vectors if _is_sliceable(vectors) else as_table(vectors)
        rows, dimension = array.shape
        as_table(np.empty((0, dimension), dtype=array.dtype))  # whether they are numbers
        return cls(array, metric, int(rows), int(dimension), kept_dtype(array.dtype, metric), checked)

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory already."""
        return isinstance(self.array, np.ndarray) and map_under(self.array) is None

    def read(self, start: int, stop: int) -> Rows:
        """See `RowSource`."""
        rows = self._kept(self._block(start, stop), start)
        if (
            isinstance(self.array, np.ndarray)
            and not self.in_memory
            and np.may_share_memory(rows, self.array)
        ):
            rows = rows.copy()
        release(self.array)
        return rows

    def sample(self, count: int, random: np.random.Generator) -> tuple[Int64, Rows]:
        """See `RowSource`."""
        if count >= self.count:
            return np.arange(self.count), self.read(0, self.count)
        if self.in_memory:
            drawn = np.sort(random.choice(self.count, count, replace=False))
            return drawn, self._kept(self.array[drawn], 0)
        run = min(RUN_ROWS, count)
        starts = np.sort(random.choice(-(-self.count // run), -(-count // run), replace=False)) * run
        drawn = (starts[:, np.newaxis] + np.arange(run)).reshape(-1)
        rows = [self.read(start, min(start + run, self.count)) for start in starts.tolist()]
        return drawn[drawn < self.count], np.concatenate(rows)

    def _block(self, start: int, stop: int) -> Any:
        try:
            return self.array[start:stop]
        except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:  # as h5py raises
            raise VectorError(f"vectors: rows {start} to {stop} cannot be read ({error})") from error

    def _kept(self, block: Any, first_row: int) -> Rows:
        if self.checked:
            return np.asarray(block)
        rows = as_rows(block, self.dtype, dimension=self.dimension, metric=self.metric, first_row=first_row)
        return prepared(rows, self.metric)


@dataclass(frozen=True, eq=False)
class SnapshotRows:
    """The rows of an index's state that are there still, base first."""

    state: Snapshot
    rows: Int64
    """Their numbers in the state."""

    @classmethod
    def of(cls, state: Snapshot) -> SnapshotRows:
        """Return the rows of `state`."""
        return cls(state, np.flatnonzero(state.alive))

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return int(self.state.base.vectors.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a row's numbers."""
        return self.state.base.vectors.dtype

    def read(self, start: int, stop: int) -> Rows:
        """See `RowSource`."""
        rows = self.state.gather(self.rows[start:stop])
        release(self.state.base.vectors)
        return rows

    def sample(self, count: int, random: np.random.Generator) -> tuple[Int64, Rows]:
        """See `RowSource`."""
        drawn = np.sort(random.choice(self.count, min(count, self.count), replace=False))
        rows = self.state.gather(self.rows[drawn])
        release(self.state.base.vectors)
        return drawn, rows


def blocks(source: RowSource, block_bytes: int | None = None) -> Iterator[tuple[int, Rows]]:
    """Yield first row and rows of each block of about `block_bytes` (`BLOCK_BYTES` by default)."""
    step = max(1, (block_bytes or BLOCK_BYTES) // (source.dtype.itemsize * source.dimension))
    for start in range(0, source.count, step):
        yield start, source.read(start, min(start + step, source.count))


def _is_sliceable(vectors: Any) -> bool:
    try:
        return (
            isinstance(vectors.dtype, np.dtype)
            and len(vectors.shape) == 2
            and hasattr(vectors, "__getitem__")
            and not isinstance(vectors, np.ma.MaskedArray)
        )
    except Exception:  # as an HDF5 dataset raises that is closed
        return False
