"""Filters in PostgreSQL's SQL: conditions on the fields of `metadata_index`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, and_, bindparam, case, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from lookalike.catalogue.postgresql.metadata_index import comparable, metadata_index
from lookalike.catalogue.schema import sources
from lookalike.catalogue.where import AnyOf, Condition, Within

FEW = 16
"""Up to this many values are looked up in the index of fields, one by one."""


def meets(condition: Condition) -> ColumnElement[bool]:
    """`condition` on a row of `metadata_index`, as `Where.matches` defines it."""
    if isinstance(condition, Within):
        return _within(condition)
    found = _equals(condition)
    return and_(has_field(condition.field), ~found) if condition.negated else found


def has_field(field: str) -> ColumnElement[bool]:
    """Whether a row of `metadata_index` has `field`."""
    return metadata_index.c.fields.op("?", is_comparison=True)(literal(field, Text))


def field_entries() -> Any:
    """`sources.metadata` taken apart: one row (`key`, `type`) a field, to be joined with `sources`."""
    entry = func.json_each(cast(sources.c.metadata, JSON)).table_valued("key", "value", name="field")
    return select(entry.c.key, _type(entry.c.value).label("type")).lateral("entry")


def field_values(field: str) -> Any:
    """The values of `field`, members of lists one by one: rows (`value`, `type`) to be joined with `sources`."""
    value = func.json_extract_path(cast(sources.c.metadata, JSON), literal(field, Text))
    kind = func.json_typeof(value)
    listed = case(
        (kind == "array", value),
        (kind == "object", func.json_build_array()),
        else_=func.json_build_array(value),
    )
    member = func.json_array_elements(listed).table_valued("value", name="member")
    text = func.json_extract_path_text(func.json_build_array(member.c.value), "0").collate("C")
    return select(text.label("value"), _type(member.c.value).label("type")).lateral("entry_value")


def _type(value: ColumnElement[Any]) -> ColumnElement[str]:
    """The type of a JSON value in SQLite's words."""
    names = {"string": "text", "number": "real", "boolean": "true"}
    return case(names, value=func.json_typeof(value), else_=func.json_typeof(value))


def _equals(condition: AnyOf) -> ColumnElement[bool]:
    fields = metadata_index.c.fields
    values = [comparable(value) for value in condition.values]
    if len(values) <= FEW:
        return or_(*(fields.contains({condition.field: [value]}) for value in values))
    member = func.jsonb_array_elements(fields[condition.field]).table_valued("value", name="member")
    wanted = func.jsonb_array_elements(bindparam(None, values, type_=JSONB)).table_valued(
        "value", name="wanted"
    )
    return select(1).where(member.c.value.in_(select(wanted.c.value))).exists()


def _within(condition: Within) -> ColumnElement[bool]:
    ends = {
        name: comparable(end)
        for name, end in (("low", condition.low), ("high", condition.high))
        if end is not None
    }
    tests = [f"@ {sign} ${name}" for name, sign in (("low", ">="), ("high", "<=")) if name in ends]
    path = cast(f"$[*] ? ({' && '.join(tests)})", JSONPATH)
    # Values of other types meet neither; texts compare by code point.
    return func.jsonb_path_exists(
        metadata_index.c.fields[condition.field], path, bindparam(None, ends, type_=JSONB)
    )
