"""The first schema, which every catalogue has."""

from __future__ import annotations

revision = "1"
down_revision = None


def upgrade() -> None:
    """Nothing is older."""
