"""Vectors that lie elsewhere, for indexes that keep none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


class Rows(dict[int, Any]):
    """Vectors by id, as a `VectorReader`."""

    dimension = 24
    dtype: Any = np.dtype(np.float32)
    asked = 0
    """How many vectors were fetched."""

    def __call__(self, ids: Int64) -> tuple[Int64, npt.NDArray[Any]]:
        there = [number for number in ids.tolist() if number in self]
        self.asked += len(there)
        rows = np.array([self[number] for number in there], dtype=self.dtype)
        return np.array(there, dtype=np.int64), rows.reshape(len(there), self.dimension)

    def ids(self) -> Int64:
        return np.array(sorted(self), dtype=np.int64)


def rows_of(vectors: npt.NDArray[Any], ids: npt.NDArray[Any] | None = None) -> Rows:
    """Return `vectors` (n, d) by their ids, from 0 where none are given."""
    numbers = range(len(vectors)) if ids is None else ids.tolist()
    return Rows(zip(numbers, vectors, strict=True))
