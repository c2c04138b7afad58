"""How an engine keeps the vectors of a feature, and how they are written for it and read back.

Whole numbers of eight bits stay such: they take a quarter of the disk of float32, and are read from JSON in less time.
Engines know signed bytes alone, so that uint8 is kept less 128, which changes no Euclidean distance.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Array, Float32, Float64, Metric, kept_dtype

VectorType = Literal["knn_vector", "dense_vector", "binary"]
"""Of a field: OpenSearch's with its k-NN plug-in, Elasticsearch's, and bytes, which no engine compares."""

OFFSETS = {"float32": 0, "uint8": 128, "int8": 0}
"""What is taken off each number that an engine keeps, by the type of vectors."""
LARGEST_WHOLE = 1 << 24
"""Whole numbers up to this one are exact as float32."""


@dataclass(frozen=True, slots=True)
class VectorForm:
    """How the vectors of one feature are kept."""

    type: VectorType
    dtype: str
    """Of the vectors that the user gives: one of `OFFSETS`."""

    @property
    def binary(self) -> bool:
        """Whether engines return vectors within documents only, and compare none."""
        return self.type == "binary"

    @property
    def whole(self) -> bool:
        """Whether vectors are whole numbers of eight bits."""
        return self.dtype != "float32"

    def described(self, dimension: int) -> dict[str, Any]:
        """Return the mapping of the field, as far as it says what vectors are."""
        if self.binary:
            return {"type": self.type}
        if self.type == "knn_vector":
            of_bytes = {"data_type": "byte"} if self.whole else {}
            return {"type": self.type, "dimension": dimension, **of_bytes}
        of_bytes = {"element_type": "byte"} if self.whole else {}
        return {"type": self.type, "dims": dimension, **of_bytes}

    def written(self, vectors: Float32) -> Sequence[Any]:
        """Return vectors (n, d) as they are sent: whole numbers as such, which engines read in half the time."""
        if self.binary:
            kept = vectors.astype(self.dtype if self.whole else "<f4")
            return [base64.b64encode(vector.tobytes()).decode() for vector in kept]
        if self.whole:
            return list(self._shifted(vectors))
        whole = np.array_equal(np.rint(vectors), vectors) and bool((np.abs(vectors) <= LARGEST_WHOLE).all())
        return list(vectors.astype(np.int32) if whole else vectors)

    def asked(self, query: Float32) -> Array:
        """Return a query (d,) as the engine takes it: where it keeps whole numbers, the nearest of these."""
        return self._shifted(query) if self.whole else query

    def errors(self, queries: Float32) -> Float64:
        """Return how far each of `queries` (q, d) is from what `asked` makes of it, (q,)."""
        if not self.whole:
            return np.zeros(len(queries))
        moved = self._shifted(queries) + float(OFFSETS[self.dtype]) - queries
        errors: Float64 = np.sqrt(np.einsum("ij,ij->i", moved, moved))
        return errors

    def read(self, kept: Any) -> Float32:
        """Return the vector (d,) that an engine returns as `kept`."""
        if isinstance(kept, str):
            dtype = self.dtype if self.whole else "<f4"
            return np.frombuffer(base64.b64decode(kept), dtype=dtype).astype(np.float32)
        return np.array(kept, dtype=np.float32) + np.float32(OFFSETS[self.dtype])

    def _shifted(self, vectors: Float32) -> npt.NDArray[np.int32]:
        limits = np.iinfo(self.dtype)
        return np.rint(np.clip(vectors, limits.min, limits.max)).astype(np.int32) - OFFSETS[self.dtype]


def mapped_as(described: Mapping[str, Any]) -> str:
    """Return in words what a mapping says of a field of vectors, as far as another form says something else."""
    element = described.get("data_type", described.get("element_type", "float")).lower()
    return f"{described.get('type')} of bytes" if element == "byte" else str(described.get("type"))


def engine_dtype(dtype: npt.DTypeLike, metric: Metric) -> str:
    """Return the type in which an engine keeps vectors of `dtype`: under cosine their lengths are divided out."""
    kept = kept_dtype(dtype, metric).name
    return kept if kept in OFFSETS and metric == "euclidean" else "float32"
