"""SQLite's errors in Lookalike's words."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
    CollectionReadOnlyError,
)

if TYPE_CHECKING:
    from lookalike.catalogue.cores import Translation

DRIVER_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What the driver raises; the second for an error of SQLite's that quotes damaged text."""

DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_CONSTRAINT")
SIGNS_OF_DAMAGE = (
    "no such table",
    "no such column",
    "malformed",
    "Could not decode",
    "unsupported file format",
    "JSON cannot hold BLOB",
    "fts5",
)
"""What SQLite says, under the general code of an error, of a file that holds other things than it should."""

WITHOUT_LOCKS = (
    "SQLITE_PROTOCOL",
    "SQLITE_PERM",
    "SQLITE_IOERR_LOCK",
    "SQLITE_IOERR_RDLOCK",
    "SQLITE_IOERR_UNLOCK",
    "SQLITE_IOERR_CHECKRESERVEDLOCK",
    "SQLITE_IOERR_SHMMAP",
    "SQLITE_IOERR_SHMOPEN",
    "SQLITE_IOERR_SHMLOCK",
)
"""What SQLite says where files cannot be locked, or not be mapped into the memory of several processes."""


def error_name(error: Exception) -> str:
    """SQLite's name of the error, such as SQLITE_BUSY; empty if the driver raised it by itself."""
    return getattr(error, "sqlite_errorname", "")


def translated(error: Exception, path: Path) -> CollectionError:
    """The error of Lookalike's own that says what SQLite's `error` means for the file `path`."""
    code, said = error_name(error), " ".join(str(error).split())
    busy = code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    if code.startswith(WITHOUT_LOCKS) or (busy and not has_locks(path.parent)):
        return CollectionError(
            f"{path}: its file system lacks the locks or the shared memory that a catalogue needs, as some network "
            "drives do; put the collection on another one with -c FOLDER"
        )
    if busy:
        return CollectionLockedError(f"{path}: another process is writing; try again when it is done")
    if isinstance(error, UnicodeDecodeError):
        return CollectionDamagedError(f"{path} is damaged (a text is not UTF-8); restore it from a copy")
    if code.startswith(DAMAGED) or any(sign in said for sign in SIGNS_OF_DAMAGE):
        return CollectionDamagedError(f"{path} is damaged ({said}); restore it from a copy")
    if code.startswith(
        ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
    ):  # the second for the memory that processes share
        return CollectionError(f"{path}: the disk is full; free some space and run it again")
    if code.startswith("SQLITE_READONLY"):
        return CollectionReadOnlyError(
            f"{path} may not be written; check the permissions of the file and its folder"
        )
    if code.startswith("SQLITE_CANTOPEN"):
        return CollectionError(f"{path} cannot be opened; check that it and its folder may be read")
    if code.startswith("SQLITE_IOERR"):
        return CollectionError(f"{path}: reading or writing failed ({said}); check the disk")
    return CollectionError(f"{path}: {said}")


def translation(path: Path) -> Translation:
    """What the driver raises, and what it means for the file `path`."""
    return DRIVER_ERRORS, partial(translated, path=path)


def has_locks(folder: Path) -> bool:
    """Whether files in `folder` can be locked, as SQLite locks them; True where that cannot be told."""
    try:
        import fcntl
    except ImportError:  # Windows, where they can
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
    return True
