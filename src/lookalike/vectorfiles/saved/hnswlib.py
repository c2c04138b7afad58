"""Indexes that hnswlib saved: `Index.save_index`. A file does not tell its space."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Metric
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.saved.detection import hnswlib_header
from lookalike.vectorfiles.saved.reader import (
    Asked,
    Ids,
    Reader,
    check_dimension,
    live_ids,
    load,
    unit_vectors_metric,
)

_SPACES: dict[Metric, str] = {"euclidean": "l2", "dot": "ip"}


class HnswlibReader(Reader):
    """Float32 of the spaces l2 and ip, as they went in; deleted elements are left out."""

    def __init__(self, asked: Asked) -> None:
        hnswlib = load("hnswlib", "hnswlib", "hnswlib")
        header = hnswlib_header(asked.path)
        if header is None:  # hnswlib itself reads a file of any dimension as one of that which it is given
            raise VectorFileError(f"{asked.path} is no index of hnswlib, or is damaged")
        check_dimension(asked, header.dimension)
        if asked.metric is None:
            raise OptionError(
                f"{asked.path}: a file of hnswlib does not tell its space; give --metric l2, ip or cosine"
            )
        self.metric = unit_vectors_metric(asked, "hnswlib") if asked.metric == "cosine" else _known(asked)
        self.dimension = header.dimension
        self.dtype = np.dtype(np.float32)
        self._index = hnswlib.Index(_SPACES[self.metric], header.dimension)
        self._index.load_index(str(asked.path), max_elements=max(1, header.elements))
        self._ids = live_ids(np.asarray(self._index.get_ids_list(), np.int64), self._get)
        self.rows = len(self._ids)

    def ids(self, first: int, last: int) -> Ids:
        return self._ids[first:last]

    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        return self._get(self._ids[first:last])

    def _get(self, ids: Ids) -> npt.NDArray[Any]:
        return np.asarray(self._index.get_items(ids), np.float32)


def _known(asked: Asked) -> Metric:
    for metric in _SPACES:
        if asked.metric == metric:
            return metric
    raise OptionError(f"{asked.path}: hnswlib has no space {asked.metric!r}; give --metric l2, ip or cosine")
