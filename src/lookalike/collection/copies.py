"""Groups of sources that look nearly the same: copies in other sizes and qualities, and pictures of one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue, FeatureRecord, Source
from lookalike.errors import UnknownFeatureError
from lookalike.index import IndexView

COPIES_WITHIN = {"1": 0.02, "2": 0.04}
"""By version of `look`: files that differ by their size and compression alone are mostly nearer than this."""
NEIGHBOURS = 10
"""That are looked at of each source: in a larger group, they lead on from one to the next."""
BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Copies:
    """Groups of sources, the largest first, and of how many sources the neighbours were looked at."""

    groups: tuple[tuple[Source, ...], ...]
    looked_at: int
    total: int


def copies_within(feature: FeatureRecord) -> float:
    """Return the distance of copies by a feature, where nobody says one; what it is for `look` stands for others."""
    first, *_ = COPIES_WITHIN.values()
    return COPIES_WITHIN.get(feature.version, first) if feature.extractor == "look" else first


def find_copies(
    catalogue: Catalogue,
    features: Mapping[str, FeatureRecord],
    indexes: Mapping[str, IndexView],
    feature: str | None,
    max_distance: float | None,
    *,
    newest: int,
    most: int,
) -> Copies:
    """Return the sources that lie within `max_distance` of one another, directly or by way of others.

    Args:
        feature: by which they are compared; None for the first of `features`.
        max_distance: None for `copies_within`.
        newest: of so many sources, those that were added last, the neighbours are looked for, among all.
        most: groups that are returned.

    Raises:
        UnknownFeatureError: there is no such feature.
    """
    name = next(iter(features), None) if feature is None else feature
    if name is None or name not in features:
        names = ", ".join(features) or "none"
        raise UnknownFeatureError(f"there is no feature {name!r}; the features are {names}")
    within = copies_within(features[name]) if max_distance is None else max_distance
    numbers = catalogue.numbers_with([name])
    looked_at = numbers[::-1][:newest]
    leader: dict[int, int] = {}
    for start in range(0, len(looked_at), BLOCK_ROWS):
        block, vectors = catalogue.vectors(name, looked_at[start : start + BLOCK_ROWS])
        found, _ = indexes[name].search(vectors, NEIGHBOURS, max_distance=within)
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
