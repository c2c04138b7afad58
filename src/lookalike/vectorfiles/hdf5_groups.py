"""HDF5 files of one group a picture, each with a dataset of its vector, as hloc and other retrieval tools write."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5o

from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.base import VectorFile
from lookalike.vectorfiles.hdf5 import mapped
from lookalike.vectorfiles.hdf5_storage import Storage, fetch_dataset
from lookalike.vectorfiles.layout import Wanted, line_axis, told_names


def groups_with(path: Path, file: h5py.File, dataset: str) -> list[str]:
    """Return the groups that hold a dataset of that name, in order of name.

    Raises:
        VectorFileError: another group holds neither it nor a group.
    """
    groups: set[str] = set()
    ending = f"/{dataset}".encode()
    found: list[str] = []

    def look(name: bytes, told: Any) -> None:
        text = name.decode("utf-8", errors="surrogateescape")
        if name.endswith(ending) and told.type == h5o.TYPE_DATASET:
            found.append(text.removesuffix(f"/{dataset}"))
        elif told.type == h5o.TYPE_GROUP:
            groups.add(text)

    h5o.visit(file.id, look, info=True)
    if found:
        parents = {parent for name in (*found, *groups) for parent in _above(name)}
        if lacking := sorted(groups - parents - set(found)):
            raise VectorFileError(
                f"{path}: group {lacking[0]!r} has no dataset {dataset!r}, as {len(found)} others have; "
                "remove it, or make its vector"
            )
    return sorted(found)


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


class _GroupNames:
    """The names of groups: the paths of pictures, as they were given to the tool."""

    def __init__(self, path: Path, groups: list[str]) -> None:
        self.label, self.count = f"{path}: its groups", len(groups)
        self._groups = groups

    def __iter__(self) -> Any:
        return iter(self._groups)


class GroupsFile(VectorFile):
    """One vector a group; the names are those of the groups."""

    def __init__(self, path: Path, file: h5py.File, dataset: str, groups: list[str], wanted: Wanted) -> None:
        """Look at the first of them. Raises VectorFileError."""
        self.path = path
        self._file, self._dataset, self._groups = file, dataset, groups
        if wanted.orientation is not None and not wanted.is_query:
            raise OptionError(
                f"{path} has one vector a group, so orientation {wanted.orientation!r} means nothing; leave it out"
            )
        self.rows = len(groups)
        self._dimension_of_first(0)
        own = _GroupNames(path, groups)
        others = told_names(path, wanted, lambda name: None, "no names but those of its groups")
        self.name_source = others or own
        if self.name_source.count != self.rows:
            raise VectorFileError(
                f"{self.name_source.label} has {self.name_source.count} names for the {self.rows} groups of {path}"
            )

    def close(self) -> None:
        self._file.close()

    def _dimension_of_first(self, number: int) -> None:
        storage = self._storage(number)
        self.dtype, self.dimension = storage.number_type(), math.prod(storage.shape)
        if self.dimension == 0:
            raise VectorFileError(f"{storage.label} has dimension 0; give at least one number a row")

    def _storage(self, number: int) -> Storage:
        name = f"{self._groups[number]}/{self._dataset}"
        identifier = fetch_dataset(self.path, self._file, name)
        if identifier is None:
            raise VectorFileError(f"{self.path} has no dataset {name!r} any more")
        storage = Storage(self.path, self._file, name, identifier)
        if line_axis(storage.shape) is None:
            raise VectorFileError(f"{storage.label} has shape {storage.shape}; give one vector a group")
        return storage

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        rows = np.empty((last - first, self.dimension), self.dtype)
        with mapped(self.path):
            for row in range(first, last):
                storage = self._storage(row)
                if (
                    math.prod(storage.shape) != self.dimension
                    or storage.number_type().kind != self.dtype.kind
                ):
                    raise VectorFileError(
                        f"{storage.label} has shape {storage.shape} and type {storage.number_type()}, where that of "
                        f"the first group has dimension {self.dimension} and type {self.dtype}"
                    )
                storage.check_held()
                block = storage.read(tuple(slice(0, length) for length in storage.shape))
                rows[row - first] = block.reshape(-1)
        return rows
