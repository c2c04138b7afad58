"""Features that come and go at once: no change of an index's header is lost, and no lock stays for ever."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from tests.engine.museum import IDS, scheme, vectors
from tests.engine.test_engine_lost_answers import at_once

from lookalike.engine import EngineIndex, header_lock, rebuilding
from lookalike.engine.client import Engine, path_of
from lookalike.engine.families import INDEX
from lookalike.engine.header import find_index
from lookalike.engine.header_lock import locked_header
from lookalike.errors import EngineError, EngineUnavailableError

META = {"of": "the user"}


@pytest.fixture
def own(engine: Engine, index_name: str) -> str:
    """An index of a user's own."""
    engine.call("PUT", path_of(index_name), {"mappings": {"_meta": META}})
    return index_name


def lock(index: str) -> str:
    return path_of(INDEX, "_doc", f"lock-{index}")


def features(engine: Engine, index: str) -> set[str]:
    found = find_index(engine, index)
    assert found.meta["of"] == META["of"]
    return set() if found.header is None else set(found.header.features)


def test_features_that_are_attached_and_dropped_at_once_are_all_there_and_gone(
    engine: Engine, own: str
) -> None:
    for i in range(3):
        EngineIndex.attach(engine, own, scheme=scheme(), feature=f"old-{i}")

    def change(i: int) -> Any:
        if i < 3:
            return EngineIndex.open(engine, own, feature=f"old-{i}").drop()
        return EngineIndex.attach(engine, own, scheme=scheme(), feature=f"new-{i}")

    assert not [one for one in at_once(change, 8) if isinstance(one, EngineError)]
    assert features(engine, own) == {f"new-{i}" for i in range(3, 8)}
    index = EngineIndex.open(engine, own, feature="new-7")
    index.add(IDS[:3], vectors()[:3], [{}] * 3)
    assert len(index.search(vectors()[0])) == 3


def test_of_those_who_attach_the_same_feature_at_once_one_does(engine: Engine, own: str) -> None:
    made = at_once(lambda _: EngineIndex.attach(engine, own, scheme=scheme()), 3)
    assert sum("it has a feature 'vector'" in str(one) for one in made) == 2


def test_a_change_leaves_no_lock(engine: Engine, own: str) -> None:
    EngineIndex.attach(engine, own, scheme=scheme())
    with pytest.raises(EngineError) as refused:
        engine.call("GET", lock(own))
    assert refused.value.status == 404


def test_the_lock_of_a_process_that_was_killed_is_taken_over(
    engine: Engine, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_lock, "LEASE", 1.5)
    engine.call("PUT", lock(own), {"owner": "who was killed"})
    start = time.monotonic()
    made = at_once(lambda i: EngineIndex.attach(engine, own, scheme=scheme(), feature=f"f{i}"), 3)
    assert not [one for one in made if isinstance(one, EngineError)]
    assert time.monotonic() - start > 1.5
    assert features(engine, own) == {"f0", "f1", "f2"}


def test_a_lock_that_others_hold_is_waited_for_and_not_taken(engine: Engine, own: str) -> None:
    taken = threading.Event()

    def hold(_: int) -> None:
        with locked_header(engine, own):
            taken.set()
            time.sleep(1)
            assert features(engine, own) == set()

    holder = threading.Thread(target=hold, args=(0,))
    holder.start()
    taken.wait()
    EngineIndex.attach(engine, own, scheme=scheme())
    holder.join()
    assert features(engine, own) == {"vector"}


def test_who_finds_a_lock_taken_again_and_again_is_told(
    engine: Engine, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_lock, "LEASE", 0.6)
    monkeypatch.setattr(header_lock, "PATIENCE", 2)
    stop = threading.Event()

    def keep_changing() -> None:
        i = 0
        while not stop.wait(0.05):
            i += 1
            engine.call("PUT", lock(own), {"owner": str(i)})

    other = threading.Thread(target=keep_changing)
    other.start()
    try:
        time.sleep(0.3)
        with pytest.raises(EngineUnavailableError, match="others keep changing its features"):
            EngineIndex.attach(engine, own, scheme=scheme())
    finally:
        stop.set()
        other.join()
    assert features(engine, own) == set()


def test_who_was_held_up_longer_than_the_lock_is_his_changes_nothing(
    engine: Engine, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_lock, "LEASE", 0.2)
    with locked_header(engine, own) as check:
        time.sleep(0.3)
        with pytest.raises(EngineUnavailableError, match="too slowly"):
            check()


def test_a_feature_that_is_attached_while_the_index_is_rebuilt_is_not_lost(
    engine: Engine, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = EngineIndex.create(engine, index_name, scheme=scheme())
    index.add(IDS[:20], vectors()[:20])
    copy = rebuilding._copy

    def copied(*options: Any) -> None:
        copy(*options)
        EngineIndex.attach(engine, index_name, scheme=scheme(), feature="late")

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "_copy", copied)
        with pytest.raises(EngineError, match="it was written meanwhile; it stays as it was"):
            index.rebuild(scheme=scheme())
    index.rebuild(scheme=scheme())
    assert len(EngineIndex.open(engine, index_name, feature="late")) == 0
    assert len(EngineIndex.open(engine, index_name)) == 20
