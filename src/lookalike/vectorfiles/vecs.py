"""`.fvecs`, `.bvecs` and `.ivecs` files (format: http://corpus-texmex.irisa.fr).

A record is the dimension as a little-endian int32, and then that many float32, uint8 or int32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import VectorFile, open_plainly, read_exactly
from lookalike.vectorfiles.layout import Wanted, told_names, told_orientation

_COMPONENTS: dict[str, np.dtype[Any]] = {
    ".fvecs": np.dtype("<f4"),
    ".bvecs": np.dtype("u1"),
    ".ivecs": np.dtype("<i4"),
}
_PREFIX = np.dtype("<i4")


class VecsFile(VectorFile):
    """A file of equally long records, each of which says its dimension."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self.dtype = _COMPONENTS[path.suffix.lower()]
        self._handle, size = open_plainly(path)
        try:
            if size < _PREFIX.itemsize:
                raise VectorFileError(f"{path} has only {size} bytes, which is no vector")
            prefix = np.empty(1, _PREFIX)
            read_exactly(path, self._handle, 0, prefix)
            self.dimension = int(prefix[0])
            if self.dimension < 1:
                raise VectorFileError(f"{path} declares dimension {self.dimension}; it is damaged")
            record = _PREFIX.itemsize + self.dimension * self.dtype.itemsize
            self.rows, rest = divmod(size, record)
            if rest:
                raise VectorFileError(
                    f"{path} has {size} bytes, which is no multiple of the {record} bytes that a vector of "
                    f"dimension {self.dimension} takes; it is truncated or damaged"
                )
            self.name_source = told_names(path, wanted, lambda name: None, "")
            if self.name_source is not None:
                told_orientation(
                    str(path), (self.rows, self.dimension), self.name_source, Wanted(orientation="rows")
                )
            self._record = np.dtype([("dimension", _PREFIX), ("vector", self.dtype, (self.dimension,))])
        except BaseException:
            self._handle.close()
            raise

    def close(self) -> None:
        self._handle.close()

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        records = np.empty(last - first, self._record)
        read_exactly(self.path, self._handle, first * self._record.itemsize, records)
        wrong = np.flatnonzero(records["dimension"] != self.dimension)
        if wrong.size:
            raise VectorFileError(
                f"{self.path}: row {first + int(wrong[0])} has dimension {records['dimension'][wrong[0]]} "
                f"where the first has {self.dimension}; the file is damaged"
            )
        vectors: npt.NDArray[Any] = records["vector"]
        return vectors
