"""`.mat` files of MATLAB 5 to 7 (format: MathWorks, "MAT-File Format", R2023b). Those of 7.3 are HDF5.

A header of 128 bytes, and elements: type and size, two uint32, and content. A variable is a matrix, which is made of
elements itself: flags, dimensions, name and numbers, in Fortran order. Usually each is compressed by zlib.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import open_plainly
from lookalike.vectorfiles.layout import Names, Wanted, line_axis, only_matrix, told_names
from lookalike.vectorfiles.spool import spooled
from lookalike.vectorfiles.stored_array import (
    NAME_BYTES,
    NAMES_PER_READ,
    ArrayFile,
    ArrayNames,
    StoredArray,
    decoded,
    whole,
)

_HEADER = 128
_HEAD_BYTES = 4096  # flags, dimensions and name of a variable lie within this
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CODECS = {1: "latin-1", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_CELL, _CHAR = 1, 4
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single", 8: "int8", 9: "uint8",
    10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64", 16: "function", 17: "opaque",
}  # fmt: skip
_NUMBERS = range(6, 16)


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    start: int
    size: int
    end: int


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A variable: where its content begins, and what its first elements say."""

    name: str
    kind: int
    is_complex: bool
    is_logical: bool
    shape: tuple[int, ...]
    content: int
    end: int


