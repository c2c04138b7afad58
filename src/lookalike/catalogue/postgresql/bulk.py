"""Many rows at once, in a fraction of the time of a statement a row: by COPY, or as arrays where some may be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as insert_or_update

UPSERTED = 250
"""Rows of one statement: all of it is in memory, and vectors may be long."""


def copied(connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Copy rows (of the same columns) into a table, in the transaction of SQLAlchemy's connection.

    Raises:
        psycopg.Error: the server refuses, a row that is there for one.
    """
    if not rows:
        return
    names = list(rows[0])
    as_json = [name for name in names if isinstance(target.c[name].type, JSONB)]
    statement = SQL("COPY {} ({}) FROM STDIN").format(
        Identifier(target.name), SQL(", ").join(map(Identifier, names))
    )
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = {**row, **{name: Jsonb(row[name]) for name in as_json}}
            copy.write_row([values[name] for name in names])


def upserted(
    connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]
) -> None:
    """Insert one row or more (of the same columns, none of which holds arrays), or update those whose `key` is there.

    Of rows with one key the last counts, as one statement may not write a row twice.
    """
    columns = [target.c[name] for name in rows[0]]
    lists = [bindparam(column.name, type_=ARRAY(column.type)) for column in columns]
    new = func.unnest(*lists).table_valued(*(column.name for column in columns)).render_derived()
    statement = insert_or_update(target).from_select([column.name for column in columns], select(new))
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    given = list({tuple(row[name] for name in key): row for row in rows}.values())
    for first in range(0, len(given), UPSERTED):
        some = given[first : first + UPSERTED]
        connection.execute(statement, {name: [row[name] for row in some] for name in rows[0]})
