"""The forms in which users give metadata filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.catalogue import Where
from lookalike.errors import MetadataError

Filters = Mapping[str, Any] | Sequence[str] | Where | None
"""`{"year": (2010, 2012)}`, `["year=2010..2012"]`, or a `Where`; see `lookalike.catalogue.Where`."""


def labelled(where: Filters) -> dict[str, Where]:
    """Return the single filters of `where` by what the user would call them."""
    if where is None:
        return {}
    if isinstance(where, Where):
        return {str(condition): Where((condition,)) for condition in where.conditions}
    if isinstance(where, Mapping):
        for name in where:
            if not isinstance(name, str):
                raise MetadataError(f"where has the field {name!r}, which is no name; give a string")
        return {f"{name}={value}": Where.of({name: value}) for name, value in where.items()}
    texts = [where] if isinstance(where, str) else where
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise MetadataError(
            f"where is {where!r}; give a mapping of fields to values, or a list of filters such as 'year=2010..2012'"
        )
    return {text: Where.parse([text]) for text in texts}


def as_where(where: Filters) -> Where | None:
    """Return all filters as one; None where there are none."""
    parts = labelled(where)
    return Where(tuple(one for part in parts.values() for one in part.conditions)) if parts else None
