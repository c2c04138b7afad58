"""A writer that follows a script, and threads that look on, for tests.

Rows come and go in groups that lie on one spot, so that whoever looks there sees which groups are in the index.
One writer follows a script whose states are known beforehand. Who looks notes how many steps were over before and how
many had begun after: what is seen must be a state between these two.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lookalike import Index

DIMENSION = 8
BACKGROUND = 400
GROUP = 12
SPOT = np.full(DIMENSION, 30, dtype=np.float32)
"""Far from all other rows."""

Snapshot = frozenset[int]


def background() -> Any:
    random = np.random.default_rng(0)
    centres = random.standard_normal((20, DIMENSION)) * 3
    rows = centres[random.integers(0, 20, BACKGROUND)] + random.standard_normal((BACKGROUND, DIMENSION))
    return rows.astype(np.float32)


def built() -> Index:
    """Return an index with buckets, which forty loose rows make fold."""
    index = Index.build(background(), scan_below=100, n_jobs=1)
    assert index.stats().path == "buckets"
    return index


def members(group: int) -> Any:
    return BACKGROUND + group * GROUP + np.arange(GROUP)


def groups(ids: Any) -> Snapshot:
    """Return the groups that `ids` are of; each must be there whole."""
    numbers, counts = np.unique((ids[ids >= BACKGROUND] - BACKGROUND) // GROUP, return_counts=True)
    assert (counts == GROUP).all(), f"a group was seen in part: {dict(zip(numbers, counts, strict=True))}"
    return frozenset(numbers.tolist())


class Script:
    """Steps of one writer, each of which adds a group (its number) or removes it (its number, negative, less 1)."""

    def __init__(self, steps: list[int]) -> None:
        self.steps = steps
        self.states: list[Snapshot] = [frozenset()]
        for step in steps:
            now = self.states[-1]
            self.states.append(now | {step} if step >= 0 else now - {-1 - step})
        self.begun = 0
        self.over = 0

    @classmethod
    def of(cls, count: int) -> Script:
        """Return steps that add so many groups, and remove two of three again, a few steps later each."""
        steps = []
        for group in range(count):
            steps.append(group)
            if group >= 3 and group % 3:
                steps.append(-1 - (group - 3))
        return cls(steps)

    def run(self, index: Index, between: Callable[[], None] = lambda: None) -> None:
        """Take all steps, and do something `between` them."""
        for number, step in enumerate(self.steps):
            self.begun = number + 1
            if step >= 0:
                index.add(members(step), np.tile(SPOT, (GROUP, 1)))
            else:
                index.remove(members(-1 - step))
            self.over = number + 1
            between()

    def check(self, look: Callable[[], Any], least: int = 0) -> int:
        """Look, and return which state was seen; it is of no step before `least`, nor of one over before."""
        least = max(least, self.over)
        seen = groups(look())
        after = self.begun
        possible = self.states[least : after + 1]
        assert seen in possible, (sorted(seen), [sorted(state) for state in possible])
        return least + possible.index(seen)


@contextmanager
def threads(*works: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run each of `works` in a thread; they are told when the block is over, and the first failure is raised.

    Threads take turns ten times as often as they do by default.
    """
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Callable[[threading.Event], None]) -> None:
        try:
            work(done)
        except BaseException as error:
            failures.append(error)
            done.set()

    running = [threading.Thread(target=guarded, args=(work,)) for work in works]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 10)
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in running:
            thread.join(timeout=60)
        sys.setswitchinterval(interval)
        if failures:
            raise failures[0]
    assert not any(thread.is_alive() for thread in running), "a thread hangs"
