"""`.npy` files, in C or Fortran order (format: numpy.lib.format, NEP 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import VectorFile, open_plainly, read_exactly

_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}  # Version 3 is only for field names, and vectors have none.


class NpyFile(VectorFile):
    """A `.npy` file of shape (n, d). Its header must declare exactly what the file holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle, size = open_plainly(path)
        try:
            shape, self._fortran, self.dtype = _read_header(path, self._handle)
            self._start = self._handle.tell()
            if self.dtype.kind not in "fiub":
                raise VectorFileError(f"{path} has type {self.dtype}; give an array of real numbers")
            if len(shape) != 2 or min(shape) < 0:
                raise VectorFileError(f"{path} has shape {shape}; give an array of shape (rows, dimension)")
            self.rows, self.dimension = shape
            if self.dimension == 0:
                raise VectorFileError(f"{path} has shape {shape}; give at least one number a row")
            declared = self.rows * self.dimension * self.dtype.itemsize
            if declared != size - self._start:
                raise VectorFileError(
                    f"{path} declares {declared} bytes of numbers but holds {size - self._start}; "
                    "it is truncated or damaged"
                )
        except BaseException:
            self._handle.close()
            raise

    def close(self) -> None:
        self._handle.close()

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        item = self.dtype.itemsize
        if not self._fortran:
            block = np.empty((last - first, self.dimension), self.dtype)
            read_exactly(self.path, self._handle, self._start + first * self.dimension * item, block)
            return block
        columns = np.empty((self.dimension, last - first), self.dtype)
        for number, column in enumerate(columns):
            offset = self._start + (number * self.rows + first) * item
            read_exactly(self.path, self._handle, offset, column)
        return columns.T


def _read_header(path: Path, handle: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(handle)
    except (ValueError, OSError) as error:
        raise VectorFileError(f"{path} is not a .npy file") from error
    reader = _HEADER_READERS.get(version)
    if reader is None:
        raise VectorFileError(f"{path} is a .npy file of version {version}; save it again with numpy.save")
    try:
        return reader(handle)
    except Exception as error:  # the header is a Python literal, whose parser raises nearly anything
        raise VectorFileError(f"{path} has a damaged .npy header") from error
