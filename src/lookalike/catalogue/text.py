"""Words: what of a source's metadata can be searched by text, and what of a user's text is a word."""

from __future__ import annotations

import unicodedata
from typing import Any

from lookalike.catalogue.records import Metadata
from lookalike.errors import OptionError

PARTS = ("title", "description", "tags", "other")
"""Parts of a source's text: the metadata fields of these names, and all other fields."""


def parts(metadata: Metadata) -> tuple[str, ...]:
    """The searchable text of each of `PARTS`: texts and numbers, also in lists and objects, one a line."""
    lines: dict[str, list[str]] = {part: [] for part in PARTS}
    for field, value in metadata.items():
        _gather(value, lines.get(field, lines["other"]))
    return tuple(map("\n".join, lines.values()))


def _gather(value: Any, lines: list[str]) -> None:
    if isinstance(value, str):
        lines.append(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        lines.append(str(value))
    elif isinstance(value, list | tuple | dict):
        for member in value.values() if isinstance(value, dict) else value:
            _gather(member, lines)


def words(text: str) -> list[str]:
    """The words of a user's text but those of punctuation only. Raises OptionError if none is left."""
    if not isinstance(text, str):
        raise OptionError(f"text {text!r} is no text but a {type(text).__name__}; give words")
    # NUL ends a query for SQLite, and half a surrogate pair is no UTF-8.
    clean = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    found = [word for word in clean.split() if any(map(_is_token_character, word))]
    if not found:
        raise OptionError(f"text {text!r} has no word to look for; give at least one letter or digit")
    return found


def _is_token_character(character: str) -> bool:
    # Letters, digits and private use: what the tokenizer unicode61 keeps.
    category = unicodedata.category(character)
    return category[0] in "LN" or category == "Co"
