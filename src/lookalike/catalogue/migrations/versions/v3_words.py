"""Words are taken apart before the database sees them.

The tables stay; the index of metadata is made anew after every upgrade.
"""

from __future__ import annotations

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Nothing is to be changed."""
