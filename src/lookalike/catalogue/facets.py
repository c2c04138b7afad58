"""Facets: the most frequent values of metadata fields among some sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lookalike.catalogue.where import Scalar

FACET_VALUES = 10
"""Values of a field that are told."""
LONGEST_FACET = 1000
"""Longer texts are cut, and counted as one where they begin alike."""

Facet = tuple[tuple[Scalar, int], ...]
"""Values with their counts, the most frequent first; equal ones truth values first, then numbers, then texts."""


def in_order(counted: Iterable[tuple[Scalar, int]]) -> Facet:
    """Return the most frequent of values with their counts, in the order of `Facet`."""
    return tuple(sorted(counted, key=lambda one: (-one[1], _place(one[0])))[:FACET_VALUES])


def _place(value: Scalar) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 0, value
    return (2, value) if isinstance(value, str) else (1, value)
