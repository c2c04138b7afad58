"""Files of older versions, brought up to date in place."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

from sqlalchemy import Connection, Table, create_engine, insert, select
from sqlalchemy.pool import NullPool

from lookalike.catalogue import schema
from lookalike.catalogue.checksums import vector_checksum, with_checksum
from lookalike.catalogue.records import SCHEMA_VERSION
from lookalike.catalogue.sqlite import structure
from lookalike.catalogue.sqlite.connections import opened
from lookalike.catalogue.sqlite.engine import translate_errors
from lookalike.errors import CollectionReadOnlyError

BLOCK_ROWS = 1000


def upgrade(path: Path) -> None:
    """Give the file `path`, of schema 1, that of today, in one transaction: it is of one or of the other.

    Raises: CollectionReadOnlyError where the file may not be written; CollectionLockedError.
    """

    def open_file() -> sqlite3.Connection:
        # Tables are renamed and made anew; those that refer to them shall go on to refer to the name.
        pragmas = ["journal_mode = WAL", "foreign_keys = OFF", "legacy_alter_table = ON"]
        connection = opened(path, "mode=rw", pragmas)
        connection.create_function("new_checksum", 5, _new_checksum, deterministic=True)
        return connection

    engine = create_engine("sqlite+pysqlite://", creator=open_file, paramstyle="named", poolclass=NullPool)
    translate_errors(engine, path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            # Another process may have been first.
            if connection.execute(select(schema.state.c.schema_version)).scalar_one() < SCHEMA_VERSION:
                _upgrade(connection)
                connection.commit()
    except CollectionReadOnlyError:
        raise CollectionReadOnlyError(
            f"{path} was made by an older version of Lookalike; open it once where it may be written, "
            "which brings it up to date"
        ) from None


def _upgrade(connection: Connection) -> None:
    renewed = [table for table in schema.tables.sorted_tables if table is not schema.vectors]
    for table in renewed:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} RENAME TO old_{table.name}")
        for index in table.indexes:
            connection.exec_driver_sql(f"DROP INDEX {index.name}")
    schema.tables.create_all(connection)
    (state,) = connection.exec_driver_sql("SELECT * FROM old_state").mappings()
    for table in renewed:
        if table is not schema.state:
            _copy(connection, table)
        connection.exec_driver_sql(f"DROP TABLE old_{table.name}")
    connection.exec_driver_sql(
        "UPDATE vectors SET checksum = new_checksum(number, feature, generation, checksum, vector)"
    )
    structure.put_settings(connection)
    changed = {
        "schema_version": SCHEMA_VERSION,
        "tables_checksum": structure.tables_checksum(connection),
    }
    connection.execute(insert(schema.state).values(with_checksum(schema.state, {**state, **changed})))


def _copy(connection: Connection, table: Table) -> None:
    options = {"yield_per": BLOCK_ROWS}
    rows = connection.exec_driver_sql(f"SELECT * FROM old_{table.name}", execution_options=options)
    for block in rows.mappings().partitions():
        connection.execute(insert(table), [with_checksum(table, {"index": "{}", **row}) for row in block])


def _new_checksum(number: int, feature: int, generation: int, checksum: int, vector: object) -> int:
    """The checksum of a row of `vectors`; -1, which none has, if the vector did not match that of schema 1."""
    if not isinstance(vector, bytes) or zlib.crc32(vector) != checksum:
        return -1
    return vector_checksum(number, feature, generation, vector)
