"""Which library saved an index, told by the content of the file."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

from lookalike.errors import VectorFileError

LIBRARIES = ("annoy", "faiss", "hnswlib", "usearch", "voyager")

_ANNOY_SUFFIXES = (".ann", ".annoy")
_FAISS = re.compile(
    rb"I[BHNRVbwx][A-Za-z0-9][A-Za-z0-9 ]", re.DOTALL
)  # four letters that name the kind of index
_VOYAGER = b"VOYA"
_USEARCH = b"usearch"
_HNSWLIB = struct.Struct("<6QiI3QdQ")


class HnswlibHeader(NamedTuple):
    """What the head of a file of hnswlib tells: elements, and the dimension of float32 that their bytes leave."""

    elements: int
    dimension: int


def library_of(path: Path) -> str | None:
    """Return which of `LIBRARIES` saved the index at `path`, or None; a file of Annoy is known by its suffix alone.

    Raises:
        VectorFileError: the file cannot be read.
    """
    if path.suffix.lower() in _ANNOY_SUFFIXES:
        return "annoy"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_HNSWLIB.size)
            if head.startswith(_VOYAGER):
                return "voyager"
            if _FAISS.match(head):
                return "faiss"
            for words in ("<2I", "<2Q"):  # USearch writes the matrix of its vectors first, then its own head
                if len(head) >= struct.calcsize(words):
                    rows, row_bytes = struct.unpack_from(words, head)
                    start = struct.calcsize(words) + rows * row_bytes
                    if start < size:
                        file.seek(start)
                        if file.read(len(_USEARCH)) == _USEARCH:
                            return "usearch"
    except OSError as error:
        raise VectorFileError(f"{path} cannot be read: {error.strerror or error}") from error
    return "hnswlib" if _hnswlib_header(head, size) is not None else None


def hnswlib_header(path: Path) -> HnswlibHeader | None:
    """Return what the head of a file of hnswlib tells, or None for a file that is none, or too short for it."""
    with path.open("rb") as file:
        return _hnswlib_header(file.read(_HNSWLIB.size), os.fstat(file.fileno()).st_size)


def _hnswlib_header(head: bytes, size: int) -> HnswlibHeader | None:
    """An element of hnswlib is 4 bytes and 4 a neighbour, its vector, and 8 bytes of its label."""
    if len(head) < _HNSWLIB.size:
        return None
    level0, most, count, element, label, data, top, _, _, neighbours, _, _, _ = _HNSWLIB.unpack(head)
    vector = label - data
    fits = (
        level0 == 0
        and count <= most
        and element == label + 8
        and data == 4 * neighbours + 4
        and vector > 0
        and vector % 4 == 0
        and top >= -1
        and count * element <= size
    )
    return HnswlibHeader(count, vector // 4) if fits else None
