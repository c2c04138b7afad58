"""Filters over metadata as an engine's queries, with the meaning that `lookalike.catalogue.where` gives them.

An engine knows no empty list: a field that holds one counts as missing. Dates are compared as instants.
"""

from __future__ import annotations

import math
from typing import Any

from lookalike.catalogue.where import Condition, Where, Within
from lookalike.engine.dates import instant
from lookalike.engine.mapping import Field, Fields, filtered_field
from lookalike.errors import MetadataError, OptionError

Clause = dict[str, Any]
NOTHING: Clause = {"match_none": {}}
MOST_TERMS = 65_536
"""Values of one `terms` clause that engines take."""
LARGEST_DOUBLE = float.fromhex("0x1.fffffffffffffp+1023")


def filter_clauses(where: Where | None, fields: Fields) -> list[Clause]:
    """Return one clause for each condition.

    Raises:
        MetadataError: a field that is not there, or that cannot be filtered by such values.
    """
    if where is None:
        return []
    return [_clause(condition, filtered_field(fields, condition.field)) for condition in where.conditions]


def leaves(clause: Clause) -> int:
    """Return how many queries a clause becomes, at most, of which engines take no more than a limit.

    Numbers and dates are looked up in two ways, of which an engine takes the better one: ranges, and terms of numbers.
    """
    ((kind, within),) = clause.items()
    if kind == "bool":
        return sum(leaves(one) for part in within.values() if isinstance(part, list) for one in part)
    if kind == "multi_match":
        return len(within["fields"])
    if kind == "range":
        return 2
    if kind == "terms":
        (values,) = within.values()
        return 2 if isinstance(values[0], int | float) and not isinstance(values[0], bool) else 1
    return 1


def word_clauses(text: str, fields: Fields) -> list[Clause]:
    """Return one clause for each word of `text`, which any of the text fields may have.

    What analysis takes apart, such as `t-shirt`, has to follow one another. No sign has a meaning of its own.

    Raises:
        OptionError: there is no word.
        MetadataError: the index has no text fields.
    """
    clean = text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    words = [word for word in dict.fromkeys(clean.split()) if any(sign.isalnum() for sign in word)]
    if not words:
        raise OptionError(f"text {text!r} has no word to look for; give at least one letter or digit")
    named = sorted(field.name for field in fields.values() if field.words)
    if not named:
        raise MetadataError(
            "the index has no field of type text, which words could be looked for in; add one"
        )
    return [
        {"multi_match": {"query": word, "fields": named, "type": "phrase", "zero_terms_query": "all"}}
        for word in words
    ]


def _clause(condition: Condition, field: Field) -> Clause:
    if isinstance(condition, Within):
        return _range(condition, field)
    values = list(
        dict.fromkeys(value for value in map(_reader(field), condition.values) if value is not None)
    )
    chunks = [values[start : start + MOST_TERMS] for start in range(0, len(values), MOST_TERMS)]
    terms: list[Clause] = [_terms(field, chunk) for chunk in chunks]
    if condition.negated:
        there: Clause = {"exists": {"field": condition.field}}
        return {"bool": {"filter": [there], "must_not": terms}} if terms else there
    if not terms:
        return NOTHING
    return terms[0] if len(terms) == 1 else {"bool": {"should": terms, "minimum_should_match": 1}}


def _terms(field: Field, values: list[Any]) -> Clause:
    if field.kind != "date":
        return {"terms": {field.path: values}}
    instants = [{"range": {field.path: _between(value, value)}} for value in values]
    return instants[0] if len(instants) == 1 else {"bool": {"should": instants, "minimum_should_match": 1}}


