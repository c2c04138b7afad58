"""`.npz` files: one array of vectors in a ZIP archive of `.npy` files and, beside it, one of their names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from lookalike.errors import LookalikeError, VectorFileError
from lookalike.vectorfiles.base import open_plainly
from lookalike.vectorfiles.layout import Names, Wanted, only_matrix, told_names
from lookalike.vectorfiles.npy import stored_npy
from lookalike.vectorfiles.spool import spooled
from lookalike.vectorfiles.stored_array import ArrayFile, ArrayNames, StoredArray

_LOCAL_HEADER = 30
_LENGTHS = slice(26, 30)
_HEADER_BYTES = 1 << 16


class NpzFile(ArrayFile):
    """What `numpy.savez` or `numpy.savez_compressed` wrote; compressed arrays are unpacked into a temporary file."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._handles: list[BinaryIO] = []
        try:
            with _mapped(path), zipfile.ZipFile(path) as archive:
                self._archive = archive
                self._members = {
                    info.filename.removesuffix(".npy"): info
                    for info in archive.infolist()
                    if info.filename.endswith(".npy")
                }
                others = ", ".join(repr(name) for name in list(self._members)[:20])
                if {"indptr", "indices", "data", "shape"} <= self._members.keys():
                    raise VectorFileError(
                        f"{path} holds a sparse matrix of SciPy; its rows are sets (--metric jaccard), or make it dense"
                    )
                heads = {name: self._head(name) for name in self._members}
                shapes = {name: head.shape for name, head in heads.items() if head.dtype.kind in "fiub"}
                name = only_matrix(path, shapes, wanted, others)
                names = told_names(path, wanted, self._names, others)
                self._take(self._member(name), names, wanted)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for handle in self._handles:
            handle.close()

    def _head(self, name: str) -> StoredArray:
        """Return what the first bytes of a member tell; its numbers are not there."""
        info = self._members[name]
        with self._archive.open(info) as member:
            head = spooled(self.path, member, _HEADER_BYTES, at_most=True)
        with head:
            return stored_npy(self.path, f"{self.path}: array {name!r}", head, start=0, size=info.file_size)

    def _member(self, name: str) -> StoredArray:
        info = self._members[name]
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
            handle, size = open_plainly(self.path)
            start = self._content(handle, info)
            if start + info.file_size > size:
                handle.close()
                raise VectorFileError(f"{self.path} ends early; it is truncated or damaged")
        else:
            with self._archive.open(info) as member:
                handle = spooled(self.path, member, info.file_size)
            start = 0
        self._handles.append(handle)
        return stored_npy(self.path, f"{self.path}: array {name!r}", handle, start=start, size=info.file_size)

    def _content(self, handle: IO[bytes], info: zipfile.ZipInfo) -> int:
        """Return where the bytes of a member begin that is not compressed."""
        handle.seek(info.header_offset)
        lengths = handle.read(_LOCAL_HEADER)[_LENGTHS]
        return (
            info.header_offset
            + _LOCAL_HEADER
            + int.from_bytes(lengths[:2], "little")
            + int.from_bytes(lengths[2:], "little")
        )

    def _names(self, name: str) -> Names | None:
        return ArrayNames(self._member(name)) if name in self._members else None


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Turn what the archive raises into VectorFileError: zlib's own errors, NotImplementedError and others."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise VectorFileError(f"{path} cannot be read as .npz: {reason}") from error
