"""Conditions that no source meets, and what there is instead."""

from __future__ import annotations

import difflib

from sqlalchemy import func, select, true

from lookalike.catalogue.queries import Queries
from lookalike.catalogue.schema import sources
from lookalike.catalogue.summaries import check_field
from lookalike.catalogue.where import AnyOf, Condition, Scalar, Where

COMPARED_VALUES = 1000
"""So many different texts of a field are compared with the one that was asked for."""
SHOWN = 5
LONGEST = 40


def unmet(queries: Queries, where: Where) -> list[str]:
    """A line for each condition that no source meets by itself. Raises MetadataError for an unknown field."""
    anything = select(sources.c.number).limit(1)
    if queries.connection.execute(anything).first() is None:
        return []
    lines = []
    for condition in where.conditions:
        if queries.connection.execute(queries.dialect.matching([condition]).limit(1)).first() is None:
            check_field(queries, condition.field)
            hint = _hint(queries, condition)
            lines.append(f"no source has {_written(condition)}{hint and '; '}{hint}")
    return lines


def _written(condition: Condition) -> str:
    field = condition.field
    if isinstance(condition, AnyOf):
        shown = [_shown(value) for value in _asked(condition)]
        more = f" or {len(shown) - SHOWN} others" if len(shown) > SHOWN else ""
        return f"{field} {'!=' if condition.negated else '='} {' or '.join(shown[:SHOWN])}{more}"
    low, high = ("" if end is None else _shown(end) for end in (condition.low, condition.high))
    return f"{field} = {low}..{high}"


def _asked(condition: AnyOf) -> list[Scalar]:
    """The values, where a typed word stands for a number or a truth value and its own text, without the text."""
    others = [value for value in condition.values if not isinstance(value, str)]
    typed = {_shown(value) for value in others} | {str(value) for value in others}
    return [value for value in condition.values if not isinstance(value, str) or value not in typed]


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    return repr(value if len(value) <= LONGEST else value[:LONGEST] + "...")


def _hint(queries: Queries, condition: Condition) -> str:
    """What values of the field there are."""
    if isinstance(condition, AnyOf) and condition.negated:
        return ""
    entry = queries.dialect.field_values(condition.field)
    values = select(entry.c.value).select_from(sources).join(entry, true())
    texts = values.where(entry.c.type == "text")
    numbers = select(queries.dialect.as_number(entry.c.value)).select_from(sources).join(entry, true())
    if isinstance(condition, AnyOf):
        asked = [value for value in condition.values if isinstance(value, str)]
        there = queries.connection.execute(texts.distinct().limit(COMPARED_VALUES)).scalars().all()
        folded = {str(text).casefold(): str(text) for text in there}
        close = [
            _shown(folded[name])
            for value in asked[:SHOWN]
            for name in difflib.get_close_matches(value.casefold(), folded, n=2)
        ]
        if close:
            return f"did you mean {' or '.join(dict.fromkeys(close))}?"
    for kind, query in (
        ("numbers", numbers.where(entry.c.type.in_(("integer", "real")))),
        ("texts", texts),
    ):
        column = query.subquery().c[0]
        low, high = queries.connection.execute(select(func.min(column), func.max(column))).one()
        if low is not None:
            return f"its {kind} are from {_shown(low)} to {_shown(high)}"
    return ""