class MatlabFile(ArrayFile):
    """One matrix of numbers in a file; its names are a cell array of texts, a matrix of characters, or numbers."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._handle, self._size = open_plainly(path)
        self._spooled: list[BinaryIO] = []
        try:
            self._order = self._byte_order()
            self._variables = self._listed()
            others = ", ".join(repr(name) for name in list(self._variables)[:20])
            shapes = {
                name: matrix.shape
                for name, (_, matrix) in self._variables.items()
                if matrix.kind in _NUMBERS and not matrix.is_complex
            }
            names = told_names(path, wanted, self._names, others)
            name = only_matrix(path, shapes, wanted, others)
            handle, matrix = self._opened(name)
            self._is_logical = matrix.is_logical
            self._take(self._stored(name, handle, matrix), names, wanted)
            if self._is_logical:
                self.dtype = np.dtype(bool)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for handle in (self._handle, *self._spooled):
            handle.close()

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        block = super()._read(first, last)
        return block != 0 if self._is_logical else block

    def _byte_order(self) -> str:
        header = self._handle.read(_HEADER)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None or len(header) < _HEADER:
            raise VectorFileError(
                f"{self.path} is not a MATLAB file of version 5 or later; save it again with save -v7 or -v7.3"
            )
        return order

    def _listed(self) -> dict[str, tuple[_Element, _Matrix]]:
        """Return the variables by name, with the element that each lies in."""
        found = {}
        at = _HEADER
        while at < self._size:
            element = _element(self._handle, at, self._size, self._order, self.path)
            if element.kind == _COMPRESSED:
                head = io.BytesIO(self._unpacked(element, _HEAD_BYTES))
                inner = _element(head, 0, 1 << 62, self._order, self.path)
                matrix = _matrix(head, inner, self._order, self.path) if inner.kind == _MATRIX else None
            else:
                matrix = (
                    _matrix(self._handle, element, self._order, self.path)
                    if element.kind == _MATRIX
                    else None
                )
            if matrix is not None:
                found[matrix.name] = (element, matrix)
            at = element.end if element.kind != _COMPRESSED else element.start + element.size
        return found

    def _unpacked(self, element: _Element, size: int) -> bytes:
        inflater = _Inflater(self.path, self._handle, element)
        return inflater.read(size)

    def _opened(self, name: str) -> tuple[BinaryIO, _Matrix]:
        """Return the file that a variable lies in, which is a temporary one if it is compressed, and where."""
        element, matrix = self._variables[name]
        if element.kind != _COMPRESSED:
            return self._handle, matrix
        inner = _element(io.BytesIO(self._unpacked(element, 16)), 0, 1 << 62, self._order, self.path)
        if inner.size > 1040 * element.size:  # zlib makes no more of it
            raise VectorFileError(
                f"{self.path}: variable {name!r} is damaged: it declares {inner.size} bytes"
            )
        handle = spooled(self.path, _Inflater(self.path, self._handle, element), inner.start + inner.size)  # type: ignore[arg-type]
        self._spooled.append(handle)
        return handle, matrix

    def _stored(self, name: str, handle: BinaryIO, matrix: _Matrix) -> StoredArray:
        """Return the numbers of a variable, which may be of a shorter type than its class."""
        label = f"{self.path}: variable {name!r}"
        element = _element(handle, matrix.content, matrix.end, self._order, self.path)
        if element.kind not in _TYPES:
            raise VectorFileError(f"{label} has numbers of type {element.kind}; it is damaged")
        return StoredArray(
            self.path,
            label,
            handle,
            start=element.start,
            held=element.size,
            shape=matrix.shape,
            dtype=np.dtype(self._order + _TYPES[element.kind]),
            fortran=True,
        )

    def _names(self, name: str) -> Names | None:
        if name not in self._variables:
            return None
        handle, matrix = self._opened(name)
        label = f"{self.path}: variable {name!r}"
        if matrix.kind == _CELL:
            return _CellNames(self.path, label, handle, matrix, self._order)
        if matrix.kind == _CHAR and len(matrix.shape) == 2:
            return _CharacterNames(label, handle, matrix, self._order, self.path)
        if matrix.kind in _NUMBERS:
            array = self._stored(name, handle, matrix)
            return ArrayNames(array) if array.dtype.kind in "iu" else _NumberNames(array)
        raise VectorFileError(
            f"{label} is of class {_CLASSES.get(matrix.kind, matrix.kind)}; give names as a cell array of texts "
            "(cellstr)"
        )


class _Inflater:
    """The content of a compressed element, read like a file."""

    def __init__(self, path: Path, handle: BinaryIO, element: _Element) -> None:
        self._path, self._handle = path, handle
        self._at, self._end = element.start, element.start + element.size
        self._inflater = zlib.decompressobj()
        self._pending = b""

    def read(self, size: int) -> bytes:
        content = b""
        while len(content) < size:
            if not self._pending and self._at < self._end:
                self._handle.seek(self._at)
                self._pending = self._handle.read(min(1 << 16, self._end - self._at))
                self._at += len(self._pending)
            if not self._pending and not content and self._inflater.eof:
                break
            try:
                made = self._inflater.decompress(self._pending, size - len(content))
            except zlib.error as error:
                raise VectorFileError(f"{self._path} is damaged: {error}") from error
            self._pending = self._inflater.unconsumed_tail
            content += made
            if not made and not self._pending and (self._at >= self._end or self._inflater.eof):
                break
        return content


class _CellNames:
    """A cell array: a matrix of characters for each name, one behind the other."""

    def __init__(self, path: Path, label: str, handle: BinaryIO, matrix: _Matrix, order: str) -> None:
        self.label = label
        self._path, self._handle, self._matrix, self._order = path, handle, matrix, order
        if line_axis(matrix.shape) is None:
            raise VectorFileError(
                f"{label} has shape {matrix.shape}; names need a cell array (rows, 1) of texts"
            )
        self.count = math.prod(matrix.shape)

    def __iter__(self) -> Iterator[str]:
        at = self._matrix.content
        for row in range(self.count):
            element = _element(self._handle, at, self._matrix.end, self._order, self._path)
            cell = (
                _matrix(self._handle, element, self._order, self._path) if element.kind == _MATRIX else None
            )
            if cell is None or cell.kind != _CHAR or line_axis(cell.shape) is None:
                raise VectorFileError(f"{self.label}: name {row} is no text")
            yield "" if not math.prod(cell.shape) else _text(self._handle, cell, self._order, self._path)
            at = element.end


class _CharacterNames:
    """A matrix of characters, a row a name, padded by blanks; read whole."""

    def __init__(self, label: str, handle: BinaryIO, matrix: _Matrix, order: str, path: Path) -> None:
        self.label = label
        self.count = matrix.shape[0]
        characters = _text(handle, matrix, order, path, limit=1 << 28)
        if len(characters) != math.prod(matrix.shape):
            raise VectorFileError(
                f"{label} has {len(characters)} characters for shape {matrix.shape}; it is damaged"
            )
        self._characters = characters

    def __iter__(self) -> Iterator[str]:
        for row in range(self.count):
            yield self._characters[row :: self.count].rstrip(" ")


class _NumberNames:
    """Whole numbers of a floating type, as MATLAB's numbers are."""

    def __init__(self, array: StoredArray) -> None:
        self.label = array.label
        axis = line_axis(array.shape)
        if axis is None:
            raise VectorFileError(f"{array.label} has shape {array.shape}; names need (rows, 1)")
        self._array, self.count = array, array.shape[axis]

    def __iter__(self) -> Iterator[str]:
        for first in range(0, self.count, NAMES_PER_READ):
            last = min(first + NAMES_PER_READ, self.count)
            numbers = self._array.read((1, self.count), first, last, columns=True)[:, 0]
            yield from decoded(self.label, first, whole(self.label, first, numbers))


