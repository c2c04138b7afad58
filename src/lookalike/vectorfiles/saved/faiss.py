"""Indexes that FAISS saved: `write_index`. They are mapped, so that no more of a file is in memory than is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError, VectorFileError
from lookalike.vectorfiles.saved.reader import Asked, Ids, Reader, check_dimension, check_metric, load

_FLAT = ("IndexFlat", "IndexFlatL2", "IndexFlatIP", "IndexHNSWFlat")
_MAPS = ("IndexIDMap", "IndexIDMap2")


class FaissReader(Reader):
    """Float32 of flat indexes, graphs and inverted files over them, as they went in; ids by their maps.

    The rows of an inverted file lie in the order of its lists.
    """

    def __init__(self, asked: Asked) -> None:
        self._faiss = load("faiss", "faiss-cpu", "faiss")
        # Newer versions map what is in memory as it is in the file; the others read it whole.
        index = self._faiss.read_index(str(asked.path), getattr(self._faiss, "IO_FLAG_MMAP_IFC", 0))
        self._map = None
        self._whole = index  # owns what is taken out of it
        if type(index).__name__ in _MAPS:
            self._map = self._faiss.vector_to_array(index.id_map)
            index = self._faiss.downcast_index(index.index)
        kind = type(index).__name__
        if kind not in (*_FLAT, "IndexIVFFlat"):
            raise VectorFileError(
                f"{asked.path}: {kind} of FAISS is not known to keep the vectors that went in; Flat, IVFFlat and "
                "HNSWFlat do, with and without IDMap; import the original vectors"
            )
        if index.metric_type not in (self._faiss.METRIC_L2, self._faiss.METRIC_INNER_PRODUCT):
            raise OptionError(
                f"{asked.path} is an index of FAISS's metric {index.metric_type}; nothing here compares by that, only "
                "by L2 and inner product"
            )
        self.metric = "euclidean" if index.metric_type == self._faiss.METRIC_L2 else "dot"
        check_metric(asked, self.metric)
        self.dimension = int(index.d)
        check_dimension(asked, self.dimension)
        self.dtype = np.dtype(np.float32)
        self.rows = int(index.ntotal)
        if self._map is not None and len(self._map) != self.rows:
            raise VectorFileError(
                f"{asked.path} has {len(self._map)} ids for {self.rows} vectors; it is damaged"
            )
        self._lists = _Lists(self._faiss, index) if kind == "IndexIVFFlat" else None
        self._index = index

    def ids(self, first: int, last: int) -> Ids:
        inner = np.arange(first, last) if self._lists is None else self._lists.read(first, last)[0]
        return inner if self._map is None else self._map[inner]

    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        if self._lists is not None:
            return self._lists.read(first, last)[1]
        rows: npt.NDArray[Any] = self._index.reconstruct_n(first, last - first)
        return rows


class _Lists:
    """The lists of an inverted file, one after another."""

    def __init__(self, faiss: Any, index: Any) -> None:
        self._faiss, self._index, self._lists = faiss, index, index.invlists
        sizes = [self._lists.list_size(number) for number in range(index.nlist)]
        self._ends = np.cumsum(sizes, dtype=np.int64)
        if self._lists.code_size != 4 * index.d or (int(self._ends[-1]) if sizes else 0) != index.ntotal:
            raise VectorFileError("its lists do not hold what it declares; it is damaged")

    def read(self, first: int, last: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return ids and vectors of rows first..last-1."""
        ids = np.empty(last - first, np.int64)
        rows = np.empty((last - first, self._index.d), np.float32)
        number = int(np.searchsorted(self._ends, first, side="right"))
        at = first
        while at < last:
            size = self._lists.list_size(number)
            start = int(self._ends[number]) - size
            part, stop = slice(at - start, min(last - start, size)), min(last, start + size)
            if stop > at:
                listed = self._faiss.rev_swig_ptr(self._lists.get_ids(number), size)
                codes = self._faiss.rev_swig_ptr(self._lists.get_codes(number), size * self._lists.code_size)
                ids[at - first : stop - first] = listed[part]
                rows[at - first : stop - first] = codes.view(np.float32).reshape(size, -1)[part]
            at, number = stop, number + 1
        return ids, rows
