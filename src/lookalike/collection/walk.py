"""Finds the pictures that `add` is asked for, and the metadata that belongs to each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.catalogue.metadata import read_csv
from lookalike.errors import DuplicateIdError, PictureMissingError
from lookalike.images.decode import SUFFIXES


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a picture. `problem` says why it cannot even be looked at."""

    path: str
    size: int = 0
    modified_ns: int = 0
    problem: str | None = None


def find_pictures(paths: Sequence[Path]) -> Iterator[Found]:
    """Yield the files of `paths` in a fixed order, each once: files as they are, folders recursively.

    In folders, only files with a picture's suffix count, hidden files and folders are passed over, and links
    to folders are not followed. A folder that cannot be read is yielded with its problem.

    Raises:
        PictureMissingError: one of `paths` does not exist; nothing has been yielded then.
    """
    for path in paths:
        if not os.path.exists(path):  # unlike Path.exists, False also for a name that is too long
            raise PictureMissingError(str(path), "no such file or folder")
    seen: set[str] = set()
    for path in paths:
        start = os.path.abspath(path)  # keeps links as the user named them, unlike resolve()
        for found in _walk(start) if path.is_dir() else [look_at(start)]:
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _walk(folder: str) -> Iterator[Found]:
    unread: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield look_at(os.path.join(parent, name))
    for error in unread:
        yield Found(printable(error.filename), problem=f"the folder cannot be read ({error.strerror})")


def look_at(file: str) -> Found:
    """Return what the file system says of a file."""
    try:
        file.encode()
    except UnicodeEncodeError:
        return Found(printable(file), problem="the file's name is not valid UTF-8; rename it")
    try:
        status = os.stat(file)
    except OSError as error:
        return Found(file, problem=error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device read without end
        return Found(file, problem="not a regular file")
    return Found(file, status.st_size, status.st_mtime_ns)


def printable(path: str) -> str:
    """Return `path` with what is not valid UTF-8 replaced, since JSON and SQL cannot hold that."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


class MetadataTable:
    """The rows of a metadata file, found by picture.

    A row names its picture by absolute path, by a path relative to the metadata file's folder or to one of the
    added folders, or by the file's name alone; the longest match wins.
    """

    def __init__(self, rows: Iterable[tuple[str, dict[str, Any]]], folders: Sequence[Path]) -> None:
        self._folders = [os.path.join(os.path.abspath(folder), "") for folder in folders]
        self._rows: dict[str, dict[str, Any]] = {}
        self._used: set[str] = set()
        for name, fields in rows:
            key = os.path.normpath(name)
            if key in self._rows:
                raise DuplicateIdError(f"the metadata names {name!r} twice; keep one row a picture")
            self._rows[key] = fields

    @classmethod
    def read(cls, file: Path, added: Sequence[Path]) -> MetadataTable:
        """Read a CSV file; see `lookalike.catalogue.metadata.read_csv` for its form and errors."""
        rows = ((row.file, row.metadata) for row in read_csv(file))
        return cls(rows, [file.parent, *(path for path in added if path.is_dir())])

    def of(self, path: str) -> Mapping[str, Any]:
        """Return the metadata of the picture at `path`; empty if no row names it."""
        relative = [path[len(folder) :] for folder in self._folders if path.startswith(folder)]
        for key in (path, *sorted(relative, key=len, reverse=True), os.path.basename(path)):
            if key in self._rows:
                self._used.add(key)
                return self._rows[key]
        return {}

    def of_all(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return the metadata of a picture that lies at all of `paths`.

        Where the rows of exact copies disagree on a field, it holds the list of their values, so that a filter
        finds the picture by each of them.
        """
        merged: dict[str, list[Any]] = {}
        for path in sorted(paths):
            for name, value in self.of(path).items():
                values = merged.setdefault(name, [])
                if value not in values:
                    values.append(value)
        return {name: values[0] if len(values) == 1 else values for name, values in merged.items()}

    @property
    def unmatched(self) -> int:
        """Number of rows that have named no picture so far."""
        return len(self._rows) - len(self._used)
