"""`.fbin`, `.u8bin` and `.i8bin` files (format: https://big-ann-benchmarks.com).

The number of vectors and their dimension, two little-endian uint32, and then the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly, read_exactly
from lookalike.vectorfiles.layout import Wanted, told_names
from lookalike.vectorfiles.stored_array import ArrayFile, StoredArray

_COMPONENTS: dict[str, np.dtype[Any]] = {
    ".fbin": np.dtype("<f4"),
    ".u8bin": np.dtype("u1"),
    ".i8bin": np.dtype("i1"),
}
_HEADER = 8


class BinFile(ArrayFile):
    """A file of rows behind a header that declares exactly what the file holds."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._handle, size = open_plainly(path)
        try:
            if size < _HEADER:
                raise VectorFileError(f"{path} has only {size} bytes, which is no header of big-ann")
            shape = np.empty(2, "<u4")
            read_exactly(path, self._handle, 0, shape)
            array = StoredArray(
                path,
                str(path),
                self._handle,
                start=_HEADER,
                held=size - _HEADER,
                shape=(int(shape[0]), int(shape[1])),
                dtype=_COMPONENTS[path.suffix.lower()],
            )
            self._take(array, told_names(path, wanted, lambda name: None, ""), wanted)
        except BaseException:
            self._handle.close()
            raise

    def close(self) -> None:
        self._handle.close()
