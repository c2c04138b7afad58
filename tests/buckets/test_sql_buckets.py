"""What the bucket stores in SQL databases share: generations, changes, compaction, and who dies amid a write."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.buckets.bucket_store_model import answers, asked, expected, filled, header, keys, numbers
from tests.services.postgres import Kind, PostgresServer

from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.buckets.sql import store as sql_store

WRITES = """
import os, signal, sys
import numpy as np
from lookalike.buckets import Header, open_bucket_store
from lookalike.buckets.sql import {module}_writer as driver

written, buckets_of = 0, driver.buckets_of

def dying(table, dtype):
    global written
    for bucket in buckets_of(table, dtype):
        written += 1
        if written == 150:
            os.kill(os.getpid(), signal.SIGKILL)
        yield bucket

driver.buckets_of = dying
store, ids = open_bucket_store(sys.argv[1], "n"), np.arange(100)
keys = np.stack([ids, ids], axis=1).astype(np.uint64)
"""
DIES = {
    "fill": "store.fill(Header(9, ('t', 'u'), {}), [(ids, keys)])",
    "apply": "store.apply(ids[:50], ids, keys, seen=1, stamp=9)",
}
CHANGES = """
import sys
import numpy as np
from lookalike.buckets import open_bucket_store

url, first = sys.argv[1], int(sys.argv[2])
with open_bucket_store(url, "n", timeout=30) as store:
    for number in range(first, first + 15):
        stamp = store.header().stamp
        ids, keys = np.array([number]), np.array([[5]], dtype=np.uint64)
        while not store.apply(ids - 1, ids, keys, seen=stamp, stamp=1000 + number):
            stamp = store.header().stamp
"""


@pytest.fixture(params=["sqlite", "package"])
def url(
    request: pytest.FixtureRequest,
    postgres_servers: Callable[[Kind], PostgresServer],
    tmp_path: Path,
) -> str:
    """Return the URL of a store that is empty, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/buckets.sqlite"
    return postgres_servers(request.param).new_database()


@pytest.fixture
def store(url: str) -> Iterator[BucketStore]:
    with open_bucket_store(url, "n") as store:
        yield store


