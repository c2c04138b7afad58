"""Which metadata fields the page offers to narrow by, and the counts of their values."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from lookalike.collection import Collection
from lookalike.collection.filters import where_from_json
from lookalike.service.view import View, chosen

MOST_FIELDS = 8
MOST_TRIED = 24
LEAST_COVERED = 0.5
"""A field is offered where its ten most frequent values are those of so many of the sources that have it."""

Shown = list[tuple[str, list[tuple[Any, int, bool]]]]
"""Fields, and their values with the count and whether each is chosen."""


class Facets:
    """The fields that are worth offering, found out once for each state of a collection; safe for threads."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._known: tuple[int, list[str]] | None = None

    def of(self, view: View, collection: Collection) -> Shown:
        """Return what the page offers beside a view. Raises LookalikeError as the search does."""
        names = self._fields(collection)
        names += [name for name in view.where if name not in names and name in collection.fields()]
        text = view.text if view.text and not view.blend else None
        counted = collection.facets(names, text=text, where=where_from_json(dict(view.where)))
        return [(name, _with_chosen(counted[name], view.where, name)) for name in names if counted[name]]

    def _fields(self, collection: Collection) -> list[str]:
        stamp = collection.stamp
        with self._lock:
            if self._known is None or self._known[0] != stamp:
                self._known = stamp, _worth_offering(collection)
            return list(self._known[1])


def _worth_offering(collection: Collection) -> list[str]:
    fields = collection.fields()
    tried = sorted(fields, key=lambda name: -fields[name].count)[:MOST_TRIED]
    counted = collection.facets(tried)
    found = []
    for name in tried:
        values = counted[name]
        covered = sum(count for _, count in values)
        if len(values) > 1 and covered >= LEAST_COVERED * fields[name].count:
            found.append(name)
    return sorted(found[:MOST_FIELDS])


def _with_chosen(values: Any, where: Mapping[str, Any], name: str) -> list[tuple[Any, int, bool]]:
    wanted = chosen(where, name)
    listed = [value for value, _ in values]
    others = [(value, 0, True) for value in wanted if value not in listed]
    return [(value, count, value in wanted) for value, count in values] + others
