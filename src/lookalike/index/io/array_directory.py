"""The on-disk format: a directory of raw arrays behind a manifest.

    manifest.json      {"magic", "version", "checksum", "body": {"properties", "arrays"}} as compact JSON, keys sorted
    NAME.SERIAL.bin    one array: its little-endian bytes in C order, nothing else
    writer.lock        held while a version is written; empty

For each array the manifest states file, dtype, shape and checksum (BLAKE2b, 128 bits); its own checksum is
that of the body in the same form, and every byte of it must be as this form has it. A file's length must be what
dtype and shape say.

A change is written beside, under a new serial, and synced; then the manifest is replaced by rename and the
directory synced. So a crash leaves the old version or the new one. Files that the manifest no longer names
are deleted after that (a process that has them mapped keeps them). One version is written at a time; reading
needs no lock, as whoever finds a file gone reads the manifest again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import IndexFormatError
from lookalike.locks import CLAIM, exclusive

MAGIC = "lookalike index"
VERSION = 4
"""Older ones: 1 kept rows as float32 in the order given, with separate buckets; 2 measured no reach and margin; 3 kept
a count of writes in the place of the stamp."""
MANIFEST = "manifest.json"
LOCK = "writer.lock"
CHUNK_BYTES = 16 << 20
MANIFEST_BYTES = 64 << 20
"""A manifest longer than this is not read."""
TRIES = 20
"""So many versions may give way to newer ones while one reader tries to open them."""

_FILE = re.compile(r"[a-z0-9_.]+\.(\d+)\.bin")
_DTYPES = {"<f2", "<f4", "<f8", "<i4", "<i8", "<u8", "|i1", "|u1"}

Array = npt.NDArray[Any]
Entry = dict[str, Any]
"""What the manifest says of one array: "file", "dtype", "shape", "checksum"."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Give the one `Writer` that the directory `path` has at a time; others, of any process, wait for their turn.

    Raises IndexFormatError where `path` holds something that is not an index.
    """
    _names(path)  # before a lock is put there
    path.mkdir(parents=True, exist_ok=True)
    with exclusive(path / LOCK, wait=True):
        yield Writer(path)


class Writer:
    """Writes a new version of an index directory; nothing changes for readers until `commit`.

    Two at once would delete each other's files: `writing` gives them in turn.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """Raises IndexFormatError where `path`, an existing directory, holds something that is not an index.

        Without `durable`, files are neither synced nor summed: they are for this process only.
        """
        serials = (_FILE.fullmatch(name) for name in _names(path))
        self._serial = 1 + max((int(match[1]) for match in serials if match), default=0)
        self._path = path
        self._durable = durable
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
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())
                checksum = _checksum(opened)
        self._entries[name] = {
            "file": file.name,
            "dtype": dtype.newbyteorder("<").str,
            "shape": list(shape),
            "checksum": checksum,
        }

    def rename(self, name: str, new: str) -> None:
        """Call an array that was written by another name; its file stays."""
        self._entries[new] = self._entries.pop(name)

    def drop(self, name: str) -> None:
        """Delete an array that was written."""
        with contextlib.suppress(OSError):  # mapped still, on systems that mind; the next commit tries again
            (self._path / self._entries.pop(name)["file"]).unlink()

    def map(self, name: str) -> Array:
        """Return an array that was written, memory-mapped."""
        entry = self._entries[name]
        with _open(self._path, name, entry) as file:
            return _map(file, entry)

    def keep(self, name: str, entry: Entry) -> None:
        """Take over an array of the version that is there."""
        self._entries[name] = entry

    def commit(self, properties: Mapping[str, Any]) -> dict[str, Entry]:
        """Make the new version the current one; return its arrays' entries."""
        body = {"properties": dict(properties), "arrays": self._entries}
        text = _text_of({"magic": MAGIC, "version": VERSION, "checksum": _checksum_of(body), "body": body})
        beside = self._path / f"{MANIFEST}.new"
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _sync_directory(self._path)  # the arrays' names first, then the manifest that counts on them
        beside.replace(self._path / MANIFEST)
        _sync_directory(self._path)
        _sync_directory(self._path.parent)
        current = {entry["file"] for entry in self._entries.values()}
        for stale in self._path.iterdir():
            if _FILE.fullmatch(stale.name) and stale.name not in current:
                with contextlib.suppress(OSError):  # mapped by another process, on systems that mind
                    stale.unlink()
        return self._entries


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
        self._file = self._path.open("wb")
        return self

    def append(self, rows: Array) -> None:
        """Append rows of the array's shape and type."""
        data = np.ascontiguousarray(rows, dtype=self._dtype).reshape(-1).view(np.uint8).data
        self._file.write(data)
        self._hash.update(data)
        self._rows += len(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        if kind is not None:
            self._path.unlink()
            return
        self._entries[self._name] = {
            "file": self._path.name,
            "dtype": self._dtype.str,
            "shape": [self._rows, *self._row_shape],
            "checksum": self._hash.hexdigest(),
        }


def read(path: Path, *, verify: bool = False) -> tuple[dict[str, Any], dict[str, Array], dict[str, Entry]]:
    """Return properties, memory-mapped arrays and their entries of the index in directory `path`.

    Raises:
        IndexFormatError: missing, damaged or of a newer version.
    """
    manifest, tries = read_manifest(path), TRIES
    while True:
        properties, entries = manifest
        try:
            return properties, _arrays(path, entries, verify=verify), entries
        except IndexFormatError:
            before, manifest, tries = manifest, read_manifest(path), tries - 1
            if not tries or manifest == before:  # a version that gave way to a newer one is no damage
                raise


def read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Return properties and array entries, checked against the manifest's checksum."""
    file = path / MANIFEST
    try:
        if file.stat().st_size > MANIFEST_BYTES:
            raise IndexFormatError(f"{file}: is too long for a manifest; rebuild the index")
        text = file.read_bytes()
        manifest = json.loads(text)
    except FileNotFoundError:
        raise IndexFormatError(f"{file}: is missing, so {path} holds no index; build one") from None
    except OSError as error:
        raise IndexFormatError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise IndexFormatError(f"{file}: is damaged (not JSON); rebuild the index") from error
    if not isinstance(manifest, dict) or manifest.get("magic") != MAGIC:
        raise IndexFormatError(f"{file}: is not the manifest of an index; give an index's directory")
    version = manifest.get("version")
    if isinstance(version, int) and version > VERSION:
        raise IndexFormatError(
            f"{file}: is of format version {version}, and this Lookalike reads up to {VERSION}; upgrade it"
        )
    if isinstance(version, int) and version < VERSION:
        raise IndexFormatError(
            f"{file}: is of format version {version}, and this Lookalike reads only {VERSION}; rebuild the index"
        )
    body = manifest.get("body")
    if (
        version != VERSION
        or manifest.keys() != {"magic", "version", "checksum", "body"}
        or not isinstance(body, dict)
        or _checksum_of(body) != manifest.get("checksum")
        or _text_of(manifest).encode() != text
    ):
        raise IndexFormatError(f"{file}: is damaged (checksum); rebuild the index")
    properties, entries = body.get("properties"), body.get("arrays")
    if len(body) != 2 or not isinstance(properties, dict) or not isinstance(entries, dict):
        raise IndexFormatError(f"{file}: holds other things than properties and arrays; rebuild the index")
    return properties, entries


def _names(path: Path) -> set[str]:
    """Return the names of the files in the directory of an index, or of one to be."""
    if not path.exists():
        return set()
    if not path.is_dir():
        raise IndexFormatError(f"{path}: is a file, and an index is a directory; give another path")
    names = {file.name for file in path.iterdir()}
    own = {name for name in names if _FILE.fullmatch(name)} | {
        MANIFEST,
        f"{MANIFEST}.new",
        LOCK,
        LOCK + CLAIM,
    }
    if names - own:
        raise IndexFormatError(
            f"{path}: holds {min(names - own)}, which is no part of an index; give another"
        )
    return names


def _arrays(path: Path, entries: Mapping[str, Entry], *, verify: bool) -> dict[str, Array]:
    """Map all arrays; with `verify`, compare their checksums."""
    with contextlib.ExitStack() as opened:
        # All are opened before one is read: from then on none can vanish.
        files = {name: opened.enter_context(_open(path, name, entry)) for name, entry in entries.items()}
        for name, entry in entries.items():
            if verify and _checksum(files[name]) != entry["checksum"]:
                raise IndexFormatError(
                    f"{path / entry['file']}: array {name} is damaged (checksum); rebuild the index"
                )
        return {name: _map(files[name], entry) for name, entry in entries.items()}


def _open(path: Path, name: str, entry: Entry) -> BufferedReader:
    """Open the file of one array after checking what the manifest says against it."""
    described = entry if isinstance(entry, dict) else {}
    shape = described.get("shape")
    if (
        not isinstance(described.get("file"), str)
        or not _FILE.fullmatch(described["file"])
        or not isinstance(described.get("checksum"), str)
        or not isinstance(described.get("dtype"), str)
        or described["dtype"] not in _DTYPES
        or not isinstance(shape, list)
        or not 1 <= len(shape) <= 4
        or not all(type(length) is int and 0 <= length < 2**62 for length in shape)
        or (0 in shape and math.prod(length for length in shape if length) >= 2**59)  # too much for NumPy
    ):
        raise IndexFormatError(f"{path / MANIFEST}: array {name} is described wrongly; rebuild the index")
    file: Path = path / entry["file"]
    try:
        opened = file.open("rb")
    except OSError as error:
        raise IndexFormatError(
            f"{file}: array {name} cannot be read ({error.strerror}); rebuild the index"
        ) from error
    length = os.fstat(opened.fileno()).st_size
    wanted = np.dtype(entry["dtype"]).itemsize * math.prod(shape)
    if length != wanted:
        opened.close()
        raise IndexFormatError(f"{file}: array {name} has {length} bytes, not {wanted}; rebuild the index")
    return opened


def _map(file: BufferedReader, entry: Entry) -> Array:
    """Map one array, which stays when the file is closed, and when it is deleted."""
    dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
    if 0 in shape:  # nothing to map
        return np.empty(shape, dtype=dtype)
    return np.memmap(file, dtype=dtype, mode="r", shape=shape).view(np.ndarray)


def _checksum(file: BufferedIOBase) -> str:
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _checksum_of(body: Mapping[str, Any]) -> str:
    return hashlib.blake2b(_text_of(body).encode(), digest_size=16).hexdigest()


def _text_of(value: Mapping[str, Any]) -> str:
    """Return `value` as JSON, in the one form that a manifest has."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # Windows has no way to sync a directory, and its renames are ordered
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
