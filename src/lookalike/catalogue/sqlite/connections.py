"""Connections to a catalogue's file: how it is opened, and by whom it may be written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from lookalike.catalogue.sqlite.errors import error_name
from lookalike.errors import CollectionReadOnlyError

BUSY_TIMEOUT_SECONDS = 10.0
CACHE_KIB = 65_536
WAL_LIMIT_BYTES = 64 << 20


class Frozen(sqlite3.Connection):
    """A connection that takes the file to be one that nobody writes."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to `path`; for reading only where the file, its folder or the medium may not be written."""
    try:
        # SQLite itself falls back to reading where only the file may not be written.
        return opened(path, "mode=rw", ["journal_mode = WAL"])
    except sqlite3.OperationalError as error:
        if not error_name(error).startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise
        # The files that processes share cannot be made beside it. Without a log, nobody has it open who
        # could write it, and the file by itself is all that was committed.
        log = path.with_name(path.name + "-wal")
        if log.is_file() and log.stat().st_size:
            raise CollectionReadOnlyError(
                f"{path} was not closed by its last writer and may not be written here; open it once where "
                "it may be"
            ) from error
        return opened(path, "mode=ro&immutable=1", [], Frozen)


def opened(
    path: Path, mode: str, pragmas: Sequence[str], factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """A connection of the driver, which begins no transaction by itself."""
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )
    try:
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{CACHE_KIB}",
            f"journal_size_limit = {WAL_LIMIT_BYTES}",
            *pragmas,
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
