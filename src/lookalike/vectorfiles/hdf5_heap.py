"""Strings of variable length in HDF5 files, resolved here rather than by HDF5.

HDF5 2.0 believes the length in a reference and takes that much memory, 4 GiB of it after one flipped byte, and
a free object of size zero in a heap sends it round and round forever. Layout: HDF5 File Format Specification
3.0, III.E "Level 1E - Global Heap", IV.B "Data Elements".
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly

REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""What stands in the dataset for a string, in files with lengths and addresses of 8 bytes."""

_HEADER = 16  # of a heap and of each object in it
_KEPT = 64  # heaps; strings that were written together lie in a few of them


class Heaps:
    """The global heaps of a file.

    Args:
        base: bytes before the HDF5 content, which addresses do not count.
    """

    def __init__(self, path: Path, base: int) -> None:
        self._path = path
        self._base = base
        self._heaps: dict[int, dict[int, bytes]] = {}

    def strings(self, references: npt.NDArray[Any], limit: int) -> list[bytes]:
        """Return the strings that `references` (REFERENCE) stand for; more than `limit` bytes are refused."""
        found = []
        for length, address, index in references.tolist():
            if length > limit:
                raise VectorFileError(f"{self._path} has a string of {length} bytes; {limit} are allowed")
            if not length or not address:
                found.append(b"")
                continue
            content = self._heap(address).get(index)
            if content is None or len(content) != length:
                raise VectorFileError(f"{self._path} has a damaged heap of strings at byte {address}")
            found.append(content.partition(b"\0")[0])
        return found

    def _heap(self, address: int) -> dict[int, bytes]:
        if address not in self._heaps:
            if len(self._heaps) >= _KEPT:
                self._heaps.pop(next(iter(self._heaps)))
            self._heaps[address] = _objects(self._content(address))
        return self._heaps[address]

    def _content(self, address: int) -> bytes:
        handle, size = open_plainly(self._path)
        with handle:
            start = address + self._base
            if start + _HEADER <= size:
                handle.seek(start)
                signature, declared = struct.unpack("<5s3xQ", handle.read(_HEADER))
                if signature == b"GCOL\x01" and _HEADER <= declared <= size - start:
                    return handle.read(declared - _HEADER)
        raise VectorFileError(f"{self._path} has a damaged heap of strings at byte {address}")


def _objects(heap: bytes) -> dict[int, bytes]:
    """Walk the objects: index (2 bytes; 0 is the free rest), references (2), reserved (4), size (8), content."""
    objects: dict[int, bytes] = {}
    position = 0
    while position + _HEADER <= len(heap):
        index, size = struct.unpack_from("<H6xQ", heap, position)
        position += _HEADER
        if index == 0 or size > len(heap) - position:
            break
        objects[index] = heap[position : position + size]
        position += -(-size // 8) * 8
    return objects
