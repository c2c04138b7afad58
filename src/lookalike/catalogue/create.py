"""What a new catalogue holds."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from lookalike.catalogue import schema
from lookalike.catalogue.checksums import with_checksum
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.records import SCHEMA_VERSION


def create(dialect: Dialect) -> None:
    """Make an empty catalogue. It appears whole or not at all.

    Raises: CollectionExistsError, also when another process was first; CollectionError when it cannot be made.
    """

    def fill(connection: Connection) -> None:
        schema.tables.create_all(connection)
        state = {
            "schema_version": SCHEMA_VERSION,
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "generation": 0,
            "next_number": 1,
            "tables_checksum": dialect.tables_checksum(connection),
        }
        connection.execute(insert(schema.state).values(with_checksum(schema.state, state)))
        put_stamp(connection, 0)

    dialect.create(fill)


def put_stamp(connection: Connection, generation: int) -> None:
    """Give the state that the write `generation` makes a stamp of its own."""
    stamp = secrets.randbits(62)  # fits int64 with room to spare
    row = with_checksum(schema.writes, {"generation": generation, "stamp": stamp})
    connection.execute(insert(schema.writes).values(row))
