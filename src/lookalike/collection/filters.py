"""The forms in which users give metadata filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.arguments import shown
from lookalike.catalogue import Where
from lookalike.catalogue.where import AnyOf, Condition, Within
from lookalike.errors import MetadataError

Filters = Mapping[str, Any] | Sequence[str] | Where | None
"""`{"year": (2010, 2012)}`, `["year=2010..2012"]`, or a `Where`; see `lookalike.catalogue.Where`."""


def labelled(where: Filters) -> dict[str, Where]:
    """Return the single filters of `where` by what the user would call them."""
    if where is None:
        return {}
    if isinstance(where, Where):
        found: dict[str, Where] = {}
        for one in where.conditions:  # those of a text and of a number may be called the same
            same = found.get(str(one), Where(()))
            found[str(one)] = Where((*same.conditions, one))
        return found
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


def where_from_json(told: Any) -> Where | None:
    """Return filters that came as JSON; None for none.

    An object of fields: to a value, to a list of values, to `{"from": ..., "to": ...}` with either left out, or to
    `{"not": value or values}`; or a list of such objects, all of which must hold.

    Raises:
        MetadataError: anything else.
    """
    parts = told if isinstance(told, list) else [told]
    if not all(isinstance(part, Mapping) for part in parts):
        raise MetadataError(f'where is {shown(told)}; give fields and values, such as {{"year": 2012}}')
    found = tuple(_from_json(name, value) for part in parts for name, value in part.items())
    return Where(found) if found else None


def where_to_json(where: Where | None) -> list[dict[str, Any]]:
    """Return filters as `where_from_json` takes them."""
    told: list[dict[str, Any]] = []
    for condition in where.conditions if where is not None else ():
        if isinstance(condition, Within):
            ends = {"from": condition.low, "to": condition.high}
            told.append({condition.field: {name: end for name, end in ends.items() if end is not None}})
        else:
            values = list(condition.values)
            told.append({condition.field: {"not": values} if condition.negated else values})
    return told


def _from_json(name: str, value: Any) -> Condition:
    if not isinstance(value, Mapping):
        return Where.of({name: value}).conditions[0]
    if value.keys() == {"not"}:
        (denied,) = Where.of({name: value["not"]}).conditions
        if isinstance(denied, AnyOf):
            return AnyOf(name, denied.values, negated=True)
    elif value and value.keys() <= {"from", "to"}:
        return Where.of({name: (value.get("from"), value.get("to"))}).conditions[0]
    raise MetadataError(
        f"filter on {name!r} is {shown(dict(value))}; give a value, a list, "
        '{"from": ..., "to": ...} or {"not": ...}'
    )
