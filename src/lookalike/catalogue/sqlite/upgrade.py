"""Files of older versions, brought up to date in place."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from lookalike.catalogue import migrations
from lookalike.catalogue.cores import translate_errors
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.sqlite import structure
from lookalike.catalogue.sqlite.connections import opened
from lookalike.catalogue.sqlite.errors import translation
from lookalike.errors import CollectionReadOnlyError


def upgrade(path: Path, dialect: Dialect) -> None:
    """Give the file `path`, of an older schema, that of today, in one transaction: it is of one or of the other.

    Raises: CollectionReadOnlyError where the file may not be written; CollectionLockedError.
    """

    def open_file() -> sqlite3.Connection:
        # Tables are renamed and made anew; those that refer to them shall go on to refer to the name.
        return opened(
            path, "mode=rw", ["journal_mode = WAL", "foreign_keys = OFF", "legacy_alter_table = ON"]
        )

    engine = create_engine("sqlite+pysqlite://", creator=open_file, paramstyle="named", poolclass=NullPool)
    translate_errors(engine, translation(path))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            migrations.upgrade(connection, dialect)
            structure.put_settings(connection)
            connection.commit()
    except CollectionReadOnlyError:
        raise CollectionReadOnlyError(
            f"{path} was made by an older version of Lookalike; open it once where it may be written, "
            "which brings it up to date"
        ) from None
