"""`update` is one step for all who look on, and the index's life around it: published, closed, never pickled."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted import BACKGROUND, DIMENSION, GROUP, SPOT, built, groups, members, threads  # type: ignore[import-not-found]

from lookalike import Index
from lookalike.errors import InputError, LookalikeError, VectorError
from lookalike.index import compaction

STEPS = 60


def test_a_view_never_has_rows_and_stamp_of_two_states() -> None:
    """At stamp n the index holds group n, and no other."""
    index, looked = built(), 0

    def looking(done: threading.Event) -> None:
        nonlocal looked
        last = 0
        while not done.is_set():
            view = index.view()
            stamp = view.stamp
            assert stamp >= last
            held = frozenset({stamp} if stamp else ())
            ids, _ = view.search(SPOT, 2 * GROUP, recall=1, max_distance=0.5)
            assert groups(ids[0]) == held
            assert len(view) == BACKGROUND + GROUP * len(held)
            assert view.contains(members(stamp)).all() == bool(stamp)
            assert np.isnan(view.distances(SPOT, members(stamp))).any() != bool(stamp)
            assert view.stats().stamp == view.stamp == stamp
            last, looked = stamp, looked + 1

    with threads(looking, looking):
        for step in range(1, STEPS):
            index.update(members(step - 1), members(step), np.tile(SPOT, (GROUP, 1)), stamp=step)
    assert looked > 10


def test_readers_do_not_wait_for_rows_to_be_folded_in(monkeypatch: pytest.MonkeyPatch) -> None:
    index = built()
    amid, seen = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        amid.set()
        assert seen.wait(30), "a search waits for the writer"
        return compaction.folded(*arguments)

    monkeypatch.setattr("lookalike.index.index.folded", slow)

    def write(_: threading.Event) -> None:
        index.update([], 1000 + np.arange(100), np.tile(SPOT, (100, 1)), stamp=1)

    def read(_: threading.Event) -> None:
        assert amid.wait(30)
        assert index.search(SPOT, 1)[0][0, 0] < BACKGROUND
        assert index.stamp == 0
        seen.set()

    with threads(write, read):
        pass
    assert index.stamp == 1


def test_an_id_that_is_removed_and_given_is_replaced() -> None:
    index = built()
    index.update([3, 4, 999], [3], [SPOT], stamp=7)
    assert len(index) == BACKGROUND - 1
    assert index.search(SPOT, 1)[0].tolist() == [[3]]
    assert index.contains([3, 4, 999]).tolist() == [True, False, False]


def test_what_is_refused_changes_nothing() -> None:
    index = built()
    with pytest.raises(VectorError):
        index.update([1], [2000], np.zeros((1, DIMENSION + 1)), stamp=7)
    assert index.contains([1, 2000]).tolist() == [True, False]
    assert index.stamp == 0


def test_publish_saves_where_the_index_was_opened(tmp_path: Path) -> None:
    built().save(tmp_path / "index")
    index = Index.open(tmp_path / "index")
    index.update([1], [], np.empty((0, DIMENSION)), stamp=9)
    assert Index.open(tmp_path / "index").stamp == 0
    index.publish()
    again = Index.open(tmp_path / "index")
    assert (again.stamp, len(again)) == (9, BACKGROUND - 1)


def test_an_index_of_no_directory_cannot_be_published() -> None:
    with pytest.raises(InputError, match="save"):
        built().publish()


def test_a_closed_index_stays_closed(tmp_path: Path) -> None:
    index = built()
    index.save(tmp_path / "index")
    view = index.view()
    index.close()
    index.close()
    calls = [
        lambda: index.search(SPOT, 1),
        lambda: index.add([9999], [SPOT]),
        lambda: index.update([], [9999], [SPOT], stamp=1),
        lambda: index.save(tmp_path / "index"),
        lambda: index.explain(SPOT, 0),
        lambda: index.tune(),
        lambda: len(index),
        lambda: index.view().stamp,
        index.publish,
        index.stats,
        index.ids,
    ]
    for call in calls:
        with pytest.raises(InputError, match="closed"):
            call()
    assert len(view) == BACKGROUND, "views live on"


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_index_is_not_pickled_or_copied(take: Any) -> None:
    with pytest.raises(LookalikeError, match=r"save\(path\)"):
        take(built())
