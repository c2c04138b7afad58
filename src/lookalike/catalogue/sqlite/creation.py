"""Making a new file, of which a crash leaves nothing half-made and two processes make only one."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from lookalike.catalogue.cores import translate_errors
from lookalike.catalogue.sqlite.connections import opened
from lookalike.catalogue.sqlite.errors import translation
from lookalike.errors import CollectionError, CollectionExistsError


def create(path: Path, fill: Callable[[Connection], None]) -> None:
    """Make the new file `path` and call `fill` with a connection in a transaction. It appears whole or not at all.

    Raises: CollectionExistsError, also when another process was first; CollectionError when the file cannot be
    written.
    """
    there = CollectionExistsError(f"{path} is there already; open it or choose another folder")
    if path.exists():
        raise there
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        draft.touch(exist_ok=False)
        try:
            _fill(draft, fill, path)
            _publish(draft, path)
        finally:
            for suffix in ("", "-wal", "-shm", "-journal"):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    except FileExistsError:
        raise there from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CollectionError(f"{path}: the disk is full; free some space and run it again") from error
        raise CollectionError(f"{path} cannot be created: {error.strerror or error}") from error


def _fill(draft: Path, fill: Callable[[Connection], None], path: Path) -> None:
    # Without a log beside it, so that the file by itself is whole when the commit has returned.
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: opened(draft, "mode=rw", ["journal_mode = DELETE"]),
        poolclass=NullPool,
    )
    translate_errors(engine, translation(path))
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        fill(connection)
        connection.commit()
        # With a log from now on. The change is written to the file at once.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name. Raises FileExistsError if that is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        # A file system without links, such as exFAT: take the name first, then fill it.
        path.touch(exist_ok=False)
        try:
            draft.replace(path)
        except OSError:
            path.unlink()
            raise
