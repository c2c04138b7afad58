"""How the distances of features are distributed is kept, so that they can be compared with one another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make the table, which is filled when several features are searched first, or by the next write."""
    op.create_table(
        "distributions",
        sa.Column(
            "generation",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("told", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("checksum", sa.BigInteger, nullable=False),
    )
