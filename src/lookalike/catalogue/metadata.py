"""Metadata as JSON in the catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lookalike.catalogue.records import Metadata
from lookalike.errors import CollectionDamagedError, MetadataError


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


def decoded(written: object, name: str) -> dict[str, Any]:
    """The metadata that `encoded` made the JSON text of; `name` is the source in messages.

    Raises: CollectionDamagedError when it is no JSON object.
    """
    metadata = json_object(written)
    if metadata is None:
        raise CollectionDamagedError(f"the metadata of {name} are no JSON object; run lookalike verify")
    return metadata


def decoded_all(written: Sequence[str], ids: Sequence[str]) -> list[dict[str, Any]]:
    """The metadata of the sources `ids`: as `decoded`, several times faster for many."""
    try:
        together = json.loads(f"[{','.join(written)}]")
    except (ValueError, RecursionError):
        together = []
    if len(together) == len(written) and set(map(type, together)) <= {dict}:
        return list(together)
    return [decoded(text, f"source {id_!r}") for text, id_ in zip(written, ids, strict=True)]


def json_object(written: object) -> dict[str, Any] | None:
    """The JSON object that `written` is the text of; None if it is none."""
    try:
        value = json.loads(written) if isinstance(written, str) else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_unicode(value: object) -> bool:
    """Whether `value` is a text that UTF-8 can hold: half a surrogate pair stands for a byte that is no UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
