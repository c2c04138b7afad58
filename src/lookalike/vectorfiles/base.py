"""The contract of a vector file: its shape, its rows in blocks, its names."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Metric, Rows, as_vectors
from lookalike.errors import OptionError, VectorFileError

if TYPE_CHECKING:
    from lookalike.vectorfiles.layout import Names

Orientation = Literal["rows", "columns"]
"""Whether a vector is a row of the dataset, shape (n, d), or a column, shape (d, n)."""

BLOCK_BYTES = 8 << 20
"""A block of the default length takes no more than this as float32, however long the file is."""


class VectorFile(ABC):
    """Vectors in a file, read a block at a time and never whole. A context manager.

    Attributes:
        path: the file.
        rows: how many vectors it holds.
        dimension: numbers a vector.
        dtype: type of the numbers as stored; blocks and rows are float32 all the same, but for codes and sets.
        metric: how the rows are to be compared, which says in what form they are read.
        name_source: the names of the rows, one each, where there are any.
    """

    path: Path
    rows: int
    dimension: int
    dtype: np.dtype[Any]
    metric: Metric = "euclidean"
    name_source: Names | None = None

    @property
    def width(self) -> int:
        """Numbers a vector as it is read: of codes, whose bits are packed then, the bytes."""
        packed = self.metric == "hamming" and self.dtype != np.uint8
        return -(-self.dimension // 8) if packed else self.dimension

    def blocks(self, rows_per_block: int | None = None) -> Iterator[tuple[int, Rows]]:
        """Yield all rows in order as (number of the first row, vectors (b, width)).

        Args:
            rows_per_block: b of all blocks but the last; by default what fits 8 MiB and suits the file.

        Raises:
            OptionError: `rows_per_block` is less than 1.
            VectorFileError: the file is damaged.
            VectorError: a row, named by its number, has NaN, infinity or a number too large for float32.
        """
        if rows_per_block is not None and rows_per_block < 1:
            raise OptionError(f"rows_per_block is {rows_per_block}; give at least 1")
        return self._blocks(rows_per_block or self._suitable_rows())

    def raw(self, first: int, last: int) -> npt.NDArray[Any]:
        """Return rows first..last-1 as they are stored, unchecked. Raises VectorFileError."""
        return self._read(first, last)

    def row(self, number: int) -> Rows:
        """Return row `number`, counted from 0, as float32 (dimension,), codes as uint8 (width,), sets as uint32.

        Raises:
            VectorFileError: there is no such row, or the file is damaged.
            VectorError: the row has NaN, infinity or a number too large for float32.
        """
        if not 0 <= number < self.rows:
            raise VectorFileError(
                f"{self.path} has no row {number}; it has {self.rows} rows, numbered from 0"
            )
        vector: Rows = self._validated(number, number + 1)[0]
        return vector

    def names(self) -> Iterator[str] | None:
        """Yield one name a row, or return None if the file holds no names."""
        return None if self.name_source is None else iter(self.name_source)

    @abstractmethod
    def close(self) -> None:
        """Release the file. Closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        """Return rows first..last-1 as stored, shape (last - first, dimension), in any order of memory."""

    def _suitable_rows(self) -> int:
        return max(1, BLOCK_BYTES // (4 * self.dimension))

    def _blocks(self, rows_per_block: int) -> Iterator[tuple[int, Rows]]:
        for first in range(0, self.rows, rows_per_block):
            yield first, self._validated(first, min(first + rows_per_block, self.rows))

    def _validated(self, first: int, last: int) -> Rows:
        # Neither a length of zero under cosine nor the number of elements of a set is this room's to judge.
        metric: Metric = self.metric if self.metric in DISCRETE else "euclidean"
        rows = self._read(first, last)
        return as_vectors(rows, dimension=self.width, metric=metric, name=str(self.path), first_row=first)


def read_exactly(path: Path, handle: BinaryIO, offset: int, target: npt.NDArray[Any]) -> None:
    """Fill the C-contiguous `target` with the bytes at `offset`.

    Plain reads rather than a memory map: pages of a map count as the process's own until it is closed, and a
    file that shrinks under a map kills the process.
    """
    if handle.closed:
        raise VectorFileError(f"{path} is closed; open it again")
    view = memoryview(target.reshape(-1).view(np.uint8).data)
    try:
        handle.seek(offset)
        while view:
            count = handle.readinto(view)  # type: ignore[attr-defined]
            if not count:
                break
            view = view[count:]
    except OSError as error:
        raise VectorFileError(f"{path} cannot be read: {error.strerror or error}") from error
    if view:
        raise VectorFileError(f"{path} ends early; it has changed since it was opened")


def open_plainly(path: Path) -> tuple[BinaryIO, int]:
    """Open `path` unbuffered and return it with its size in bytes."""
    try:
        handle = path.open("rb", buffering=0)
    except OSError as error:
        raise VectorFileError(f"{path} cannot be read: {error.strerror or error}") from error
    return handle, os.fstat(handle.fileno()).st_size
