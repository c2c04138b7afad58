"""Writes a new version of an index directory; see `lookalike.index.io.array_directory` for the format."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Array
from lookalike.errors import IndexFormatError
from lookalike.index.io import array_directory as disk
from lookalike.index.io.array_directory import Entry
from lookalike.index.io.storing import storing
from lookalike.locks import exclusive

CHUNK_BYTES = 16 << 20


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Give the one `Writer` that the directory `path` has at a time; others, of any process, wait for their turn.

    What it wrote is deleted where the body fails before `commit`.

    Raises:
        IndexFormatError: `path` holds something that is not an index.
        IndexStorageError: the system does not let it be written.
    """
    with contextlib.ExitStack() as held:
        with storing(path):
            disk.file_names(path)  # before a lock is put there
            path.mkdir(parents=True, exist_ok=True)
            held.enter_context(exclusive(path / disk.LOCK, wait=True))
            _sweep(path)
            writer = Writer(path)
        held.callback(writer.abandon)
        yield writer


class Writer:
    """Writes a new version of an index directory; nothing changes for readers until `commit`.

    Two at once would delete each other's files: `writing` gives them in turn. All methods raise IndexStorageError where
    the system does not let them write.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Raises IndexFormatError where `path`, an existing directory, holds something that is not an index.

        Without `durable`, files are neither synced nor summed: they are for this process only.
        """
        serials = (disk.FILE.fullmatch(name) for name in disk.file_names(path))
        self._serial = 1 + max((int(match[1]) for match in serials if match), default=0)
        self._path = path
        self._durable = durable
        self._committed = False
        self._entries: dict[str, Entry] = {}

    def write(self, name: str, array: Array) -> None:
        """Write an array."""
        with self.stream(name, array.dtype, array.shape[1:]) as stream:
            step = max(1, CHUNK_BYTES // max(1, array.itemsize * math.prod(array.shape[1:])))
            for start in range(0, len(array), step):
                stream.append(array[start : start + step])

    def stream(self, name: str, dtype: npt.DTypeLike, row_shape: tuple[int, ...]) -> Stream:
        """Return a context in which rows are appended to an array."""
        return Stream(self.file_of(name), name, dtype, row_shape, self._entries)

    def file_of(self, name: str) -> Path:
        """Return the file of an array of the new version."""
        return self._path / f"{name}.{self._serial}.bin"

    def adopt(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Take in an array that was written to `file_of(name)`."""
        file = self.file_of(name)
        checksum = ""
        if self._durable:
            with storing(self._path), file.open("rb+") as opened:
                os.fsync(opened.fileno())
                checksum = disk.checksum(opened)
        self._entries[name] = {
            "file": file.name,
            "dtype": dtype.newbyteorder("<").str,
            "shape": list(shape),
            "checksum": checksum,
        }

    def drop(self, name: str) -> None:
        """Delete an array that was written."""
        with contextlib.suppress(OSError):  # mapped still, on systems that mind; the next commit tries again
            (self._path / self._entries.pop(name)["file"]).unlink()

    def map(self, name: str) -> Array:
        """Return an array that was written, memory-mapped."""
        entry = self._entries[name]
        with disk.open_array(self._path, name, entry) as file:
            return disk.map_array(file, entry)

    def keep(self, name: str, entry: Entry) -> None:
        """Take over an array of the version that is there."""
        self._entries[name] = entry

    def commit(self, properties: Mapping[str, Any]) -> dict[str, Entry]:
        """Make the new version the current one; return its arrays' entries."""
        beside = self._path / disk.MANIFEST_BESIDE
        with storing(self._path):
            with beside.open("wb", buffering=0) as file:
                write_all(file, disk.manifest_of(properties, self._entries))
                os.fsync(file.fileno())
            _sync_directory(self._path)  # the arrays' names first, then the manifest that counts on them
            beside.replace(self._path / disk.MANIFEST)
            self._committed = True
            _sync_directory(self._path)
            _sync_directory(self._path.parent)
            _sweep(self._path)
        return self._entries

    def abandon(self) -> None:
        """Delete what was written since the last commit."""
        if self._committed:
            return
        for file in (*self._path.glob(f"*.{self._serial}.bin"), self._path / disk.MANIFEST_BESIDE):
            with contextlib.suppress(OSError):
                file.unlink()


class Stream:
    """An array that is written row by row."""

    def __init__(
        self,
        file: Path,
        name: str,
        dtype: npt.DTypeLike,
        row_shape: tuple[int, ...],
        entries: dict[str, Entry],
    ) -> None:
        self._path = file
        self._name = name
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._row_shape = row_shape
        self._entries = entries
        self._rows = 0
        self._hash = hashlib.blake2b(digest_size=16)

    def __enter__(self) -> Self:
        with storing(self._path.parent):
            self._file = self._path.open("wb", buffering=0)
        return self

    def append(self, rows: Array) -> None:
        """Append rows of the array's shape and type."""
        data = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1).view(np.uint8).data
        with storing(self._path.parent):
            write_all(self._file, data)
        self._hash.update(data)
        self._rows += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with storing(self._path.parent), self._file:
            if kind is None:
                os.fsync(self._file.fileno())
        self._entries[self._name] = {
            "file": self._path.name,
            "dtype": self._dtype.str,
            "shape": [self._rows, *self._row_shape],
            "checksum": self._hash.hexdigest(),
        }


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write all of `data` to an unbuffered file, which may take only some of it at a time."""
    done = 0
    while done < len(data):
        done += file.write(data[done:])


def _sweep(path: Path) -> None:
    """Delete the files that the manifest does not name: of older versions, or of one that was never finished."""
    try:
        _, entries = disk.read_manifest(path)
        current = {entry["file"] for entry in entries.values() if isinstance(entry, dict) and "file" in entry}
    except IndexFormatError:
        if (path / disk.MANIFEST).exists():  # damaged; whoever mends it may want them
            return
        current = set()
    for stale in path.iterdir():
        if disk.FILE.fullmatch(stale.name) and stale.name not in current:
            with contextlib.suppress(OSError):  # mapped by another process, on systems that mind
                stale.unlink()


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # Windows has no way to sync a directory, and its renames are ordered
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
