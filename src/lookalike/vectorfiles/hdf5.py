"""HDF5 files: a dataset of vectors and, beside it, a dataset of their names. MATLAB's of version 7.3 are such files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from lookalike.errors import LookalikeError, VectorFileError
from lookalike.vectorfiles.base import VectorFile
from lookalike.vectorfiles.hdf5_names import names_of
from lookalike.vectorfiles.hdf5_storage import Storage, fetch_dataset, list_datasets
from lookalike.vectorfiles.layout import (
    DEFAULT_DATASET,
    Names,
    Wanted,
    matrix_axes,
    only_matrix,
    told_names,
    told_orientation,
)


def open_hdf5(path: Path, wanted: Wanted) -> VectorFile:
    """Open an HDF5 file of one dataset of vectors, or of one group a picture.

    Raises:
        VectorFileError: it is no such file, or damaged.
    """
    with mapped(path):
        if not h5py.is_hdf5(path):
            raise VectorFileError(f"{path} is not an HDF5 file")
        file = h5py.File(path, "r")
    try:
        with mapped(path):
            name = wanted.dataset or DEFAULT_DATASET
            if fetch_dataset(path, file, name) is not None:
                return Hdf5File(path, file, name, wanted)
            if wanted.dataset is None and path.suffix.lower() == ".mat":
                return Hdf5File(path, file, _only_variable(path, file, wanted), wanted)
            from lookalike.vectorfiles.hdf5_groups import GroupsFile, groups_with

            if groups := groups_with(path, file, name):
                return GroupsFile(path, file, name, groups, wanted)
            found = list_datasets(file)
            raise VectorFileError(
                f"{path} has no dataset {name!r}; choose one of its datasets"
                f" with the option dataset: {found or 'it has none'}"
            )
    except BaseException:
        file.close()
        raise


class Hdf5File(VectorFile):
    """Vectors in an HDF5 dataset of shape (n, d), or (d, n) with orientation "columns".

    MATLAB writes the axes of its arrays in reverse, and says so; rows and columns are then those that it shows.
    """

    def __init__(self, path: Path, file: h5py.File, dataset: str, wanted: Wanted) -> None:
        """Look at what is declared. Raises VectorFileError, and whatever h5py raises."""
        self.path = path
        self._file = file
        self._storage = self._vectors(dataset)
        kind = self._storage.matlab_class()
        others = list_datasets(file) if wanted.names is not None else ""
        self.name_source = told_names(path, wanted, self._names, others or "none")
        shape = self._storage.shape
        if kind is not None and self._storage.is_matlab_empty():
            raise VectorFileError(f"{self._storage.label} is empty; it has no vectors")
        self._is_logical = kind == "logical"
        if self._is_logical:
            self.dtype = np.dtype(bool)
        axes = matrix_axes(shape if kind is None else shape[::-1])
        if axes is None:
            raise VectorFileError(
                f"{self._storage.label} has shape {shape}; vectors need (rows, dimension) or the reverse"
            )
        if kind is not None:
            axes = len(shape) - 1 - axes[0], len(shape) - 1 - axes[1]
        matrix = shape[axes[0]], shape[axes[1]]
        if told_orientation(self._storage.label, matrix, self.name_source, wanted) == "columns":
            axes = axes[::-1]
        self._rows_axis, self._numbers_axis = axes
        self.rows, self.dimension = shape[axes[0]], shape[axes[1]]
        if self.dimension == 0:
            raise VectorFileError(f"{self._storage.label} has dimension 0; give at least one number a row")
        self._storage.check_held()
        self._storage.keep_chunks(axis=self._rows_axis)

    def close(self) -> None:
        self._file.close()

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        selection = [slice(0, 1)] * len(self._storage.shape)
        selection[self._rows_axis] = slice(first, last)
        selection[self._numbers_axis] = slice(0, self.dimension)
        with mapped(self.path):
            block = self._storage.read(tuple(selection))
        rows: npt.NDArray[Any] = np.moveaxis(block, (self._rows_axis, self._numbers_axis), (0, 1))
        rows = rows.reshape(last - first, self.dimension)
        return rows != 0 if self._is_logical else rows

    def _suitable_rows(self) -> int:
        """Whole chunks, so that none is decompressed for two blocks, where such a block is not too long."""
        rows = super()._suitable_rows()
        chunk = self._storage.chunk_length(axis=self._rows_axis)
        return rows // chunk * chunk if chunk <= rows else rows

    def _vectors(self, name: str) -> Storage:
        identifier = fetch_dataset(self.path, self._file, name)
        if identifier is None:
            raise VectorFileError(f"{self.path} has no dataset {name!r}")
        storage = Storage(self.path, self._file, name, identifier)
        self.dtype = storage.number_type()
        return storage

    def _names(self, name: str) -> Names | None:
        return names_in(self.path, self._file, name)


def names_in(path: Path, file: h5py.File, name: str) -> Names | None:
    """Return the names in the dataset `name`, or None if there is none. Raises VectorFileError."""
    identifier = fetch_dataset(path, file, name)
    if identifier is None:
        return None
    return names_of(path, file, Storage(path, file, name, identifier), partial(mapped, path))


def _only_variable(path: Path, file: h5py.File, wanted: Wanted) -> str:
    """Return the name of MATLAB's variable that holds the vectors. Raises VectorFileError."""
    shapes = {}
    for name in file:
        identifier = None if name.startswith("#") else _at(path, file, name)
        if identifier is None:
            continue
        storage = Storage(path, file, name, identifier)
        if storage.matlab_class() not in (None, "char", "cell") and not storage.is_matlab_empty():
            shapes[name] = storage.shape[::-1]
    return only_matrix(
        path, shapes, wanted, ", ".join(repr(name) for name in file if not name.startswith("#"))
    )


def _at(path: Path, file: h5py.File, name: str) -> Any:
    try:
        return fetch_dataset(path, file, name)
    except VectorFileError:  # a group, as of a struct or a sparse matrix
        return None


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn what the driver raises into VectorFileError. On damaged files h5py raises nearly any exception."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VectorFileError(f"{path} cannot be read as HDF5: {reason}") from error
