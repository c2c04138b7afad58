"""Indexes that USearch saved: `Index.save`. They are viewed, so that no more of a file is in memory than is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Metric
from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.saved.reader import Asked, Ids, Reader, check_dimension, check_metric, load

_METRICS: dict[str, Metric] = {"Cos": "cosine", "IP": "dot", "L2sq": "euclidean", "Hamming": "hamming"}
_EXACT = {"F64": np.float64, "F32": np.float32, "B1": np.uint8}


class UsearchReader(Reader):
    """Numbers of 64 and 32 bits, and packed bits, as they went in."""

    def __init__(self, asked: Asked) -> None:
        usearch = load("usearch.index", "usearch", "usearch")
        told = usearch.Index.metadata(str(asked.path))
        index = usearch.Index.restore(str(asked.path), view=True) if told else None
        if index is None:
            raise VectorFileError(f"{asked.path} is no index of USearch, or is damaged")
        kind, metric = index.dtype.name, index.metric_kind.name
        if kind not in _EXACT:
            raise VectorFileError(
                f"{asked.path}: the index keeps {kind.lower()}, to which USearch rounds what goes in, so that cannot "
                "be read back; import the original vectors"
            )
        if metric not in _METRICS:
            raise OptionError(f"{asked.path} is an index of {metric}; nothing here compares by that")
        if index.multi:
            raise VectorFileError(
                f"{asked.path} keeps several vectors under a key; import the original vectors"
            )
        self.metric = _METRICS[metric]
        check_metric(asked, self.metric)
        self.dimension = int(index.ndim)
        check_dimension(asked, self.dimension)
        self.dtype = np.dtype(_EXACT[kind])
        self._index = index
        self._ids = np.sort(np.fromiter(index.keys, np.uint64, len(index)))
        self.rows = len(self._ids)

    def ids(self, first: int, last: int) -> Ids:
        return self._ids[first:last]

    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        return np.asarray(self._index.get(self._ids[first:last]), self.dtype)
