"""How long a picture may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress

from lookalike.errors import PictureError
from lookalike.features.batch import Extracted, Progress

Results = list[Extracted | PictureError]
Pictures = Sequence[tuple[str, bytes]]
Extract = Callable[[Sequence[int], Progress], Results]
"""Extracts the pictures at some places of a batch."""


class Clock:
    """Measures the time that a batch spends with the pictures that it is at; safe for threads."""

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self._at: tuple[Sequence[int], float] | None = None

    def at(self, places: Sequence[int]) -> None:
        """Begin with the pictures at `places` of the batch."""
        self._at = (places, time.monotonic())

    def stop(self) -> None:
        """The batch is done."""
        self._at = None

    def overdue(self) -> Sequence[int]:
        """Return the places of the pictures at hand if the limit, once for each of them, is over; else nothing."""
        at = self._at
        if self._limit is None or at is None:
            return ()
        places, since = at
        return places if time.monotonic() - since > self._limit * len(places) else ()


def poll_seconds(limit: float) -> float:
    """Return how long one may wait before one looks at a clock of that limit again."""
    return min(1.0, limit / 4)


def too_slow(name: str, limit: float | None) -> PictureError:
    """Return the error of a picture that took longer than `limit` seconds."""
    return PictureError(name, f"takes too long to decode (more than {limit:g} s)")


def extract_within(limit: float, names: Sequence[str], extract: Extract) -> Results:
    """Extract pictures in a thread, which is left behind with one that takes longer than `limit` seconds.

    The others are then extracted one by one. What never gives way to another thread cannot be left.
    """
    every = range(len(names))
    outcome = _attempt(limit, extract, every)
    if isinstance(outcome, list):
        return outcome
    results: Results = []
    for place in every:
        one = () if outcome == (place,) else _attempt(limit, extract, [place])
        results += one if isinstance(one, list) else [too_slow(names[place], limit)]
    return results


def _attempt(limit: float, extract: Extract, places: Sequence[int]) -> Results | tuple[int, ...]:
    """Return the results of the pictures at `places`, or which of these took too long together."""
    clock = Clock(limit)
    done: Future[Results] = Future()

    def run() -> None:
        try:
            done.set_result(extract(places, clock.at))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, name="lookalike-extraction", daemon=True).start()
    while True:
        with suppress(TimeoutError):
            done.exception(poll_seconds(limit))
        if done.done():
            return done.result()
        if slow := clock.overdue():
            return tuple(slow)
