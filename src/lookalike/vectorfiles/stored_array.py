"""An array that lies in a file as it does in memory, and files of vectors that are one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import VectorFile, read_exactly
from lookalike.vectorfiles.layout import Names, Wanted, line_axis, matrix_axes, told_orientation

NAMES_PER_READ = 1024
NAME_BYTES = 1 << 16


class StoredArray:
    """An array in C or Fortran order at some place of a file.

    Args:
        label: what messages call it.
        handle: the open file, unbuffered; it may be a temporary one.
        start, held: where in it the numbers begin, and how many bytes of them are there.
        shape, dtype, fortran: what the file says of it. Must be exactly what is held.

    Raises:
        VectorFileError: more or less is declared than the file holds.
    """

    def __init__(
        self,
        path: Path,
        label: str,
        handle: BinaryIO,
        *,
        start: int,
        held: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        fortran: bool = False,
    ) -> None:
        self.path = path
        self.label = label
        self.shape = shape
        self.dtype = dtype
        self._handle, self._start, self._fortran = handle, start, fortran
        declared = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or declared != held:
            raise VectorFileError(
                f"{label} declares {declared} bytes of numbers but holds {held}; it is truncated or damaged"
            )

    def read(
        self, shape: tuple[int, int], first: int, last: int, *, columns: bool = False
    ) -> npt.NDArray[Any]:
        """Return rows first..last-1, or with `columns` these columns as rows, of the array as one of `shape`.

        Its axes may be those of the array without some of length one.
        """
        rows, numbers = shape[::-1] if columns else shape
        item = self.dtype.itemsize
        if self._fortran == columns:
            block = np.empty((last - first, numbers), self.dtype)
            read_exactly(self.path, self._handle, self._start + first * numbers * item, block)
            return block
        across = np.empty((numbers, last - first), self.dtype)
        for number, line in enumerate(across):
            read_exactly(self.path, self._handle, self._start + (number * rows + first) * item, line)
        return across.T


class ArrayFile(VectorFile):
    """Vectors that are the rows, or the columns, of one `StoredArray`."""

    _array: StoredArray
    _matrix: tuple[int, int]
    _columns: bool

    def _take(self, array: StoredArray, names: Names | None, wanted: Wanted) -> None:
        """Make this a file of the vectors in `array`. Raises VectorFileError."""
        if array.dtype.kind not in "fiub":
            raise VectorFileError(f"{array.label} has type {array.dtype}; give an array of real numbers")
        axes = matrix_axes(array.shape)
        if axes is None:
            raise VectorFileError(
                f"{array.label} has shape {array.shape}; give an array of shape (rows, dimension)"
            )
        self._array, self.dtype = array, array.dtype
        self._matrix = array.shape[axes[0]], array.shape[axes[1]]
        self._columns = told_orientation(array.label, self._matrix, names, wanted) == "columns"
        self.rows, self.dimension = self._matrix[::-1] if self._columns else self._matrix
        if self.dimension == 0:
            raise VectorFileError(f"{array.label} has shape {array.shape}; give at least one number a row")
        self.name_source = names

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        return self._array.read(self._matrix, first, last, columns=self._columns)


class ArrayNames:
    """Names that are an array of text, or of whole numbers, (n,) or (n, 1)."""

    def __init__(self, array: StoredArray) -> None:
        """Look at its type and shape. Raises VectorFileError."""
        self.label = array.label
        self._array = array
        if array.dtype.kind not in "USiu":
            raise VectorFileError(
                f"{array.label} holds no text (type {array.dtype}); names are text or whole numbers"
            )
        if array.dtype.itemsize > 4 * NAME_BYTES:
            raise VectorFileError(
                f"{array.label} has names of {array.dtype.itemsize} bytes; {NAME_BYTES} are allowed"
            )
        axis = line_axis(array.shape)
        if axis is None:
            raise VectorFileError(f"{array.label} has shape {array.shape}; names need (rows,)")
        self.count = array.shape[axis]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, self.count, NAMES_PER_READ):
            last = min(first + NAMES_PER_READ, self.count)
            raw = self._array.read((1, self.count), first, last, columns=True)
            yield from decoded(self.label, first, raw[:, 0])


def decoded(label: str, first: int, names: npt.NDArray[Any]) -> Iterator[str]:
    """Yield names of text, UTF-8 or whole numbers as text; `first` is the number of the first.

    Raises:
        VectorFileError: one is no Unicode.
    """
    for row, name in enumerate(names.tolist(), start=first):
        try:
            yield name.decode("utf-8") if isinstance(name, bytes) else str(name)
        except UnicodeDecodeError as error:
            raise VectorFileError(f"{label}: name {row} is not UTF-8") from error


def whole(label: str, first: int, numbers: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return numbers of a floating type as whole ones. Raises VectorFileError."""
    wrong = np.flatnonzero(~(np.abs(numbers) < 2.0**53) | (numbers != np.rint(numbers)))
    if wrong.size:
        raise VectorFileError(
            f"{label}: name {first + int(wrong[0])} is {numbers[wrong[0]]}, which is no whole number"
        )
    return numbers.astype(np.int64)
