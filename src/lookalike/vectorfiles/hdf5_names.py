"""Names in HDF5 files: strings or whole numbers, and MATLAB's cell arrays and matrices of characters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5r

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.hdf5_storage import Storage
from lookalike.vectorfiles.layout import Names, line_axis
from lookalike.vectorfiles.stored_array import NAME_BYTES, NAMES_PER_READ, decoded, whole

Guard = Callable[[], Any]
"""Makes a context that turns what the driver raises into VectorFileError."""


def names_of(path: Path, file: h5py.File, storage: Storage, guard: Guard) -> Names:
    """Return the names that lie in a dataset. Raises VectorFileError."""
    kind = storage.matlab_class()
    if kind in ("cell", "char") and storage.is_matlab_empty():
        raise VectorFileError(f"{storage.label} is empty; names need one a row")
    if kind == "cell":
        return CellNames(path, file, storage, guard)
    if kind == "char":
        return CharacterNames(storage, guard)
    return DatasetNames(storage, guard)


class DatasetNames:
    """Strings or whole numbers, (n,) or (n, 1); numbers of MATLAB's may be of a floating type."""

    def __init__(self, storage: Storage, guard: Guard) -> None:
        """Look at its type and shape. Raises VectorFileError."""
        self.label = storage.label
        self._storage, self._guard = storage, guard
        storage.require_names(NAME_BYTES)
        storage.check_held()
        self.count = math.prod(storage.shape)

    def __iter__(self) -> Iterator[str]:
        for first in range(0, self.count, NAMES_PER_READ):
            with self._guard():
                block = self._storage.read_names(first, min(first + NAMES_PER_READ, self.count), NAME_BYTES)
            names = np.array(block) if block and isinstance(block[0], float) else np.array(block, object)
            yield from decoded(
                self.label, first, whole(self.label, first, names) if names.dtype == float else names
            )


class CharacterNames:
    """A matrix of characters, a row a name, padded by blanks. The file has its axes reversed: uint16 (length, n)."""

    def __init__(self, storage: Storage, guard: Guard) -> None:
        """Look at its type and shape. Raises VectorFileError."""
        self.label = storage.label
        self._storage, self._guard = storage, guard
        if storage.number_type() != np.uint16 or len(storage.shape) != 2:
            raise VectorFileError(f"{storage.label} is no matrix of characters")
        storage.check_held()
        length, self.count = storage.shape
        if 2 * length > NAME_BYTES:
            raise VectorFileError(
                f"{storage.label} has names of {2 * length} bytes; {NAME_BYTES} are allowed"
            )

    def __iter__(self) -> Iterator[str]:
        length = self._storage.shape[0]
        step = max(1, min(NAMES_PER_READ, (16 * NAME_BYTES) // max(1, length)))
        for first in range(0, self.count, step):
            last = min(first + step, self.count)
            with self._guard():
                block = self._storage.read((slice(0, length), slice(first, last))).T
            for row, line in enumerate(block, start=first):
                yield utf16(f"{self.label}: name {row}", line).rstrip(" ")


class CellNames:
    """A cell array: references to datasets of characters, uint16 (length, 1)."""

    def __init__(self, path: Path, file: h5py.File, storage: Storage, guard: Guard) -> None:
        """Look at its type and shape. Raises VectorFileError."""
        self.label = storage.label
        self._path, self._file, self._storage, self._guard = path, file, storage, guard
        if not storage.is_of_references() or line_axis(storage.shape) is None:
            raise VectorFileError(
                f"{storage.label} has shape {storage.shape}; names need a cell array (rows, 1) of texts"
            )
        storage.check_held()
        self.count = math.prod(storage.shape)

    def __iter__(self) -> Iterator[str]:
        axis = line_axis(self._storage.shape)
        for first in range(0, self.count, NAMES_PER_READ):
            places = [slice(0, 1)] * len(self._storage.shape)
            places[axis or 0] = slice(first, min(first + NAMES_PER_READ, self.count))
            with self._guard():
                references = self._storage.read(tuple(places)).reshape(-1)
            for row, reference in enumerate(references, start=first):
                with self._guard():
                    name = self._text(row, reference)
                yield name

    def _text(self, row: int, reference: h5py.Reference) -> str:
        label = f"{self.label}: name {row}"
        target = h5r.dereference(reference, self._file.id) if reference else None
        if not isinstance(target, h5d.DatasetID):
            raise VectorFileError(f"{label} refers to nothing; it is damaged, or no text")
        text = Storage(self._path, self._file, f"{self._storage.name}{{{row}}}", target)
        if text.matlab_class() != "char":
            raise VectorFileError(f"{label} is of class {text.matlab_class()!r}; names are texts")
        if text.is_matlab_empty():
            return ""
        if text.number_type() != np.uint16 or line_axis(text.shape) is None:
            raise VectorFileError(f"{label} is no row of characters")
        text.check_held()
        if 2 * math.prod(text.shape) > NAME_BYTES:
            raise VectorFileError(f"{label} has more than {NAME_BYTES} bytes")
        return utf16(label, text.read(tuple(slice(0, length) for length in text.shape)))


def utf16(label: str, characters: Any) -> str:
    """Return an array of uint16 as text. Raises VectorFileError."""
    try:
        return np.ascontiguousarray(characters, "<u2").tobytes().decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise VectorFileError(f"{label} is no Unicode") from error
