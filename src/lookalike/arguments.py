"""Checks of arguments that Python would otherwise refuse late, and in its own words."""

from __future__ import annotations

import math
import operator
import os
from numbers import Real
from pathlib import Path
from typing import Any

from lookalike.errors import OptionError

LARGEST_COUNT = 2**63 - 1
MOST_THREADS = 1024
SHOWN_CHARACTERS = 60


def as_count(value: Any, name: str, *, least: int, most: int = LARGEST_COUNT) -> int:
    """Return a whole number of any integer type as an int.

    Raises:
        OptionError: it is of another type, a truth value, below `least` or above `most`.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        count = operator.index(value)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{name} is {shown(value)}; give a whole number{_span(least, most)}") from None
    if not least <= count <= most:
        raise OptionError(f"{name} is {shown(count)}; give a whole number{_span(least, most)}")
    return count


def as_number(value: Any, name: str) -> float:
    """Return a real number of any type as a float, infinity among them.

    Raises:
        OptionError: it is text, a truth value or something else that is no number, NaN, or too large for a float.
    """
    real = value[()] if getattr(value, "shape", None) == () else value  # an array without axes
    try:
        number = float(real) if isinstance(real, Real) and not isinstance(real, bool) else math.nan
    except OverflowError:
        number = math.nan
    if math.isnan(number):
        raise OptionError(f"{name} is {shown(value)}; give a number")
    return number


def as_finite(value: Any, name: str) -> float:
    """Return a finite number of any real type as a float. Raises OptionError for another value."""
    try:
        number = as_number(value, name)
    except OptionError:
        number = math.inf
    if math.isinf(number):
        raise OptionError(f"{name} is {shown(value)}; give a finite number")
    return number


def as_share(value: Any, name: str) -> float:
    """Return a number above 0 and up to 1, such as a recall. Raises OptionError for another value."""
    try:
        number = as_number(value, name)
    except OptionError:
        number = math.inf
    if not 0 < number <= 1:
        raise OptionError(f"{name} is {shown(value)}; give a share above 0 and up to 1, such as 0.95")
    return number


def as_threads(n_jobs: Any) -> int:
    """Return how many threads `n_jobs` means: itself from 1, all cores that the process may use at -1.

    Raises:
        OptionError: it is no such number.
    """
    try:
        threads = as_count(n_jobs, "n_jobs", least=-1, most=MOST_THREADS)
    except OptionError:
        threads = 0
    if threads == 0:
        raise OptionError(
            f"n_jobs is {shown(n_jobs)}; give a number of threads from 1 to {MOST_THREADS}, or -1 for all cores"
        )
    return usable_cores() if threads == -1 else threads


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def as_path(value: Any, name: str) -> Path:
    """Return text or a path as a Path. Raises OptionError for another value, and for text that can be no path."""
    try:
        path = Path(value)
        if b"\0" not in os.fsencode(path):
            return path
    except (TypeError, UnicodeError):
        pass
    raise OptionError(f"{name} is {shown(value)}; give the path of a file or folder")


def check_text(value: Any) -> None:
    """Raise OptionError unless `value` is text or None."""
    if value is not None and not isinstance(value, str):
        raise OptionError(f"text is of type {type(value).__name__}; give words, in one string")


def shown(value: Any) -> str:
    """Return `value` as messages show it: in one line, and short."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of a class that cannot be shown, or a number of too many digits
        return f"of type {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def _span(least: int, most: int) -> str:
    return f" from {least}" if most == LARGEST_COUNT else f" from {least} to {most}"