@pytest.fixture
def compacting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have buckets written anew as soon as three entries of few ids are dead."""
    monkeypatch.setattr(sql_store, "COMPACTED_AT", 2)


def program(text: str, url: str, *arguments: str) -> subprocess.Popen[bytes]:
    module = "sqlite" if url.startswith("sqlite") else "postgresql"
    return subprocess.Popen([sys.executable, "-c", text.replace("{module}", module), url, *arguments])


@pytest.mark.parametrize("death", DIES)
def test_a_writer_that_is_killed_amid_writing_leaves_what_was(
    store: BucketStore, url: str, death: str
) -> None:
    model = {number: [number, number] for number in range(20)}
    filled(store, model, 2)
    assert program(WRITES + DIES[death], url).wait() == -signal.SIGKILL
    probes = np.arange(100, dtype=np.uint64).reshape(5, 1, 20).repeat(2, axis=1)
    assert (store.header(), answers(store, probes)) == (header(2), expected(model, probes, 99, None))
    assert store.apply(numbers([3]), numbers(), keys([], 2), seen=1, stamp=2)


def test_two_processes_that_write_lose_nothing(store: BucketStore, url: str) -> None:
    filled(store, {})
    writers = [program(CHANGES, url, str(first)) for first in (100, 200)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert answers(store, asked(5)) == [({114: 1, 214: 1}, 2)]
    assert store.ids().tolist() == [114, 214]


def test_readers_see_no_error_while_stores_are_filled_anew(store: BucketStore, url: str) -> None:
    filled(store, {1: [5], 2: [6]})
    seen: set[tuple[int, ...]] = set()
    done = threading.Event()

    def read() -> None:
        with open_bucket_store(url, "n") as reader:
            while not done.is_set():
                seen.add(tuple(reader.candidates(asked(5), limit=9).ids.tolist()))
                seen.add(tuple(reader.ids().tolist()[:1]))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(25):
        filled(store, {1: [5], 2 + number: [6]})
    done.set()
    for reader in readers:
        reader.join()
    assert seen == {(1,)}


def test_an_id_that_moves_again_and_again_is_in_its_last_bucket(store: BucketStore) -> None:
    filled(store, {1: [0], 2: [0]})
    for stamp in range(1, 6):
        assert store.apply(numbers([2]), numbers([1]), keys([[stamp % 2]]), seen=stamp, stamp=stamp + 1)
    assert answers(store, asked(0)) == [({}, 0)]
    assert answers(store, asked(1)) == [({1: 1}, 1)]


def test_a_handle_that_was_idle_learns_of_all_changes(store: BucketStore, url: str) -> None:
    filled(store, {number: [5] for number in range(50)})
    with open_bucket_store(url, "n") as idle:
        assert len(answers(idle, asked(5))[0][0]) == 50
        for stamp in range(1, 40):
            store.apply(numbers([stamp]), numbers([stamp - 1]), keys([[6]]), seen=stamp, stamp=stamp + 1)
        assert answers(idle, asked(5, 6)) == answers(store, asked(5, 6))
        assert idle.ids().tolist() == [*range(39), *range(40, 50)]


@pytest.mark.usefixtures("compacting")
def test_compaction_changes_no_answer(store: BucketStore, url: str) -> None:
    random = np.random.default_rng(3)
    model = dict(enumerate(random.integers(0, 9, (60, 2)).tolist()))
    filled(store, model, 2)
    queries = random.integers(0, 9, (6, 2, 3)).astype(np.uint64)
    with open_bucket_store(url, "n") as other:
        for stamp in range(1, 12):
            removed = random.integers(0, 60, 8)
            put = np.unique(random.integers(0, 60, 5))
            rows = random.integers(0, 9, (len(put), 2)).tolist()
            assert store.apply(removed, put, keys(rows, 2), seen=stamp, stamp=stamp + 1)
            model = {number: own for number, own in model.items() if number not in removed}
            model |= dict(zip(put.tolist(), rows, strict=True))
            assert answers(other, queries) == expected(model, queries, 99, None)
            assert store.ids().tolist() == sorted(model)


@pytest.mark.usefixtures("compacting")
def test_compaction_gives_back_room(store: BucketStore) -> None:
    ids = np.arange(20_000)
    store.fill(header(), [(ids, (ids % 7).astype(np.uint64)[:, np.newaxis])])
    before = store.stats().bytes
    assert store.apply(ids[:-100], numbers(), keys([]), seen=1, stamp=2)
    assert store.apply(numbers(), numbers([30_000]), keys([[5]]), seen=2, stamp=3)
    assert store.stats().bytes < before / 5


def test_ids_of_more_than_32_bits_are_added_to_those_of_less(store: BucketStore) -> None:
    filled(store, {1: [5], 2: [5]})
    store.apply(numbers([1]), numbers([1]), keys([[5]]), seen=1, stamp=2)
    store.apply(numbers(), numbers([2**31 - 1, 2**31, 2**63 - 1]), keys([[5]] * 3), seen=2, stamp=3)
    assert answers(store, asked(5)) == [({1: 1, 2: 1, 2**31 - 1: 1, 2**31: 1, 2**63 - 1: 1}, 5)]


def test_stamps_are_any_64_bits(store: BucketStore) -> None:
    filled(store, {1: [5]}, stamp=2**64 - 1)
    assert store.apply(numbers(), numbers(), keys([]), seen=2**64 - 1, stamp=2**63)
    assert store.header() == header(stamp=2**63)
    assert store.candidates(asked(5), limit=1).stamp == 2**63


def test_a_header_keeps_what_databases_own_json_would_change(store: BucketStore) -> None:
    given = header(text="\0 \ud800", large=1e16, small=-0.0, order={"b": 1, "a": 2})
    store.fill(given, [])
    kept = store.header()
    assert kept == given
    assert repr(kept) == repr(given)  # -0.0, and the order of keys


def test_numbers_of_numpy_are_kept_as_numbers(store: BucketStore) -> None:
    filled(store, {1: [5]}, stamp=1)
    assert store.apply(numbers(), numbers([2]), keys([[5]]), seen=np.int64(1), stamp=np.int64(7))  # type: ignore[arg-type]
    assert store.header() == header(stamp=7)


def test_a_dropped_namespace_that_is_filled_again_is_not_taken_for_the_old_one(
    store: BucketStore, url: str
) -> None:
    filled(store, {1: [5]})
    store.apply(numbers([1]), numbers([2]), keys([[5]]), seen=1, stamp=2)
    assert answers(store, asked(5)) == [({2: 1}, 1)]
    with open_bucket_store(url, "n") as other:
        other.drop()
        filled(other, {1: [5]})
        other.apply(numbers([1]), numbers([3]), keys([[5]]), seen=1, stamp=2)
    assert answers(store, asked(5)) == [({3: 1}, 1)]


def test_a_forked_process_asks_by_connections_of_its_own(store: BucketStore) -> None:
    filled(store, {1: [5]})
    answers(store, asked(5))
    child = multiprocessing.get_context("fork").Process(target=_ask, args=(store,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert answers(store, asked(5)) == [({1: 1}, 1)]


def _ask(store: BucketStore) -> None:
    assert answers(store, asked(5)) == [({1: 1}, 1)]
    store.close()
