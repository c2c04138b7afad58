"""Filters in SQLite's SQL: conditions on metadata, which are JSON text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select, true

from lookalike.catalogue.schema import sources
from lookalike.catalogue.where import AnyOf, Condition, Scalar, Within

FEW = 16
"""Up to this many texts are looked for in the JSON as it is written, before it is parsed."""


def meets(condition: Condition) -> ColumnElement[bool]:
    """`condition` on the metadata of `sources`, as `Where.matches` defines it."""
    value, kind = _field(condition.field)
    member = func.json_each(value).table_valued("value", "type", name="member")
    # CASE, since only it promises not to evaluate json_each of what is no list.
    found = case(
        (kind == "array", select(1).where(_holds(condition, member.c.value, member.c.type)).exists()),
        else_=_holds(condition, value, kind),
    )
    if isinstance(condition, AnyOf) and condition.negated:
        return and_(kind.is_not(None), kind != "null", found.is_(false()))
    return and_(_mentioned(condition), found.is_(true()))


def has_field(field: str) -> ColumnElement[bool]:
    """Whether the metadata of `sources` have `field` (null counts as not)."""
    return _field(field)[1] != "null"


def field_entries() -> Any:
    """`sources.metadata` taken apart: one row (`key`, `type`) a field, to be joined with `sources`."""
    return func.json_each(sources.c.metadata).table_valued("key", "type", name="entry")


def field_values(field: str) -> Any:
    """The values of `field`, members of lists one by one: rows (`value`, `type`) to be joined with `sources`."""
    value, kind = _field(field)
    # As a list, since json_each would take an object apart; true and false are 1 and 0 once they are extracted.
    listed = case(
        (kind == "array", value),
        (kind == "object", "[]"),
        (kind == "true", "[true]"),
        (kind == "false", "[false]"),
        else_=func.json_array(value),
    )
    return func.json_each(listed).table_valued("value", "type", name="entry_value")


def _field(field: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Value and JSON type of a metadata field; both null where it is missing."""
    if json.dumps(field, ensure_ascii=False) == f'"{field}"':
        path = f'$."{field}"'
        return func.json_extract(sources.c.metadata, path), func.json_type(sources.c.metadata, path)
    # A JSON path of SQLite cannot name a field with quotes, backslashes or control characters.
    entry = func.json_each(sources.c.metadata).table_valued("key", "value", "type", name="entry")
    one = [select(part).where(entry.c.key == field).limit(1) for part in (entry.c.value, entry.c.type)]
    return one[0].scalar_subquery(), one[1].scalar_subquery()


def _mentioned(condition: Condition) -> ColumnElement[bool]:
    """False where the JSON text shows that no value can be equal; spares most rows the parsing."""
    if isinstance(condition, Within) or len(condition.values) > FEW:
        return true()
    if not all(isinstance(value, str) for value in condition.values):
        return true()
    written = (json.dumps(value, ensure_ascii=False) for value in condition.values)
    return or_(*(func.instr(sources.c.metadata, text) > 0 for text in written))


def _holds(condition: Condition, value: ColumnElement[Any], kind: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether one JSON value meets `condition`, its negation left aside."""
    if isinstance(condition, AnyOf):
        by_kind: dict[str, list[Scalar]] = {}
        for wanted in condition.values:
            by_kind.setdefault(_kind(wanted), []).append(wanted)
        return or_(*(and_(_is(kind, one), value.in_(_list(wanted))) for one, wanted in by_kind.items()))
    ends = [end for end in (condition.low, condition.high) if end is not None]
    tests = [_is(kind, _kind(ends[0]))]
    if condition.low is not None:
        tests.append(value >= _bound(condition.low))
    if condition.high is not None:
        tests.append(value <= _bound(condition.high))
    return and_(*tests)


def _kind(wanted: Scalar) -> str:
    if isinstance(wanted, bool):
        return "truth"
    return "text" if isinstance(wanted, str) else "number"


def _is(kind: ColumnElement[Any], one: str) -> ColumnElement[bool]:
    """Whether a JSON type is of the kind `one`."""
    if one == "truth":
        return kind.in_(("true", "false"))
    return kind == "text" if one == "text" else kind.in_(("integer", "real"))


def _list(values: Sequence[Scalar]) -> Any:
    """A query for `values`, of any number, read by SQLite in the very way that the metadata are."""
    written = func.json_each(json.dumps(values, ensure_ascii=False, allow_nan=False))
    return select(written.table_valued("value", name="wanted").c.value)


def _bound(wanted: str | int | float) -> ColumnElement[Any]:
    if isinstance(wanted, float):
        # Read by SQLite in the very way that the JSON is; its last bit may differ from Python's, and CAST's too.
        return func.json_extract(literal(repr(wanted)), "$")
    return literal(wanted)
