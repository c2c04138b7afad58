"""Lists as PostgreSQL takes them: arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def packed(values: Sequence[int] | Sequence[str]) -> list[Any]:
    """A list for an array; without texts that PostgreSQL cannot hold, which are nowhere in it."""
    return [value for value in values if not isinstance(value, str) or _can_be_stored(value)]


def _can_be_stored(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
