"""Filters over metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.catalogue.metadata import is_unicode
from lookalike.catalogue.records import Metadata
from lookalike.errors import MetadataError

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field has one of `values`; or, `negated`, it is there and has none of them."""

    field: str
    values: tuple[Scalar, ...]
    negated: bool = False

    def __str__(self) -> str:
        """Return it as people write it, as in `colour!=red|blue`."""
        values = dict.fromkeys(_written(value) for value in self.values)
        return f"{self.field}{'!=' if self.negated else '='}{'|'.join(values)}"


@dataclass(frozen=True, slots=True)
class Within:
    """The field is at least `low` and at most `high`; None leaves that end open.

    Both ends are text, or both numbers.
    """

    field: str
    low: str | int | float | None
    high: str | int | float | None

    def __str__(self) -> str:
        """Return it as people write it, as in `year=2010..`."""
        low, high = ("" if end is None else _written(end) for end in (self.low, self.high))
        return f"{self.field}={low}..{high}"


Condition = AnyOf | Within


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions on metadata fields, all of which must hold.

    Values compare by type: a number with numbers, by value (2010 equals 2010.0); text with text, exactly and
    in order of code points; true and false with themselves only. A field that is missing, or null, meets no
    condition, a negated one neither. A list meets a condition if one of its members does (negated: if none
    does). An object equals nothing and lies within no range.
    """

    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        for condition in self.conditions:
            _check_text(condition.field, condition.field)
            of_field = condition.values if isinstance(condition, AnyOf) else (condition.low, condition.high)
            for value in of_field:
                if value is not None or isinstance(condition, AnyOf):
                    _scalar(condition.field, value)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Where:
        """From Python: `{"articleType": "Jeans", "year": (2010, None), "baseColour": ["Blue", "Black"]}`.

        A value equals; a tuple of two is a range that holds its ends, None being open; a list is any of. NumPy's
        numbers, truth values and texts are taken as Python's.

        Raises: MetadataError for a value of another kind.
        """
        if not isinstance(fields, Mapping):
            raise MetadataError(
                f"a filter is a dictionary from fields to values, and no {type(fields).__name__}"
            )
        return cls(tuple(_condition(field, value) for field, value in fields.items()))

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Where:
        """From the command line.

        The forms are `field=value`, `field!=value`, `field=a|b`, `field!=a|b`, `field=low..high` with either
        end left out, `field>=low` and `field<=high`.

        What is typed has no type, so a value equals the text as it is written and, if it reads as one, the
        number; `true` and `false` also equal the truth values. A range is one of numbers if its ends read as
        numbers, else one of text. Blanks around field and values do not count. Fields with `=` and values
        with `|` or `..` need `of`.

        Raises: MetadataError for a text of another form.
        """
        return cls(tuple(_parsed(text) for text in texts))

    def matches(self, metadata: Metadata) -> bool:
        """Whether `metadata` meets all conditions. This defines what a filter means."""
        return all(_meets(condition, metadata.get(condition.field)) for condition in self.conditions)


def _written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meets(condition: Condition, value: Any) -> bool:
    if value is None:
        return False
    members = value if isinstance(value, list | tuple) else [value]
    if isinstance(condition, Within):
        return any(_within(condition, member) for member in members)
    return condition.negated != any(
        _equal(member, wanted) for member in members for wanted in condition.values
    )


def _equal(value: Any, wanted: Scalar) -> bool:
    return _type(value) == _type(wanted) != "other" and bool(value == wanted)


def _within(condition: Within, value: Any) -> bool:
    kind = _type(value)
    if any(end is not None and _type(end) != kind for end in (condition.low, condition.high)):
        return False
    above = condition.low is None or bool(value >= condition.low)
    return above and (condition.high is None or bool(value <= condition.high))


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _condition(field: str, value: Any) -> Condition:
    """The condition of one entry of the Python form."""
    if isinstance(value, tuple):
        if len(value) != 2:
            raise MetadataError(
                f"filter on {field!r}: a range is a tuple of two, not {len(value)}; use a list for any of"
            )
        return _range(field, *value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise MetadataError(f"filter on {field!r}: the list is empty; give at least one value")
    return AnyOf(field, tuple(_scalar(field, member) for member in values))


def _range(field: str, low: Any, high: Any) -> Within:
    ends = [_scalar(field, end) for end in (low, high) if end is not None]
    kinds = {_type(end) for end in ends}
    if len(kinds) != 1 or kinds == {"truth"}:
        raise MetadataError(
            f"filter on {field!r}: a range needs one or two ends, numbers or text, of the same kind"
        )
    if len(ends) == 2 and low > high:
        raise MetadataError(
            f"filter on {field!r}: the range from {low!r} to {high!r} is empty; swap its ends"
        )
    return Within(field, *(None if end is None else _scalar(field, end) for end in (low, high)))


def _scalar(field: str, value: Any) -> Scalar:
    if isinstance(value, np.bool_ | np.number | np.str_):
        value = value.item()
    if isinstance(value, str):
        _check_text(field, value)
        return value
    if not isinstance(value, bool | int | float):
        raise MetadataError(
            f"filter on {field!r}: {type(value).__name__} is no value to compare with; "
            "give text, a number, true or false"
        )
    if (isinstance(value, int) and not -(2**63) <= value < 2**63) or not math.isfinite(value):
        raise MetadataError(f"filter on {field!r}: {value} is not finite or does not fit 64 bits")
    return value


def _check_text(field: object, text: object) -> None:
    """Raise MetadataError for what no metadata can be: no text, not Unicode, or with a NUL character."""
    if not isinstance(text, str):
        raise MetadataError(f"filter on {field!r}: the name of a field is text; write it as one")
    if not is_unicode(text):
        raise MetadataError(f"filter on {field!r}: {text!r} is not valid Unicode; write it in UTF-8")
    if "\0" in text:
        raise MetadataError(f"filter on {field!r}: {text!r} has a NUL character, which no metadata have")


_TYPED = re.compile(r"\s*(?P<field>.*?)\s*(?P<operator>!=|>=|<=|=)\s*(?P<value>.*?)\s*", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMS = "write field=value, field!=value, field=a|b, field=low..high, field>=low or field<=high"


def _parsed(text: str) -> Condition:
    """The condition of one text of the command line."""
    match = _TYPED.fullmatch(text)
    if match is None or not match["field"] or not match["value"]:
        raise MetadataError(f"filter {text!r} makes no sense; {_FORMS}")
    field, operator, value = match["field"], match["operator"], match["value"]
    if operator == ">=":
        return _range(field, _end(value), None)
    if operator == "<=":
        return _range(field, None, _end(value))
    if operator == "=" and value.count("..") == 1:
        low, high = (part.strip() for part in value.split(".."))
        if _number(low or high) is None or _number(high or low) is None:
            return _range(field, low or None, high or None)
        return _range(field, _number(low), _number(high))
    words = [word.strip() for word in value.split("|")]
    if not all(words):
        raise MetadataError(f"filter {text!r} has an empty value; {_FORMS}")
    return AnyOf(field, tuple(reading for word in words for reading in _readings(word)), operator == "!=")


def _end(word: str) -> str | int | float:
    number = _number(word)
    return word if number is None else number


def _readings(word: str) -> list[Scalar]:
    """All values that a typed word can stand for."""
    number = _number(word)
    readings: list[Scalar] = [word] if number is None else [word, number]
    return [*readings, word == "true"] if word in ("true", "false") else readings


def _number(word: str) -> int | float | None:
    """The finite number that `word` reads as, an integer where it fits 64 bits."""
    if not _NUMBER.fullmatch(word):
        return None
    number = float(word)
    if not math.isfinite(number):
        return None
    whole = int(word) if word.lstrip("+-").isdigit() else None
    return whole if whole is not None and -(2**63) <= whole < 2**63 else number
