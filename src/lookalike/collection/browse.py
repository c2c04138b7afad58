"""Looking through a collection without asking for anything alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from lookalike.arguments import as_count
from lookalike.catalogue import Catalogue, Source, Where
from lookalike.catalogue.facets import Facet
from lookalike.errors import OptionError

Order = Literal["oldest", "newest", "random"]


def browse(
    catalogue: Catalogue,
    where: Where | None,
    text: str | None,
    *,
    order: Order,
    seed: int,
    start: int,
    limit: int,
) -> tuple[list[Source], int]:
    """Return some of the sources that `where` and `text` select, in an order, and how many they are in all."""
    if order not in get_args(Order):
        raise OptionError(f"order is {order!r}; choose one of {', '.join(get_args(Order))}")
    start, limit = as_count(start, "start", least=0), as_count(limit, "limit", least=0)
    with catalogue.snapshot() as state:
        numbers = state.select(where, text)
        if order == "newest":
            numbers = numbers[::-1]
        elif order == "random":
            numbers = np.random.default_rng(as_count(seed, "seed", least=0)).permutation(numbers)
        return state.sources(numbers[start : start + limit]), len(numbers)


def facets(
    catalogue: Catalogue, fields: Sequence[str], where: Where | None, text: str | None
) -> dict[str, Facet]:
    """Return the most frequent values of each field, with their counts, among the sources that are selected.

    Where a field is filtered itself, its values are counted as if it were not: what else could be chosen.
    """
    with catalogue.snapshot() as state:
        selected = state.select(where, text)
        found = {}
        for name in fields:
            others = tuple(one for one in where.conditions if one.field != name) if where else ()
            is_filtered = where is not None and len(others) < len(where.conditions)
            numbers = state.select(Where(others) if others else None, text) if is_filtered else selected
            found[name] = state.facet(name, numbers)
        return found
