"""A checksum for each row, and with a feature which index it has. Only SQLite has catalogues that are older."""

from __future__ import annotations

import sqlite3
import zlib

import sqlalchemy as sa
from alembic import op

from lookalike.catalogue.checksums import vector_checksum, with_checksum

revision = "2"
down_revision = "1"

BLOCK_ROWS = 1000

tables = sa.MetaData()
sources = sa.Table(
    "sources",
    tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("added_at", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)
features = sa.Table(
    "features",
    tables,
    sa.Column("feature", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("extractor", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("index", sa.Text, nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("model_hash", sa.Text, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)
places = sa.Table(
    "places",
    tables,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column(
        "number",
        sa.BigInteger,
        sa.ForeignKey("sources.number", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("size", sa.BigInteger),
    sa.Column("modified_ns", sa.BigInteger),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)
writes = sa.Table(
    "writes",
    tables,
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("stamp", sa.BigInteger, nullable=False, unique=True),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)
removals = sa.Table(
    "removals",
    tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.BigInteger, nullable=False, index=True),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)
state = sa.Table(
    "state",
    tables,
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.Column("tables_checksum", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    """Make all tables but `vectors` anew, and fill them from the old ones."""
    connection = op.get_bind()
    for table in tables.sorted_tables:
        op.rename_table(table.name, f"old_{table.name}")
        for index in table.indexes:
            op.drop_index(str(index.name))
    tables.create_all(connection)
    for table in tables.sorted_tables:
        _copy(connection, table)
        op.drop_table(f"old_{table.name}")
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.create_function("new_checksum", 5, _new_checksum)
    op.execute("UPDATE vectors SET checksum = new_checksum(number, feature, generation, checksum, vector)")


def _copy(connection: sa.Connection, table: sa.Table) -> None:
    options = {"yield_per": BLOCK_ROWS}
    rows = connection.execute(sa.text(f"SELECT * FROM old_{table.name}"), execution_options=options)
    new = {"index": "{}", "tables_checksum": 0}  # the second is put in the end
    for block in rows.mappings().partitions():
        connection.execute(sa.insert(table), [with_checksum(table, {**new, **row}) for row in block])


def _new_checksum(number: int, feature: int, generation: int, checksum: int, vector: object) -> int:
    """The checksum of a row of `vectors`; -1, which none has, if the vector did not match that of schema 1."""
    if not isinstance(vector, bytes) or zlib.crc32(vector) != checksum:
        return -1
    return vector_checksum(number, feature, generation, vector)