def _element(handle: Any, at: int, end: int, order: str, path: Path) -> _Element:
    """Return the element at byte `at`. Raises VectorFileError."""
    handle.seek(at)
    tag = handle.read(8)
    if len(tag) < 8 or at + 8 > end:
        raise VectorFileError(f"{path} ends early; it is truncated or damaged")
    first, second = (int(number) for number in np.frombuffer(tag, order + "u4"))
    if first >> 16:  # a small element: its content lies in the tag
        kind, size, start, after = first & 0xFFFF, first >> 16, at + 4, at + 8
        if size > 4:
            raise VectorFileError(f"{path} has a damaged element at byte {at}")
    else:
        kind, size, start = first, second, at + 8
        after = start + -(-size // 8) * 8
    if start + size > end:
        raise VectorFileError(f"{path} has a damaged element at byte {at}; it declares more than is there")
    return _Element(kind, start, size, after)


def _matrix(handle: Any, element: _Element, order: str, path: Path) -> _Matrix:
    """Return what a matrix says of itself. Raises VectorFileError."""
    end = element.start + element.size
    if not element.size:  # as empty cells are
        return _Matrix("", _CHAR, False, False, (0, 0), element.start, end)
    flags = _element(handle, element.start, end, order, path)
    bits = int(_numbers(handle, flags, order + "u4", path, 2)[0])
    kind = bits & 0xFF
    if kind == 17:  # opaque objects, such as strings, begin otherwise
        name = _element(handle, flags.end, end, order, path)
        return _Matrix(_name(handle, name, path), kind, False, False, (0, 0), name.end, end)
    sizes = _element(handle, flags.end, end, order, path)
    shape = tuple(int(size) for size in _numbers(handle, sizes, order + "i4", path, sizes.size // 4))
    name = _element(handle, sizes.end, end, order, path)
    if len(shape) < 2 or len(shape) > 32 or min(shape) < 0:
        raise VectorFileError(f"{path} has a damaged variable of shape {shape}")
    return _Matrix(
        _name(handle, name, path), kind, bool(bits & 0x800), bool(bits & 0x200), shape, name.end, end
    )


def _numbers(handle: Any, element: _Element, dtype: str, path: Path, count: int) -> npt.NDArray[Any]:
    if element.size < 4 * count or not 0 < count <= 64:
        raise VectorFileError(f"{path} has a damaged variable")
    handle.seek(element.start)
    raw = handle.read(4 * count)
    if len(raw) < 4 * count:
        raise VectorFileError(f"{path} ends early; it is truncated or damaged")
    return np.frombuffer(raw, dtype)


def _name(handle: Any, element: _Element, path: Path) -> str:
    if element.size > 1024:
        raise VectorFileError(f"{path} has a variable with a name of {element.size} bytes; it is damaged")
    handle.seek(element.start)
    return str(handle.read(element.size).decode("utf-8", errors="replace"))


def _text(handle: BinaryIO, matrix: _Matrix, order: str, path: Path, limit: int = NAME_BYTES) -> str:
    """Return all characters of a matrix of them, in the order of the file. Raises VectorFileError."""
    element = _element(handle, matrix.content, matrix.end, order, path)
    codec = _CODECS.get(element.kind)
    if codec is None or element.size > limit:
        raise VectorFileError(
            f"{path} has a text of {element.size} bytes and type {element.kind}; it is damaged, or too long"
        )
    handle.seek(element.start)
    codec += {"<": "-le", ">": "-be"}[order] if codec == "utf-16" else ""
    try:
        return handle.read(element.size).decode(codec)
    except UnicodeDecodeError as error:
        raise VectorFileError(f"{path} has a text at byte {element.start} that is no Unicode") from error
