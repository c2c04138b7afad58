"""Words: what of a source's metadata can be searched by text. They are taken apart as `lookalike.texts` says."""

from __future__ import annotations

from lookalike.catalogue.records import Metadata
from lookalike.errors import OptionError
from lookalike.texts import texts_of, tokens

PARTS = ("title", "description", "tags", "other")
"""Parts of a source's text: the metadata fields of these names, and all other fields."""

WEIGHTS = {"title": 10.0, "description": 2.0, "tags": 5.0, "other": 1.0}
"""How much a word counts in each."""

Phrase = tuple[str, ...]
"""Tokens that follow one another."""


def parts(metadata: Metadata) -> tuple[str, ...]:
    """The searchable text of each of `PARTS`: texts and numbers, also in lists and objects, one a line."""
    lines: dict[str, list[str]] = {part: [] for part in PARTS}
    for field, value in metadata.items():
        lines.get(field, lines["other"]).extend(texts_of(value))
    return tuple(map("\n".join, lines.values()))


def indexed(metadata: Metadata) -> tuple[list[str], ...]:
    """The tokens of each of `PARTS`: what an index of words has of a source."""
    return tuple(map(tokens, parts(metadata)))


def has_phrase(part: list[str], phrase: Phrase) -> bool:
    """Whether the tokens of a part have those of `phrase`, one after another."""
    first, length = phrase[0], len(phrase)
    return any(token == first and tuple(part[at : at + length]) == phrase for at, token in enumerate(part))


def words(text: str) -> list[str]:
    """The words of a user's text but those of punctuation only. Raises OptionError if none is left."""
    if not isinstance(text, str):
        raise OptionError(f"text {text!r} is no text but a {type(text).__name__}; give words")
    # NUL ends a text for databases, and half a surrogate pair is no UTF-8.
    clean = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    found = [word for word in clean.split() if tokens(word)]
    if not found:
        raise OptionError(f"text {text!r} has no word to look for; give at least one letter or digit")
    return found


def phrases(text: str) -> list[Phrase]:
    """What a user's text asks for: its words, all of which must occur. Raises OptionError if there is none.

    A word that is taken apart, such as `t-shirt`, is a phrase of tokens that follow one another.
    """
    return list(dict.fromkeys(tuple(tokens(word)) for word in words(text)))
