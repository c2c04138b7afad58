"""Checks of arguments that Python would otherwise refuse late, and in its own words."""

from __future__ import annotations

import math
import operator
from typing import Any

from lookalike.errors import OptionError


def as_count(value: Any, name: str, *, least: int) -> int:
    """Return a whole number of any integer type. Raises OptionError for another value or one below `least`."""
    try:
        count = operator.index(value)
    except TypeError:
        raise OptionError(f"{name} is {value!r}; give a whole number") from None
    if count < least:
        raise OptionError(f"{name} is {count}; give {least} or more")
    return count


def as_finite(value: Any, name: str) -> float:
    """Return a finite number of any real type. Raises OptionError for another value."""
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise OptionError(f"{name} is {value!r}; give a finite number")
    return number


def check_text(value: Any) -> None:
    """Raise OptionError unless `value` is text or None."""
    if value is not None and not isinstance(value, str):
        raise OptionError(f"text is of type {type(value).__name__}; give words, in one string")
