"""Making a new catalogue, of which a crash leaves nothing half-made and two processes make only one."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from lookalike.catalogue import queries, schema, sqlite
from lookalike.errors import CollectionError, CollectionExistsError


def create(path: Path) -> None:
    """Make an empty catalogue in the new file `path`. It appears whole or not at all.

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
            _fill(draft)
            _publish(draft, path)
        finally:
            for suffix in ("", "-wal", "-shm"):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    except FileExistsError:
        raise there from None
    except OSError as error:
        raise CollectionError(f"{path} cannot be created: {error.strerror or error}") from error


def _fill(draft: Path) -> None:
    engine = sqlite.connect(draft)
    try:
        with engine.connect().execution_options(writes=True) as connection:
            schema.tables.create_all(connection)
            connection.exec_driver_sql(sqlite.CREATE_TEXT_INDEX)
            connection.execute(
                insert(schema.state).values(
                    schema_version=schema.SCHEMA_VERSION,
                    created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
                    generation=0,
                    next_number=1,
                )
            )
            queries.put_stamp(connection, 0)
            connection.commit()
    finally:
        engine.dispose()


def _publish(draft: Path, path: Path) -> None:
    """Give the draft its name. Raises FileExistsError if that is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as exFAT: take the name first, then fill it
        path.touch(exist_ok=False)
        draft.replace(path)
