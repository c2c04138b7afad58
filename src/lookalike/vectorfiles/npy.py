"""`.npy` files, in C or Fortran order (format: numpy.lib.format, NEP 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly
from lookalike.vectorfiles.layout import Wanted, told_names
from lookalike.vectorfiles.stored_array import ArrayFile, StoredArray

_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}  # Version 3 is only for field names, and vectors have none.


class NpyFile(ArrayFile):
    """A `.npy` file of shape (n, d). Its header must declare exactly what the file holds."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._handle, size = open_plainly(path)
        try:
            array = stored_npy(path, str(path), self._handle, start=0, size=size)
            self._take(array, told_names(path, wanted, lambda name: None, ""), wanted)
        except BaseException:
            self._handle.close()
            raise

    def close(self) -> None:
        self._handle.close()


def stored_npy(path: Path, label: str, handle: BinaryIO, *, start: int, size: int) -> StoredArray:
    """Return the array of a `.npy` file of `size` bytes that begins at byte `start` of `handle`.

    Raises:
        VectorFileError: it is damaged, of a version that is not read, or of pickled objects.
    """
    handle.seek(start)
    try:
        version = np.lib.format.read_magic(handle)
    except (ValueError, OSError) as error:
        raise VectorFileError(f"{label} is not a .npy file") from error
    reader = _HEADER_READERS.get(version)
    if reader is None:
        raise VectorFileError(f"{label} is a .npy file of version {version}; save it again with numpy.save")
    try:
        shape, fortran, dtype = reader(handle)
    except Exception as error:  # the header is a Python literal, whose parser raises nearly anything
        raise VectorFileError(f"{label} has a damaged .npy header") from error
    if dtype.hasobject:
        raise VectorFileError(
            f"{label} holds pickled objects, which could run any code; save it as an array of numbers or text, "
            "as in numpy.stack(rows)"
        )
    began = handle.tell()
    return StoredArray(
        path,
        label,
        handle,
        start=began,
        held=size - (began - start),
        shape=_sizes(label, shape),
        dtype=dtype,
        fortran=fortran,
    )


def _sizes(label: str, shape: Any) -> tuple[int, ...]:
    if any(isinstance(length, bool) or not isinstance(length, int) for length in shape):
        raise VectorFileError(f"{label} has a damaged .npy header")
    return tuple(shape)
