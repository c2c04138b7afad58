"""Where the arrays of a new base are put while it is built: in memory, or in files of any size.

Rows come in one order and lie in another. In a file, rows of a block that end up next to each other are written
at once; nothing is mapped while it is written, so the pages never count as this process's memory.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Array, Int64
from lookalike.index.io.array_writer import Writer, write_all
from lookalike.index.io.huge_pages import room_for
from lookalike.index.io.storing import storing


class Sink(Protocol):
    """One array of a known shape that is filled in any order."""

    def put(self, positions: Int64, rows: Array) -> None:
        """Put `rows` at `positions`."""
        ...

    def put_run(self, start: int, rows: Array) -> None:
        """Put `rows` at `start` and after."""
        ...

    def read(self, start: int, stop: int) -> Array:
        """Return rows that were put."""
        ...

    def finish(self) -> Array:
        """Return the whole array, which is not changed any more."""
        ...


class Sinks(Protocol):
    """Gives room for arrays."""

    def array(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Sink:
        """Return room for an array of this name, type and shape."""
        ...


class MemorySinks:
    """Arrays in memory."""

    def array(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Sink:
        """See `Sinks`."""
        return _InMemory(room_for(shape, dtype))


class _InMemory:
    def __init__(self, array: Array) -> None:
        self._array = array

    def put(self, positions: Int64, rows: Array) -> None:
        self._array[positions] = rows

    def put_run(self, start: int, rows: Array) -> None:
        self._array[start : start + len(rows)] = rows

    def read(self, start: int, stop: int) -> Array:
        return self._array[start:stop]

    def finish(self) -> Array:
        return self._array


class FileSinks:
    """Arrays in the files of a new version of an index directory."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def array(self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Sink:
        """See `Sinks`."""
        return _InFile(self._writer, name, np.dtype(dtype), shape)


class TemporarySinks(FileSinks):
    """Arrays in files that vanish with the process, or sooner, when nothing uses them."""

    def __init__(self) -> None:
        # The directory goes when this object does; what is mapped of it stays until it is let go of.
        with storing(Path(tempfile.gettempdir())):
            self._folder = tempfile.TemporaryDirectory(prefix="lookalike-", ignore_cleanup_errors=True)
        super().__init__(Writer(Path(self._folder.name), durable=False))


class _InFile:
    def __init__(self, writer: Writer, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._writer, self._name, self._dtype, self._shape = writer, name, dtype, shape
        self._row_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        self._path = writer.file_of(name)
        with storing(self._path.parent):
            self._file: BinaryIO = self._path.open("w+b", buffering=0)
            self._file.truncate(self._row_bytes * shape[0])

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # open still where a build failed
            self._file.close()

    def put(self, positions: Int64, rows: Array) -> None:
        order = np.argsort(positions)
        positions, rows = positions[order], rows[order]
        ends = np.append(np.flatnonzero(np.diff(positions) != 1) + 1, len(positions))
        start = 0
        for end in ends.tolist():
            self.put_run(int(positions[start]) if end > start else 0, rows[start:end])
            start = end

    def put_run(self, start: int, rows: Array) -> None:
        data = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1).view(np.uint8).data
        with storing(self._path.parent):
            self._file.seek(start * self._row_bytes)
            write_all(self._file, data)

    def read(self, start: int, stop: int) -> Array:
        rows = np.empty((stop - start, *self._shape[1:]), dtype=self._dtype)
        view = rows.reshape(-1).view(np.uint8).data
        with storing(self._path.parent):
            self._file.seek(start * self._row_bytes)
            done = 0
            while done < len(view):
                done += self._file.readinto(view[done:]) or _ended(self._path)  # type: ignore[attr-defined]
        return rows

    def finish(self) -> Array:
        self._file.close()
        self._writer.adopt(self._name, self._dtype, self._shape)
        return self._writer.map(self._name)


def _ended(path: Path) -> int:
    raise OSError(f"{path}: ended while it was read back")
