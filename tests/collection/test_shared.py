"""One open collection, many threads, other processes that write: every answer is of one state."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import Collection, SourceQuery
from lookalike.errors import CollectionError, CollectionLockedError, InputError, LookalikeError

DIMENSION = 8
VECTORS = np.random.default_rng(0).normal(size=(4000, DIMENSION)).astype(np.float32)
SECONDS = 4.0


@pytest.fixture(autouse=True)
def threads_meet_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


class Threads:
    """Runs functions again and again in threads for a while; keeps what they raise."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.rounds: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._end = time.monotonic() + SECONDS

    def repeat(self, function: Callable[[int], None], count: int = 1) -> None:
        def run() -> None:
            turn = 0
            while time.monotonic() < self._end and not self.errors:
                try:
                    function(turn)
                except BaseException as error:
                    self.errors.append(error)
                self.rounds[function.__name__] += 1
                turn += 1

        self._threads += [threading.Thread(target=run) for _ in range(count)]

    def finish(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        assert self.errors == []
        assert all(self.rounds.values())


def test_threads_search_while_one_adds_and_removes(tmp_path: Path) -> None:
    threads = Threads()
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS[:500], ids=[str(number) for number in range(500)])

        def add(turn: int) -> None:
            first = 500 + 20 * turn
            rows = VECTORS[first : first + 20]
            if len(rows):
                collection.add_vectors(rows, ids=[str(first + row) for row in range(len(rows))])
            if turn % 3 == 0 and turn:
                collection.remove([str(500 + 20 * turn - 20)])

        def search(turn: int) -> None:
            number = (7 * turn) % 500
            assert collection.search(VECTORS[number], k=1)[0].id == str(number)

        def search_many(turn: int) -> None:
            assert [hits[0].id for hits in collection.search_many(VECTORS[:30], k=1)] == [
                str(n) for n in range(30)
            ]

        threads.repeat(add)
        threads.repeat(search, 3)
        threads.repeat(search_many)
        threads.finish()
        assert list(collection.verify()) == []


WRITER = """
import sys, time
import numpy as np
from lookalike import Collection
from lookalike.errors import CollectionLockedError

end = time.monotonic() + float(sys.argv[2])
version = 0
with Collection.open(sys.argv[1]) as collection:
    while time.monotonic() < end:
        version += 1
        vectors = np.full((40, 8), float(version), dtype=np.float32)
        try:
            collection.add_vectors(vectors, ids=[f"v{row}" for row in range(40)], feature="a", on_duplicate="replace",
                                   metadata=[{"version": version}] * 40)
        except CollectionLockedError:
            pass
"""


def test_no_answer_mixes_states(tmp_path: Path) -> None:
    """Two processes replace all vectors and their metadata in one transaction; both must be of one version."""
    folder = tmp_path / "c"
    with Collection.create(folder) as collection:
        vectors = np.zeros((40, DIMENSION), dtype=np.float32)
        collection.add_vectors(
            vectors, ids=[f"v{row}" for row in range(40)], feature="a", metadata=[{"version": 0}] * 40
        )
        threads = Threads()
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(folder), str(SECONDS)], stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]

        def search(turn: int) -> None:
            hits = collection.search(np.zeros(DIMENSION, dtype=np.float32), k=40)
            versions = {hit.metadata["version"] for hit in hits}
            assert len(hits) == 40
            assert len(versions) == 1, versions
            assert hits[0].distance == pytest.approx(versions.pop() * DIMENSION**0.5, rel=1e-5)

        def search_by_id(turn: int) -> None:
            hits = collection.search(SourceQuery(f"v{turn % 40}"), k=40)
            assert {hit.distance for hit in hits} == {0.0}

        threads.repeat(search, 2)
        threads.repeat(search_by_id, 2)
        threads.finish()
        for writer in writers:
            _, told = writer.communicate(timeout=60)
            assert writer.returncode == 0, told.decode()


def test_the_second_writer_is_told_that_there_is_another(tmp_path: Path) -> None:
    with (
        Collection.create(tmp_path / "c") as collection,
        Collection.open(tmp_path / "c") as other,
        collection._backend.writing("add"),
        pytest.raises(CollectionLockedError, match="lookalike add"),
    ):
        other.add_vectors(VECTORS[:3])


def test_what_was_stored_is_reported_though_its_index_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(tmp_path / "c") as collection:

        def full(*_arguments: Any, **_options: Any) -> None:
            raise CollectionError("the disk is full")

        monkeypatch.setattr(type(collection._backend.indexes), "build", full)
        assert collection.add_vectors(VECTORS[:5], ids=list("abcde")).added == 5
        assert collection.search(VECTORS[2], k=1)[0].id == "c", "a search builds an index for itself"


@pytest.mark.parametrize(
    "call",
    [
        lambda collection: collection.search(VECTORS[0]),
        lambda collection: collection.search_many(VECTORS[:2]),
        lambda collection: collection.search("a"),
        lambda collection: collection.search(text="a"),
        lambda collection: collection.explain(VECTORS[0], "a"),
        lambda collection: collection.info(),
        lambda collection: list(collection.list()),
        lambda collection: list(collection.verify()),
        lambda collection: len(collection),
        lambda collection: collection.unmet({"a": 1}),
        lambda collection: collection.add_vectors(VECTORS[:2]),
        lambda collection: collection.remove("a"),
        lambda collection: collection.remove_feature("vectors"),
        lambda collection: collection.rebuild(),
        lambda collection: collection.set_index("vectors"),
        lambda collection: collection.add([]),
    ],
)
def test_a_closed_collection_stays_closed(tmp_path: Path, call: Callable[[Collection], Any]) -> None:
    with Collection.create(tmp_path / "c") as collection:
        collection.add_vectors(VECTORS[:5], ids=list("abcde"), metadata=[{"title": "a"}] * 5)
    collection.close()
    with pytest.raises(CollectionError, match="is closed; open it again"):
        call(collection)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_open_collection_is_not_copied(tmp_path: Path, copied: Callable[[Any], Any]) -> None:
    with Collection.create(tmp_path / "c") as collection, pytest.raises(InputError, match="open it where"):
        copied(collection)


@pytest.mark.parametrize("folder", [None, 3, "", "a\0b", b"bytes", ["a"]])
@pytest.mark.parametrize("opened", [Collection.open, Collection.create, Collection.open_or_create])
def test_a_folder_that_is_no_path_is_refused(opened: Callable[[Any], Any], folder: Any) -> None:
    with pytest.raises(LookalikeError, match="folder"):
        opened(folder)
