"""`.safetensors` files (format: https://github.com/huggingface/safetensors).

The length of a header, a little-endian uint64; the header, JSON that tells type, shape and place of each tensor; and
then the tensors, in C order, without gaps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly, read_exactly
from lookalike.vectorfiles.layout import Names, Wanted, only_matrix, told_names
from lookalike.vectorfiles.stored_array import ArrayFile, ArrayNames, StoredArray

HEADER_BYTES = 100_000_000
"""The most that the format allows."""
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip


class SafetensorsFile(ArrayFile):
    """One tensor (n, d) of a file; a tensor of whole numbers may hold the names."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._handle, self._size = open_plainly(path)
        try:
            self._begin, self._told = self._header()
            others = ", ".join(repr(name) for name in list(self._told)[:20])
            names = told_names(path, wanted, self._names, others)
            shapes = {
                name: self._shape(name) for name, told in self._told.items() if told.get("dtype") in _TYPES
            }
            name = only_matrix(path, shapes, wanted, others)
            self._is_bfloat = self._told[name]["dtype"] == "BF16"
            self._take(self._tensor(name), names, wanted)
            if self._is_bfloat:
                self.dtype = np.dtype(np.float32)
        except BaseException:
            self._handle.close()
            raise

    def close(self) -> None:
        self._handle.close()

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        block = super()._read(first, last)
        # A bfloat16 is the upper half of a float32.
        return (block.astype(np.uint32) << 16).view(np.float32) if self._is_bfloat else block

    def _header(self) -> tuple[int, dict[str, dict[str, Any]]]:
        length = np.zeros(1, "<u8")
        if self._size >= length.nbytes:
            read_exactly(self.path, self._handle, 0, length)
        if not 2 <= int(length[0]) <= min(HEADER_BYTES, self._size - length.nbytes):
            raise VectorFileError(f"{self.path} is not a .safetensors file, or is damaged")
        raw = np.empty(int(length[0]), np.uint8)
        read_exactly(self.path, self._handle, length.nbytes, raw)
        try:
            told = json.loads(raw.tobytes())
        except (ValueError, RecursionError) as error:
            raise VectorFileError(f"{self.path} has a damaged .safetensors header") from error
        told = told if isinstance(told, dict) else {"": None}
        told.pop("__metadata__", None)
        if not all(isinstance(one, dict) for one in told.values()):
            raise VectorFileError(f"{self.path} has a damaged .safetensors header")
        return length.nbytes + raw.nbytes, told

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(_counts(self.path, self._told[name].get("shape")))

    def _tensor(self, name: str) -> StoredArray:
        told, label = self._told[name], f"{self.path}: tensor {name!r}"
        place = _counts(self.path, told.get("data_offsets"))
        held = self._size - self._begin
        if len(place) != 2 or not place[0] <= place[1] <= held:
            raise VectorFileError(
                f"{label} lies at {place} of {held} bytes; the file is truncated or damaged"
            )
        return StoredArray(
            self.path,
            label,
            self._handle,
            start=self._begin + place[0],
            held=place[1] - place[0],
            shape=self._shape(name),
            dtype=np.dtype(_TYPES[told["dtype"]]),
        )

    def _names(self, name: str) -> Names | None:
        told = self._told.get(name)
        if told is None:
            return None
        if not str(told.get("dtype")).startswith(("I", "U")):
            raise VectorFileError(
                f"{self.path}: tensor {name!r} holds no whole numbers, which names would be"
            )
        return ArrayNames(self._tensor(name))


def _counts(path: Path, values: Any) -> list[int]:
    if not isinstance(values, list) or not all(type(one) is int and one >= 0 for one in values):
        raise VectorFileError(f"{path} has a damaged .safetensors header")
    return values
