"""SQLite's errors in Lookalike's words."""

from __future__ import annotations

from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionLockedError,
    CollectionReadOnlyError,
)

DAMAGE = (
    "no such table",
    "no such column",
    "malformed",
    "Could not decode",
    "unsupported file format",
    "JSON cannot hold BLOB",
    "database disk image",
)
"""What SQLite says, under the general code of an error, of a file that holds other things than it should."""


def error_name(error: Exception) -> str:
    """SQLite's name of the error, such as SQLITE_BUSY; empty if the driver raised it by itself."""
    return getattr(error, "sqlite_errorname", "")


def translated(error: Exception, name: str) -> CollectionError:
    """The error of Lookalike's own that says what SQLite's `error` means for the catalogue `name`."""
    code = error_name(error)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CollectionLockedError(f"{name}: another process is writing; try again when it is done")
    damaged = code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_CONSTRAINT"))
    if damaged or any(said in str(error) for said in DAMAGE):
        return CollectionDamagedError(f"{name} is damaged ({error}); restore it from a copy")
    if code.startswith("SQLITE_FULL"):
        return CollectionError(f"{name}: the disk is full; free some space and run it again")
    if code.startswith("SQLITE_READONLY"):
        return CollectionReadOnlyError(
            f"{name} may not be written; check the permissions of the file and its folder"
        )
    if code.startswith("SQLITE_CANTOPEN"):
        return CollectionError(f"{name} cannot be opened; check that it and its folder may be read")
    if code.startswith("SQLITE_IOERR"):
        return CollectionError(f"{name}: reading or writing failed ({error}); check the disk")
    return CollectionError(f"{name}: {error}")
