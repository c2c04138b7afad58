"""Which metadata fields the page offers to narrow by, and the counts of their values."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.catalogue.facets import Facet
from lookalike.collection import Collection
from lookalike.collection.filters import where_from_json
from lookalike.service.view import View, chosen

MOST_FIELDS = 8
MOST_KEPT = 500
"""Counts that are not made anew as long as the collection stays as it is."""
MOST_TRIED = 24
LEAST_COVERED = 0.5
"""A field is offered where its ten most frequent values are those of so many of the sources that have it."""

Shown = list[tuple[str, list[tuple[Any, int, bool]]]]
"""Fields, and their values with the count and whether each is chosen."""


class Facets:
    """The fields that are worth offering, and counts that were asked for lately, of one state of a collection.

    Safe for threads.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._fields: list[str] = []
        self._counts: OrderedDict[str, dict[str, Facet]] = OrderedDict()

    def of(self, view: View, collection: Collection) -> Shown:
        """Return what the page offers beside a view. Raises LookalikeError as the search does."""
        names = self._offered(collection)
        names += [name for name in view.where if name not in names]
        text = view.text if view.text and not view.blend else None
        counted = self._counted(names, text, view.where, collection)
        return [(name, _with_chosen(counted[name], view.where, name)) for name in names if counted[name]]

    def _offered(self, collection: Collection) -> list[str]:
        stamp = collection.stamp
        with self._lock:
            if self._stamp != stamp:
                self._fields = _worth_offering(collection)
                self._counts.clear()
                self._stamp = stamp
            return list(self._fields)

    def _counted(
        self, names: Sequence[str], text: str | None, where: Mapping[str, Any], collection: Collection
    ) -> dict[str, Facet]:
        key = json.dumps([self._stamp, names, text, where], sort_keys=True)
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        found = collection.facets(names, text=text, where=where_from_json(dict(where)))
        with self._lock:
            self._counts[key] = found
            while len(self._counts) > MOST_KEPT:
                self._counts.popitem(last=False)
        return found


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
