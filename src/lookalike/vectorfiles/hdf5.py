"""HDF5 files: a dataset of vectors and, beside it, a dataset of their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt

from lookalike.errors import LookalikeError, VectorFileError
from lookalike.vectorfiles.base import Orientation, VectorFile
from lookalike.vectorfiles.hdf5_storage import Storage, fetch_dataset, list_datasets

DEFAULT_DATASET = "feats"
DEFAULT_NAMES = "filenames"

NAMES_PER_READ = 1024
NAME_BYTES = 1 << 16
"""A name may take no more than this."""


class Hdf5File(VectorFile):
    """Vectors in an HDF5 dataset of shape (n, d), or (d, n) with orientation "columns"."""

    def __init__(
        self, path: Path, *, dataset: str | None, names: str | None, orientation: Orientation | None
    ) -> None:
        self.path = path
        with _mapped(path):
            if not h5py.is_hdf5(path):
                raise VectorFileError(f"{path} is not an HDF5 file")
            self._file = h5py.File(path, "r")
        try:
            with _mapped(path):
                self._storage = self._vectors(dataset or DEFAULT_DATASET)
                self._names = self._names_storage(names)
                self._columns = self._orientation(orientation) == "columns"
                shape = self._storage.shape
                self.rows, self.dimension = shape[::-1] if self._columns else shape
                if self.dimension == 0:
                    raise VectorFileError(
                        f"{self._storage.label} has dimension 0; give at least one number a row"
                    )
                self._storage.check_held()
                if self._names is not None:
                    self._names.check_held()
                self._storage.keep_chunks(axis=1 if self._columns else 0)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def names(self) -> Iterator[str] | None:
        return None if self._names is None else self._stream_names(self._names)

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        with _mapped(self.path):
            if self._columns:
                return self._storage.read((slice(0, self.dimension), slice(first, last))).T
            return self._storage.read((slice(first, last), slice(0, self.dimension)))

    def _suitable_rows(self) -> int:
        """Whole chunks, so that none is decompressed for two blocks, where such a block is not too long."""
        rows = super()._suitable_rows()
        chunk = self._storage.chunk_length(axis=1 if self._columns else 0)
        return rows // chunk * chunk if chunk <= rows else rows

    def _vectors(self, name: str) -> Storage:
        storage = self._fetch(name)
        if storage is None:
            found = list_datasets(self._file)
            raise VectorFileError(
                f"{self.path} has no dataset {name!r}; choose one of its datasets"
                f" with the option dataset: {found or 'it has none'}"
            )
        self.dtype = storage.number_type()
        if len(storage.shape) != 2:
            raise VectorFileError(
                f"{storage.label} has shape {storage.shape}; vectors need (rows, dimension) or the reverse"
            )
        return storage

    def _names_storage(self, name: str | None) -> Storage | None:
        storage = self._fetch(name or DEFAULT_NAMES)
        if storage is None:
            if name is None:
                return None
            found = list_datasets(self._file)
            raise VectorFileError(f"{self.path} has no dataset {name!r} for names; it has {found}")
        storage.require_text(NAME_BYTES)
        if len(storage.shape) != 1:
            raise VectorFileError(f"{storage.label} has shape {storage.shape}; names need (rows,)")
        return storage

    def _orientation(self, wanted: Orientation | None) -> Orientation:
        if self._names is None:
            return wanted or "rows"
        count, shape = self._names.shape[0], self._storage.shape
        fitting: list[Orientation] = []
        if shape[0] == count:
            fitting.append("rows")
        if shape[1] == count:
            fitting.append("columns")
        if not fitting or (wanted is not None and wanted not in fitting):
            read_as = f" read as {wanted}" if wanted else ""
            raise VectorFileError(
                f"{self._names.label} has {count} names, which does not fit {self._storage.label} of shape "
                f"{shape}{read_as}; name the right datasets"
            )
        if wanted is None and len(fitting) == 2:
            raise VectorFileError(
                f"{self._storage.label} has shape {shape}, which could be read either way; "
                "give the orientation: rows or columns"
            )
        return wanted or fitting[0]

    def _fetch(self, name: str) -> Storage | None:
        identifier = fetch_dataset(self.path, self._file, name)
        return None if identifier is None else Storage(self.path, self._file, name, identifier)

    def _stream_names(self, storage: Storage) -> Iterator[str]:
        for first in range(0, self.rows, NAMES_PER_READ):
            with _mapped(self.path):
                block = storage.read_text(first, min(first + NAMES_PER_READ, self.rows), NAME_BYTES)
            for row, raw in enumerate(block, start=first):
                try:
                    yield raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise VectorFileError(f"{storage.label}: name {row} is not UTF-8: {raw!r}") from error


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Turn what the driver raises into VectorFileError. On damaged files h5py raises nearly any exception."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VectorFileError(f"{path} cannot be read as HDF5: {reason}") from error
