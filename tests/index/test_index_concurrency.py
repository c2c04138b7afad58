"""Threads share an index: a search sees one committed state, no write is lost, a save holds a committed state.

Rows come and go in groups that lie on one spot, so that whoever looks there sees which groups are in the index.
One writer follows a script whose states are known beforehand. Who looks notes how many steps were over before and how
many had begun after: what is seen must be a state between these two.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Index
from lookalike.errors import DuplicateIdError, UnknownIdError

DIMENSION = 8
BACKGROUND = 400
GROUP = 12
SPOT = np.full(DIMENSION, 30, dtype=np.float32)
"""Far from all other rows."""

State = frozenset[int]


@pytest.fixture(autouse=True)
def often_switched() -> Iterator[None]:
    """Let threads take turns ten times as often as they do by default."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    yield
    sys.setswitchinterval(before)


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


def groups(ids: Any) -> State:
    """Return the groups that `ids` are of; each must be there whole."""
    numbers, counts = np.unique((ids[ids >= BACKGROUND] - BACKGROUND) // GROUP, return_counts=True)
    assert (counts == GROUP).all(), f"a group was seen in part: {dict(zip(numbers, counts, strict=True))}"
    return frozenset(numbers.tolist())


class Script:
    """Steps of one writer, each of which adds a group (its number) or removes it (its number, negative, less 1)."""

    def __init__(self, steps: list[int]) -> None:
        self.steps = steps
        self.states: list[State] = [frozenset()]
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
    """Run each of `works` in a thread; they are told when the block is over, and the first failure is raised."""
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Callable[[threading.Event], None]) -> None:
        try:
            work(done)
        except BaseException as error:
            failures.append(error)
            done.set()

    running = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in running:
            thread.join(timeout=60)
        if failures:
            raise failures[0]
    assert not any(thread.is_alive() for thread in running), "a thread hangs"


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


@pytest.mark.parametrize("names", [["index"], ["one", "other"]])
def test_what_is_saved_while_rows_come_and_go_is_a_committed_state(tmp_path: Path, names: list[str]) -> None:
    index, script = built(), Script.of(40)
    saves = threading.Semaphore(0)

    def saving(done: threading.Event) -> None:
        last = number = 0
        while not done.is_set():
            number += 1
            path = tmp_path / names[number % len(names)]

            def saved(path: Path = path) -> Any:
                index.save(path)
                opened = Index.open(path, verify=True)
                most = GROUP * max(len(state) for state in script.states)
                found = opened.search(SPOT, most, recall=1, max_distance=0.5)[0][0]
                assert groups(found) == groups(opened.ids())
                return found

            last = script.check(saved, last)
            saves.release()

    def between() -> None:
        if script.over % 10 == 0:  # so that saves are spread over the script
            assert saves.acquire(timeout=10), "nothing was saved"

    with threads(saving):
        script.run(index, between)
    index.save(tmp_path / names[0])
    assert groups(Index.open(tmp_path / names[0], verify=True).ids()) == script.states[-1]


def test_what_is_opened_while_another_saves_is_a_committed_state(tmp_path: Path) -> None:
    """A version that vanishes while it is opened has given way to a newer one: that is no damage."""
    index, script = built(), Script.of(40)
    index.save(tmp_path / "index")
    opened = threading.Semaphore(0)

    def opening(done: threading.Event) -> None:
        while not done.is_set():
            seen = groups(Index.open(tmp_path / "index", verify=True).ids())
            assert seen in script.states
            opened.release()

    def between() -> None:
        index.save(tmp_path / "index")
        if script.over % 10 == 0:
            assert opened.acquire(timeout=10), "nothing was opened"

    with threads(opening, opening):
        script.run(index, between)


def test_two_who_save_to_one_path_leave_a_whole_index(tmp_path: Path) -> None:
    index, script = built(), Script.of(20)

    def saving(done: threading.Event) -> None:
        while not done.is_set():
            index.save(tmp_path / "index")

    with threads(saving, saving):
        script.run(index)
    index.save(tmp_path / "index")
    assert groups(Index.open(tmp_path / "index", verify=True).ids()) == script.states[-1]


def test_of_many_who_save_to_one_path_each_saves_a_whole_index(tmp_path: Path) -> None:
    """Two indexes, each in a thread of its own, share nothing but the path; whoever opens it sees one of them."""
    path, start = tmp_path / "index", threading.Barrier(3)
    built().save(path)

    def saving(group: int) -> Callable[[threading.Event], None]:
        def save(_: threading.Event) -> None:
            index = built()
            start.wait(timeout=30)
            for number in range(15):
                index.add(members(group + 2 * number), np.tile(SPOT, (GROUP, 1)))
                index.save(path)

        return save

    with threads(saving(0), saving(1)):
        start.wait(timeout=30)
        for _ in range(30):
            seen = groups(Index.open(path, verify=True).ids())
            assert len({group % 2 for group in seen}) <= 1, seen
    assert len(groups(Index.open(path, verify=True).ids())) == 15
    assert not list(path.glob("*.new"))


SAVER = """
import sys
import numpy as np
from lookalike import Index
path, rows = sys.argv[1], int(sys.argv[2])
index = Index.build(np.full((rows, 4), rows, dtype=np.float32), scan_below=1000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(30):
    if number % 3:
        index.save(path)
    else:
        index = Index.build(np.full((rows, 4), rows, dtype=np.float32), scan_below=1000, path=path)
"""


def test_of_two_processes_that_save_to_one_path_each_saves_a_whole_index(tmp_path: Path) -> None:
    path = tmp_path / "index"
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path), str(rows)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rows in (3, 5)
    ]
    try:
        for saver in savers:
            assert saver.stdout is not None
            assert saver.stdout.readline() == "ready\n"
        for saver in savers:
            assert saver.stdin is not None
            saver.stdin.write("\n")
            saver.stdin.flush()
        opened = 0
        while any(saver.poll() is None for saver in savers):
            if (path / "manifest.json").exists():
                index = Index.open(path, verify=True)
                assert (index.vectors(index.ids()) == len(index)).all()
                opened += 1
        assert opened > 3
        for saver in savers:
            _, errors = saver.communicate(timeout=60)
            assert saver.returncode == 0, errors
    finally:
        for saver in savers:
            saver.kill()
            saver.communicate()
    assert len(Index.open(path, verify=True)) in (3, 5)
