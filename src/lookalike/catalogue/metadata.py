"""Metadata as JSON in the catalogue."""

from __future__ import annotations

import json
from typing import Any

from lookalike.catalogue.records import Metadata
from lookalike.errors import MetadataError


def encoded(metadata: Metadata, name: str) -> str:
    """`metadata` as JSON text for the catalogue; `name` is the source in messages.

    Raises: MetadataError for what JSON in UTF-8 cannot hold, and for what SQL cannot compare: integers beyond
    64
        bits, NUL characters.
    """
    try:
        _check(metadata)
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode("utf-8")
    except RecursionError as error:
        raise MetadataError(f"metadata of {name} is nested too deeply; make it flatter") from error
    except (TypeError, ValueError) as error:  # among them UnicodeEncodeError
        raise MetadataError(f"metadata of {name} cannot be stored: {error}") from error
    return text


def _check(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"{value[:40]!r} has a NUL character; remove it")
    elif isinstance(value, dict):
        for field, member in value.items():
            if not isinstance(field, str):
                raise ValueError(f"the field name {field!r} is no text; make it one")
            _check(field)
            _check(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _check(member)
    elif isinstance(value, int) and not _fits(value):
        raise ValueError(f"{value} does not fit 64 bits; give it as text")


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**63
