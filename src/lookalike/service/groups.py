"""Groups of look-alikes that were asked for lately, of one state of a collection."""

from __future__ import annotations

import threading
from functools import cache

from anyio import CapacityLimiter, to_thread

from lookalike.collection import Collection
from lookalike.collection.copies import Copies

MOST_KEPT = 20
MOST_GROUPS = 50
NEWEST = 500
"""Sources, the latest, that are each compared with all."""

Asked = tuple[str | None, float | None, int, int]
"""Feature, distance, newest and most."""


class Groups:
    """Finds groups once for each state of a collection, one after another: each takes seconds of a processor.

    Safe for threads.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._stamp: int | None = None
        self._found: dict[Asked, Copies] = {}

    async def found(
        self,
        collection: Collection,
        feature: str | None,
        max_distance: float | None,
        newest: int = NEWEST,
        most: int = MOST_GROUPS,
    ) -> Copies:
        """Return what `Collection.copies` does, of a state that the collection was in meanwhile.

        Who waits for it takes no thread that other requests need.
        """
        asked = (feature, max_distance, newest, most)
        return await to_thread.run_sync(self._of, collection, asked, limiter=_finding())

    def _of(self, collection: Collection, asked: Asked) -> Copies:
        with self._lock:
            stamp = collection.stamp
            if stamp != self._stamp or len(self._found) >= MOST_KEPT:
                self._found.clear()
                self._stamp = stamp
            if asked not in self._found:
                feature, max_distance, newest, most = asked
                self._found[asked] = collection.copies(
                    feature, max_distance=max_distance, newest=newest, most=most
                )
            return self._found[asked]


@cache
def _finding() -> CapacityLimiter:
    return CapacityLimiter(1)
