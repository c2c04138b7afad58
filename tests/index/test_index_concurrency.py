"""Threads share an index: a search sees one committed state, and no write is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scripted import (  # type: ignore[import-not-found]
    BACKGROUND,
    DIMENSION,
    GROUP,
    SPOT,
    Script,
    background,
    built,
    groups,
    members,
    threads,
)

from lookalike.errors import DuplicateIdError, UnknownIdError


def test_a_search_sees_one_committed_state_while_rows_come_and_go(tmp_path: Path) -> None:
    index, script = built(), Script.of(50)
    most = GROUP * max(len(state) for state in script.states)
    looked = {"exact": 0, "buckets": 0, "ids": 0}
    folds = 0

    def between() -> None:
        nonlocal folds
        stats = index.stats()
        folds += stats.tail_rows == 0
        if script.over % 20 == 7:
            index.tune(recall=0.9 + 0.05 * (script.over % 2), n_jobs=1)
        if script.over % 20 == 13:
            index.save(tmp_path / "index")

    def exact(done: threading.Event) -> None:
        last = 0
        while not done.is_set():
            last = script.check(lambda: index.search(SPOT, most, recall=1, max_distance=0.5)[0][0], last)
            looked["exact"] += 1

    def listed(done: threading.Event) -> None:
        last = 0
        while not done.is_set():
            last = script.check(index.ids, last)
            looked["ids"] += 1

    def by_buckets(done: threading.Event) -> None:
        """Rows on one spot share bucket and sketch, so what is seen is whole though the search is not exact."""
        around = background()[:5]
        while not done.is_set():
            ids, distances = index.search(SPOT, most, max_distance=0.5)
            groups(ids[0])
            assert (distances[ids >= 0] == 0).all()
            ids, distances = index.search(around, 3)
            assert (ids[:, 0] == np.arange(5)).all(), "rows that always were there are found still"
            assert (ids < BACKGROUND).all()
            looked["buckets"] += 1

    with threads(exact, listed, by_buckets):
        script.run(index, between)
    assert groups(index.ids()) == script.states[-1]
    assert folds > 3, "rows were folded in while others searched"
    assert min(looked.values()) > 3, looked


def test_two_writers_lose_nothing() -> None:
    index = built()
    random = np.random.default_rng(1)
    vectors = random.standard_normal((2, 60, 5, DIMENSION)).astype(np.float32)
    start = threading.Barrier(2)
    expected: list[dict[int, Any]] = [{}, {}]

    def writing(writer: int) -> Callable[[threading.Event], None]:
        def write(_: threading.Event) -> None:
            start.wait(timeout=30)
            own = expected[writer]
            for batch, block in enumerate(vectors[writer]):
                ids = 10_000 * (writer + 1) + 5 * batch + np.arange(5)
                index.add(ids, block)
                own.update(zip(ids.tolist(), block, strict=True))
                assert np.array_equal(index.vectors(ids), block)
                if batch % 2:
                    gone = ids[:3].tolist()
                    index.remove(gone)
                    for number in gone:
                        del own[number]

        return write

    with threads(writing(0), writing(1)):
        pass  # they end by themselves
    there = {**dict(enumerate(background())), **expected[0], **expected[1]}
    assert index.ids().tolist() == sorted(there)
    assert len(index) == len(there)
    assert np.array_equal(index.vectors(sorted(there)), np.array([there[number] for number in sorted(there)]))


def test_of_two_writers_of_the_same_ids_one_wins() -> None:
    index = built()
    spots = [SPOT, -SPOT]
    start = threading.Barrier(2)
    added: list[list[int]] = [[], []]
    removed: list[list[int]] = [[], []]

    def contending(writer: int) -> Callable[[threading.Event], None]:
        def contend(_: threading.Event) -> None:
            for group in range(30):
                start.wait(timeout=30)
                try:
                    index.add(members(group), np.tile(spots[writer], (GROUP, 1)))
                    added[writer].append(group)
                except DuplicateIdError:
                    pass
                start.wait(timeout=30)
                if group % 2:
                    try:
                        index.remove(members(group))
                        removed[writer].append(group)
                    except UnknownIdError:
                        pass

        return contend

    with threads(contending(0), contending(1)):
        pass  # they end by themselves
    assert sorted(added[0] + added[1]) == list(range(30))
    assert sorted(removed[0] + removed[1]) == list(range(1, 30, 2))
    assert groups(index.ids()) == frozenset(range(0, 30, 2))
    for writer, own in enumerate(added):
        for group in own:
            if not group % 2:
                assert (index.vectors(members(group)) == spots[writer]).all()
