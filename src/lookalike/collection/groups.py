"""Groups of copies, near-copies and look-alikes in a whole collection, and what of them could be removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lookalike.arrays import Int64
from lookalike.catalogue import Catalogue, FeatureRecord, Source
from lookalike.collection.copies import copies_within
from lookalike.collection.presence import Presence
from lookalike.collection.stars import members_of, stars
from lookalike.errors import OptionError, UnknownFeatureError, UnknownIdError
from lookalike.index import IndexView
from lookalike.index.join.by_search import MOST_PAIRS
from lookalike.index.join.self_join import self_join

SAMPLED = 1000
"""Sources whose nearest neighbours tell which distances are those of copies."""
FAR_OUT = 3.5
"""Deviations from the median, by the median of these: what lies farther is an outlier (Iglewicz and Hoaglin, 1993)."""
MAD_TO_SIGMA = 1.4826
BLOCK_SOURCES = 1000

Kind = Literal["exact", "near-copy", "look-alike"]
KINDS: tuple[Kind, ...] = ("exact", "near-copy", "look-alike")


@dataclass(frozen=True, slots=True)
class Member:
    """A source of a group.

    Attributes:
        source: as it is stored.
        distance: from the group's middle.
        kind: "exact" of the same vector as the middle, and the middle itself; "near-copy" as near as copies in other
            sizes and qualities are; or "look-alike", farther than that.
        places: where it lies; files that are gone are left out.
    """

    source: Source
    distance: float
    kind: Kind
    places: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `lookalike groups --json` prints."""
        source = self.source
        return {
            "id": source.id,
            "distance": self.distance,
            "kind": self.kind,
            "places": list(self.places),
            "width": source.width,
            "height": source.height,
            "bytes": source.size,
            "title": source.metadata.get("title"),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that are all within the distance of the first of them, the middle.

    Attributes:
        kind: of the farthest member; "exact" also where one source lies in several files.
        members: the middle, then the others, nearest first.
        keep: of the copies, the one with the most pixels, then the largest file, then the one that was added first.
        removable: the places of all other exact copies; ids of those that lie nowhere.
        perhaps: the same of near-copies, at which somebody should look first: goods in several colours, photographed
            alike, are as near as copies of one picture in other sizes.
    """

    kind: Kind
    members: tuple[Member, ...]
    keep: str
    removable: tuple[str, ...]
    perhaps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `lookalike groups --json` prints."""
        return {
            "kind": self.kind,
            "keep": self.keep,
            "removable": list(self.removable),
            "perhaps": list(self.perhaps),
            "members": [member.to_json() for member in self.members],
        }


class Groups:
    """The groups of a collection, the largest first; sources are read as they are iterated over.

    Attributes:
        feature: by which sources were compared.
        max_distance: from the middle of a group.
        copies_within: nearer than this, a member is a near-copy.
        compared: how many sources have the feature.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        feature: str,
        max_distance: float,
        copies: float,
        compared: int,
        groups: list[tuple[Int64, Any]],
    ) -> None:
        self.feature, self.max_distance, self.copies_within = feature, max_distance, copies
        self.compared = compared
        self._catalogue, self._groups = catalogue, groups

    def __len__(self) -> int:
        """Number of groups that were found; those whose files are gone meanwhile are not among what is yielded."""
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        """Yield the groups, a block of whose sources is in memory at a time."""
        look = Presence().look()
        start = 0
        while start < len(self._groups):
            stop, held = start, 0
            while stop < len(self._groups) and (stop == start or held < BLOCK_SOURCES):
                held += len(self._groups[stop][0])
                stop += 1
            block = self._groups[start:stop]
            known = _known(self._catalogue, np.concatenate([numbers for numbers, _ in block]))
            for numbers, distances in block:
                members = []
                for number, far in zip(numbers.tolist(), distances.tolist(), strict=True):
                    if (source := known.get(number)) is not None:
                        places = tuple(
                            place.path
                            for place in source.places
                            if source.kind != "picture" or not look.is_missing(place.path)
                        )
                        if places or not source.places:
                            members.append(Member(source, far, self._kind(far), places))
                if sum(max(1, len(member.places)) for member in members) > 1:
                    yield _group(members)
            start = stop

    def to_json(self) -> dict[str, Any]:
        """Return what `lookalike groups --json` prints: all of it, in memory."""
        groups = [group.to_json() for group in self]
        return {
            "feature": self.feature,
            "max_distance": self.max_distance,
            "copies_within": self.copies_within,
            "compared": self.compared,
            "groups": groups,
            "removable": sum(len(group["removable"]) for group in groups),
            "perhaps": sum(len(group["perhaps"]) for group in groups),
        }

    def to_html(self, most: int = 500) -> str:
        """Return a page that shows the `most` largest groups with thumbnails."""
        from itertools import islice

        from lookalike.pages.groups import groups_page

        return groups_page(self, list(islice(self, most)))

    def _kind(self, distance: float) -> Kind:
        return "exact" if distance == 0 else "near-copy" if distance <= self.copies_within else "look-alike"


def find_groups(
    catalogue: Catalogue,
    reading: Catalogue,
    features: Mapping[str, FeatureRecord],
    indexes: Mapping[str, IndexView],
    feature: str | None,
    max_distance: float | None,
    *,
    recall: float,
    threads: int,
) -> Groups:
    """Return the groups of all sources that have a feature; see `Collection.groups`.

    Args:
        catalogue: the snapshot that `indexes` are of.
        reading: what sources are read from later.
    """
    name = next(iter(features), None) if feature is None else feature
    if name is None or name not in features:
        names = ", ".join(features) or "none"
        raise UnknownFeatureError(f"there is no feature {name!r}; the features are {names}")
    view, numbers = indexes[name], catalogue.numbers_with([name])
    near = copies_distance(view, features[name], numbers)
    limit = near if max_distance is None else max_distance
    join = self_join(view, numbers, limit, recall=recall, threads=threads)
    counts = Counter(place.number for place in catalogue.places())
    several = np.array(sorted(number for number, count in counts.items() if count > 1), dtype=np.int64)
    ids = np.union1d(join.ids, several)
    to_place = np.searchsorted(ids, join.ids)
    parts: list[tuple[Int64, Int64, Any]] = []
    held = 0
    for one, other, far in join.distinct:
        parts.append((to_place[one].astype(np.int64), to_place[other].astype(np.int64), far))
        if (held := held + len(one)) > MOST_PAIRS:
            raise OptionError(
                f"more than {MOST_PAIRS:,} pairs are within {limit:g} by {name}; give a smaller distance"
            )
    if not parts:
        parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
    one, other, far = (np.concatenate(side) for side in zip(*parts, strict=True))
    first = np.arange(len(ids))
    first[to_place] = to_place[join.first]
    middles, apart = stars(len(ids), one, other, far, np.bincount(first, minlength=len(ids)))
    groups = [(ids[members], apart[first[members]]) for members in members_of(middles[first])]
    grouped = np.concatenate([numbers for numbers, _ in groups]) if groups else np.empty(0, np.int64)
    alone = several[~np.isin(several, grouped)]
    groups += [(np.array([number]), np.zeros(1, np.float32)) for number in alone]
    return Groups(reading, name, limit, min(near, limit), len(numbers), groups)


def copies_distance(view: IndexView, record: FeatureRecord, numbers: Int64) -> float:
    """Return the distance that copies in other sizes and qualities mostly have.

    For `look` it was measured (`copies.py`). For others the distances of sampled sources to their nearest neighbours
    tell it: those of copies are outliers among them, far below the others on a scale of logarithms. Where most sources
    have copies, these are the rule and not the outliers, and a distance has to be given.
    """
    if record.extractor == "look":
        return copies_within(record)
    chosen = np.sort(np.random.default_rng(len(numbers)).permutation(numbers)[:SAMPLED])
    if len(numbers) < 2 or view.metric == "dot":
        return 0.0
    ids, distances = view.search(view.vectors(chosen), 2)
    nearest = np.where(ids[:, 0] == chosen, distances[:, 1], distances[:, 0])
    logs = np.log(nearest[(nearest > 0) & np.isfinite(nearest)].astype(np.float64))
    if not len(logs):
        return 0.0
    middle = np.median(logs)
    spread = MAD_TO_SIGMA * np.median(np.abs(logs - middle))
    return float(np.exp(middle - FAR_OUT * spread))


def _known(catalogue: Catalogue, numbers: Int64) -> dict[int, Source]:
    """Return the sources of `numbers` that are there still."""
    try:
        return {source.number: source for source in catalogue.sources(numbers)}
    except UnknownIdError:
        known = {}
        for number in numbers.tolist():
            with suppress(UnknownIdError):
                known[number] = catalogue.sources([number])[0]
        return known


def _group(members: list[Member]) -> Group:
    """Return the group of the middle and others, or of one source in several places."""
    ordered = [members[0], *sorted(members[1:], key=lambda member: (member.distance, member.source.number))]
    copies = [member for member in ordered if member.kind != "look-alike"]
    if not copies:  # the middle's file is gone
        copies = ordered[:1]
    best = max(copies, key=lambda member: (_pixels(member.source), member.source.size, -member.source.number))
    keep, *same = best.places or (best.source.id,)
    perhaps: list[str] = []
    for member in copies:
        if member is not best:
            exact = member.distance == best.distance == 0
            (same if exact else perhaps).extend(member.places or (member.source.id,))
    kind = KINDS[max(KINDS.index(member.kind) for member in ordered)]
    return Group(kind, tuple(ordered), keep, tuple(same), tuple(perhaps))


def _pixels(source: Source) -> int:
    return (source.width or 0) * (source.height or 0)
