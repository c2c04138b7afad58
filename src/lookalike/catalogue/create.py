"""What a new catalogue holds, and an index of metadata that is made anew."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from lookalike.catalogue import schema
from lookalike.catalogue.checksums import with_checksum
from lookalike.catalogue.cores import BLOCK_ROWS
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.metadata import decoded_all
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


def index_anew(connection: Connection, dialect: Dialect) -> None:
    """Make the index of metadata anew, whatever state it is in. Raises CollectionDamagedError."""
    dialect.clear_index(connection)
    columns = schema.sources.c
    query = select(columns.number, columns.id, columns.metadata).order_by(columns.number)
    with connection.execute(query, execution_options={"yield_per": BLOCK_ROWS}) as rows:
        for block in rows.partitions():
            numbers, ids, written = zip(*block, strict=True)
            dialect.index_metadata(connection, zip(numbers, decoded_all(written, ids), strict=True))
