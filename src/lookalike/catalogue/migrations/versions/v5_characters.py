"""Words of scripts without blanks between them, as of Chinese, Japanese and Thai, are taken apart into characters.

The index of metadata is made anew after every upgrade. What follows the catalogue by its generations, such as indexes
in search engines and sets of words, has to follow this too: sources that may have such words count as written now.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from lookalike.catalogue.checksums import is_sound, with_checksum

revision = "5"
down_revision = "4"

BLOCK_ROWS = 1000
MAY_BE_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u1aff\u2e80-\uabff\uf900-\ufaff\uff00-\uffff\U00010000-\U0003ffff]"
)
"""Such scripts, and some others, which does no harm."""

tables = sa.MetaData()
sources = sa.Table(
    "sources",
    tables,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("id", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("added_at", sa.Text),
    sa.Column("metadata", sa.Text),
    sa.Column("generation", sa.BigInteger),
    sa.Column("checksum", sa.BigInteger),
)
writes = sa.Table(
    "writes",
    tables,
    sa.Column("generation", sa.BigInteger, primary_key=True),
    sa.Column("stamp", sa.BigInteger),
    sa.Column("checksum", sa.BigInteger),
)
state = sa.Table(
    "state",
    tables,
    sa.Column("schema_version", sa.Integer),
    sa.Column("created_at", sa.Text),
    sa.Column("generation", sa.BigInteger),
    sa.Column("next_number", sa.BigInteger),
    sa.Column("tables_checksum", sa.BigInteger),
    sa.Column("checksum", sa.BigInteger),
)


def upgrade() -> None:
    """Raise the generation, if there is any such source, and give it to all of them."""
    connection = op.get_bind()
    old = dict(connection.execute(sa.select(state)).mappings().one())
    generation = old["generation"] + 1
    last, touched = -1, 0
    while True:
        query = sa.select(sources).where(sources.c.number > last).order_by(sources.c.number).limit(BLOCK_ROWS)
        rows = connection.execute(query).mappings().all()
        if not rows:
            break
        last = rows[-1]["number"]
        chosen = [
            {"of": row["number"], **_changed({**row, "generation": generation})}
            for row in rows
            if MAY_BE_UNSPACED.search(str(row["metadata"])) and is_sound(list(row.values()))
        ]
        if chosen:
            to: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("generation", "checksum")}
            connection.execute(
                sa.update(sources).where(sources.c.number == sa.bindparam("of")).values(to), chosen
            )
            touched += len(chosen)
    if touched:
        stamp = {"generation": generation, "stamp": secrets.randbits(62)}
        connection.execute(sa.insert(writes).values(with_checksum(writes, stamp)))
        changed = with_checksum(state, {**old, "generation": generation})
        connection.execute(sa.update(state).values(changed))


def _changed(row: dict[str, Any]) -> dict[str, int]:
    new = with_checksum(sources, row)
    return {"new_generation": new["generation"], "new_checksum": new["checksum"]}
