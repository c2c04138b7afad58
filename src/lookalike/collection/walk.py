"""Finds the pictures that `add` is asked for, and the metadata that belongs to each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import PictureMissingError
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
