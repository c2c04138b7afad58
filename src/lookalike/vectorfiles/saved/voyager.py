"""Indexes that voyager saved: `Index.save`, with metadata at their head (from version 2 on)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Metric
from lookalike.errors import VectorFileError
from lookalike.vectorfiles.saved.reader import (
    Asked,
    Ids,
    Reader,
    check_dimension,
    check_metric,
    live_ids,
    load,
    unit_vectors_metric,
)

_SPACES: dict[str, Metric] = {"Euclidean": "euclidean", "InnerProduct": "dot"}


class VoyagerReader(Reader):
    """Float32 of the spaces Euclidean and InnerProduct, as they went in; deleted elements are left out."""

    def __init__(self, asked: Asked) -> None:
        voyager = load("voyager", "voyager", "voyager")
        with asked.path.open("rb") as file:
            if file.read(4) != b"VOYA":
                raise VectorFileError(f"{asked.path} is no index of voyager, or one of a version before 2")
        self._index = voyager.Index.load(str(asked.path))
        storage, space = self._index.storage_data_type.name, self._index.space.name
        if storage != "Float32":
            raise VectorFileError(
                f"{asked.path}: the index keeps {storage}, 8 bits a number, so what went in cannot be read back; "
                "import the original vectors"
            )
        self.dimension = int(self._index.num_dimensions)
        check_dimension(asked, self.dimension)
        if space in _SPACES:
            self.metric = _SPACES[space]
            check_metric(asked, self.metric)
        else:
            self.metric = unit_vectors_metric(asked, "voyager")
        self.dtype = np.dtype(np.float32)
        self._ids = live_ids(np.fromiter(self._index.ids, np.uint64), self._get)
        self.rows = len(self._ids)

    def ids(self, first: int, last: int) -> Ids:
        return self._ids[first:last]

    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        return self._get(self._ids[first:last])

    def _get(self, ids: Ids) -> npt.NDArray[Any]:
        return np.asarray(self._index.get_vectors(ids), np.float32)
