"""Threads and processes save to one path, and open it: each saves, and sees, a whole committed state."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import (  # type: ignore[import-not-found]
    GROUP,
    SPOT,
    Script,
    built,
    groups,
    members,
    threads,
)

from lookalike import Index


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
