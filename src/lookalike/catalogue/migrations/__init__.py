"""Catalogues of older versions, brought up to date: Alembic's scripts in `versions/`, one a version of the schema.

A script makes of a catalogue of the version before one of its own. The scripts stay as they are when the schema goes
on, so they name no table of `schema.py`. Which version a catalogue is of is in its own row of `state`, which has a
checksum; there is no table of Alembic's beside it.
"""

from __future__ import annotations

from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text, update

from lookalike.catalogue import schema
from lookalike.catalogue.checksums import with_checksum
from lookalike.catalogue.create import index_anew
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.records import SCHEMA_VERSION


def upgrade(connection: Connection, dialect: Dialect) -> None:
    """Bring a catalogue to `SCHEMA_VERSION`, in the transaction that `connection` is in, which has the right to write.

    Nothing is done if another process was first.
    """
    version = connection.execute(text("SELECT schema_version FROM state")).scalar_one()
    if version >= SCHEMA_VERSION:
        return
    scripts = ScriptDirectory(str(Path(__file__).parent))
    with Operations.context(MigrationContext.configure(connection)):
        for script in reversed(list(scripts.walk_revisions())):
            if int(script.revision) > version:
                script.module.upgrade()
    index_anew(connection, dialect)
    state = dict(connection.execute(select(schema.state)).mappings().one())
    changed = {
        "schema_version": SCHEMA_VERSION,
        "tables_checksum": dialect.tables_checksum(connection),
    }
    connection.execute(update(schema.state).values(with_checksum(schema.state, {**state, **changed})))
