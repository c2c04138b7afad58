"""Groups of sources that look nearly the same: copies in other sizes and qualities, and pictures of one thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue, FeatureRecord, Source
from lookalike.index import IndexView

COPIES_WITHIN = 0.02
"""Of the cosine distance by `look`, files that differ by their compression alone are about so far apart."""
NEIGHBOURS = 10
"""That are looked at of each source: in a larger group, they lead on from one to the next."""
BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Copies:
    """Groups of sources, the largest first, and of how many sources the neighbours were looked at."""

    groups: tuple[tuple[Source, ...], ...]
    looked_at: int
    total: int


def find_copies(
    catalogue: Catalogue,
    feature: FeatureRecord,
    index: IndexView,
    *,
    max_distance: float,
    newest: int,
    most: int,
) -> Copies:
    """Return the sources that lie within `max_distance` of one another, directly or by way of others.

    Args:
        newest: of so many sources, those that were added last, the neighbours are looked for, among all.
        most: groups that are returned.
    """
    numbers = catalogue.numbers_with([feature.name])
    looked_at = numbers[::-1][:newest]
    leader: dict[int, int] = {}
    for start in range(0, len(looked_at), BLOCK_ROWS):
        block, vectors = catalogue.vectors(feature.name, looked_at[start : start + BLOCK_ROWS])
        found, _ = index.search(vectors, NEIGHBOURS, max_distance=max_distance)
        _unite(leader, block, found)
    groups: dict[int, list[int]] = {}
    for number in sorted(leader):
        groups.setdefault(_leader(leader, number), []).append(number)
    chosen = sorted((group for group in groups.values() if len(group) > 1), key=lambda group: -len(group))
    chosen = chosen[:most]
    known = {one.number: one for one in catalogue.sources([number for group in chosen for number in group])}
    told = tuple(tuple(known[number] for number in group) for group in chosen)
    return Copies(told, len(looked_at), len(numbers))


def _unite(leader: dict[int, int], numbers: Int64, found: Int64) -> None:
    """Take note that each of `numbers` (n,) is of a group with those `found` (n, k) near it; -1 is none."""
    rows, columns = np.nonzero(found >= 0)
    for one, other in zip(numbers[rows].tolist(), found[rows, columns].tolist(), strict=True):
        first, second = sorted((_leader(leader, one), _leader(leader, other)))
        leader[second] = first


def _leader(leader: dict[int, int], number: int) -> int:
    """Return the number that stands for the group of `number`, and shorten the way there."""
    way = []
    while (further := leader.setdefault(number, number)) != number:
        way.append(number)
        number = further
    leader.update(dict.fromkeys(way, number))
    return number
