"""The heaps in which an HDF5 file keeps strings of variable length, walked before HDF5 walks them.

A free object of size zero in a damaged global heap sends HDF5 2.0 round and round forever. The walk is that of
the HDF5 file format specification 3.0, III.E "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from lookalike.errors import VectorFileError

_SIGNATURE = b"GCOL\x01"
_WINDOW = 8 << 20
_WRAP = (1 << 64) - 1


def check_heaps(path: Path, size_bytes: int) -> None:
    """Refuse a file with a global heap that HDF5 would not come to the end of.

    Heaps are found by their signature wherever it stands, since any place could be referred to.
    `size_bytes` is the width of lengths in the file; 8 in all but ancient ones.
    """
    if size_bytes != 8:
        raise VectorFileError(f"{path} has lengths of {size_bytes} bytes; write it again with a newer HDF5")
    file_size = path.stat().st_size
    with path.open("rb") as handle:
        for start in _signatures(path):
            handle.seek(start + 8)
            (declared,) = struct.unpack("<Q", handle.read(8).ljust(8, b"\0"))
            heap = handle.read(max(0, min(declared, file_size - start) - 16))
            if not _ends(heap):
                raise VectorFileError(f"{path} has a damaged heap of strings at byte {start}")


def _signatures(path: Path) -> Iterator[int]:
    overlap = len(_SIGNATURE) - 1
    with path.open("rb") as handle:
        window, start = b"", 0
        while piece := handle.read(_WINDOW):
            window += piece
            found = window.find(_SIGNATURE)
            while found >= 0:
                yield start + found
                found = window.find(_SIGNATURE, found + 1)
            start += len(window) - overlap
            window = window[-overlap:]


def _ends(heap: bytes) -> bool:
    """Walk the objects: index (2 bytes; 0 is free space), references (2), reserved (4), size (8), content."""
    position = 0
    while position + 16 <= len(heap):
        index, size = struct.unpack_from("<H6xQ", heap, position)
        # HDF5's own 64-bit arithmetic, wrapping around and all.
        step = size if index == 0 else (16 + ((size + 7) & _WRAP & ~7)) & _WRAP
        if step == 0:
            return False
        position += step
    return True
