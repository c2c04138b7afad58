"""The schema itself: how it is made, and what its definitions must be."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from sqlalchemy import Connection, func, insert, select, text

from lookalike.catalogue import schema
from lookalike.catalogue.advice import REBUILD, RESTORE
from lookalike.catalogue.postgresql.metadata_index import metadata_index, tables, word_totals
from lookalike.catalogue.records import Problem

_COLUMNS = """
    SELECT table_name, column_name, data_type, udt_name, is_nullable, collation_name
    FROM information_schema.columns WHERE table_schema = current_schema()
    ORDER BY table_name COLLATE "C", column_name COLLATE "C"
"""
_INDEXES = """
    SELECT made.relname, of_table.relname, indisunique, indisvalid, access.amname, (
        SELECT json_agg(pg_get_indexdef(indexrelid, at, true) ORDER BY at) FROM generate_series(1, indnatts) AS at
    )
    FROM pg_index JOIN pg_class AS made ON made.oid = indexrelid JOIN pg_class AS of_table ON of_table.oid = indrelid
    JOIN pg_am AS access ON access.oid = made.relam
    WHERE made.relnamespace = CAST(quote_ident(current_schema()) AS regnamespace) ORDER BY made.relname COLLATE "C"
"""
_BYTES = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = CAST(quote_ident(current_schema()) AS regnamespace) AND relkind = 'r'
"""


def make_tables(connection: Connection) -> None:
    """Make all tables that are not there."""
    schema.tables.create_all(connection)
    # Vectors are not worth compressing.
    connection.execute(text("ALTER TABLE vectors ALTER COLUMN vector SET STORAGE EXTERNAL"))
    make_index(connection)


def make_index(connection: Connection) -> None:
    """Make the index of metadata, with nothing in it, unless it is there."""
    tables.create_all(connection)
    if connection.execute(select(word_totals)).first() is None:
        connection.execute(insert(word_totals).values(sources=0, tokens=0))


def tables_checksum(connection: Connection) -> int:
    """CRC-32 of the definitions of all columns and indexes."""
    rows = [list(row) for query in (_COLUMNS, _INDEXES) for row in connection.execute(text(query))]
    return zlib.crc32(json.dumps(rows).encode("ascii"))


def bytes_used(connection: Connection) -> int:
    """Bytes of all tables with their indexes."""
    return int(connection.execute(text(_BYTES)).scalar_one())


def problems(connection: Connection) -> Iterator[Problem]:
    """What is wrong with the sums that the index of words keeps, and with references to rows that are not there."""
    sums = select(func.count(), func.coalesce(func.sum(metadata_index.c.length), 0))
    kept = connection.execute(select(word_totals)).all()
    if [tuple(row) for row in kept] != [tuple(connection.execute(sums).one())]:
        yield Problem("the totals of the index are not its sums", "full text", REBUILD)
    for table in schema.tables.sorted_tables:
        for key in table.foreign_keys:
            parent = key.column.table
            lost = select(table.c[0]).where(~select(1).where(key.column == key.parent).exists())
            for (row,) in connection.execute(lost):
                what = f"refers to a row of {parent.name} that is not there"
                yield Problem(what, f"table {table.name}, row {row!r}", RESTORE)