def _reader(field: Field) -> Any:
    """Return what makes a wanted value one of the field's own; None where no value of the field can equal it."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or field.kind == "truth":
            return value if isinstance(value, bool) and field.kind == "truth" else None
        if isinstance(value, str):
            if field.kind == "text":
                return _indexed(value, field)
            return instant(value) if field.kind == "date" else None
        if field.kind == "whole":
            return int(value) if value == int(value) and _fits(int(value), field) else None
        if field.kind == "number":
            return float(value) if float(value) == value else None
        return None

    return read


def _indexed(value: str, field: Field) -> str:
    if field.longest is not None and len(value) > field.longest:
        raise MetadataError(
            f"filter on {field.name!r}: texts of more than {field.longest} characters are not indexed "
            "(ignore_above of the index); filter by a shorter one"
        )
    return value


def _range(condition: Within, field: Field) -> Clause:
    low, high = condition.low, condition.high
    ends = [end for end in (low, high) if end is not None]
    texts = all(isinstance(end, str) for end in ends)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if field.kind == "text" and texts:
        return {"range": {field.path: _limits(low, high)}}
    if field.kind == "date" and texts:
        moments = [None if end is None else instant(str(end)) for end in (low, high)]
        if any(end is not None and moment is None for end, moment in zip((low, high), moments, strict=True)):
            raise MetadataError(
                f"filter on {field.name!r}: {ends[0]!r} is no date; write as 2012, 2012-06, 2012-06-30 "
                "or 2012-06-30T12:00:00Z"
            )
        return {"range": {field.path: _between(*moments)}}
    if field.kind in ("whole", "number") and numbers:
        within = _whole_limits if field.kind == "whole" else _double_limits
        limits = within(low, high, field)
        return NOTHING if limits is None else {"range": {field.path: limits}}
    return NOTHING


def _whole_limits(low: Any, high: Any, field: Field) -> dict[str, Any] | None:
    least = None if low is None else math.ceil(low)
    most = None if high is None else math.floor(high)
    if least is not None and not _fits(least, field):
        if least > 0:
            return None
        least = -(2**field.bits)
    if most is not None and not _fits(most, field):
        if most < 0:
            return None
        most = 2**field.bits - 1
    return _limits(least, most)


def _double_limits(low: Any, high: Any, field: Field) -> dict[str, Any]:
    """Return the doubles nearest to the ends within them; whole numbers of many digits lie between doubles."""
    least = None if low is None else float(low)
    most = None if high is None else float(high)
    if least is not None and least < low:
        least = math.nextafter(least, math.inf)
    if most is not None and most > high:
        most = math.nextafter(most, -math.inf)
    return _limits(least, most)


def _fits(value: int, field: Field) -> bool:
    limit = 1 << field.bits
    return -limit <= value < limit


def _limits(low: Any, high: Any) -> dict[str, Any]:
    return {name: end for name, end in (("gte", low), ("lte", high)) if end is not None}


def _between(low: str | None, high: str | None) -> dict[str, Any]:
    """Return the limits of instants, which are written in full, as an engine has forms of its own (`now-1d`).

    As milliseconds they would not do: three of four releases round those before 1970 up, and miss the last one.
    """
    return {**_limits(low, high), "format": "strict_date_optional_time"}


def check_value(value: Any, field: Field) -> str:
    """Return what is wrong with a value that is to be written to `field`; "" if nothing is.

    An engine would take "5" for 5, and 2010 for "2010", and a filter would find what is not equal.
    """
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return next((wrong for wrong in (check_value(member, field) for member in value) if wrong), "")
    if isinstance(value, float) and not math.isfinite(value):
        return "is not finite"
    truth, number = isinstance(value, bool), isinstance(value, int | float) and not isinstance(value, bool)
    if field.kind == "truth":
        return "" if truth else "is not true or false"
    if field.kind == "whole":
        return (
            ""
            if number and value == int(value) and _fits(int(value), field)
            else "is no whole number that fits"
        )
    if field.kind == "number":
        return "" if number and _is_double(value) else "is no number that a double holds"
    if field.kind == "date":
        return (
            "" if isinstance(value, str) and instant(value) is not None else "is no date such as 2012-06-30"
        )
    if field.kind == "text" or field.words:
        return "" if isinstance(value, str) else "is no text"
    return ""


def _is_double(value: int | float) -> bool:
    return bool(abs(value) <= LARGEST_DOUBLE and float(value) == value)
