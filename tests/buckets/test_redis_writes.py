"""Changes of buckets in Redis that are cut short, sent twice or come at once, and rewriting that shrinks them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.buckets.bucket_store_model import answers, asked, expected, filled, header, keys, numbers
from tests.buckets.redis_writer import BUCKETS, TABLES, after
from tests.services.redis import RedisServer, running

from lookalike.buckets import BucketStore, MemoryBuckets, open_bucket_store
from lookalike.buckets.redis import RedisBuckets, state
from lookalike.buckets.redis.server import Reading, Server
from lookalike.buckets.redis.state import State
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError

KILLS = 3
"""Of the writer, and as many of the server; more take longer and find more."""
WRITER = Path(__file__).with_name("redis_writer.py")
EVERYTHING = np.tile(np.arange(BUCKETS, dtype=np.uint64), (1, TABLES, 1))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server for this module."""
    with running() as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[BucketStore]:
    """A store of one id."""
    with open_bucket_store(server.url(), str(uuid.uuid4()), timeout=2) as store:
        yield filled(store, {1: [5]})
        store.drop()


def written(url: str, namespace: str) -> subprocess.Popen[str]:
    """Start a writer."""
    command = [sys.executable, str(WRITER), url, namespace]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def killed(writer: subprocess.Popen[str]) -> int:
    """Kill a writer, and return the last stamp that it acknowledged."""
    writer.kill()
    lines = writer.communicate()[0].splitlines()
    return int(lines[-1]) if lines else 0


def is_whole(store: BucketStore, acknowledged: int) -> bool:
    """Whether the store is in one state, which holds all that was acknowledged."""
    told = store.header()
    assert told is not None and told.stamp >= acknowledged
    model = after(told.stamp)
    each = [EVERYTHING, *(EVERYTHING[:, :, i : i + 1] for i in range(BUCKETS))]
    return store.ids().tolist() == sorted(model) and all(
        answers(store, queries) == expected(model, queries, 99, None) for queries in each
    )


def test_kills_of_the_writer_lose_nothing_acknowledged(server: RedisServer) -> None:
    name, random = str(uuid.uuid4()), np.random.default_rng(0)
    with open_bucket_store(server.url(), name) as store:
        filled(store, {}, TABLES, stamp=0)
        for _ in range(KILLS):
            with written(server.url(), name) as writer:
                assert writer.stdout is not None and writer.stdout.readline()
                time.sleep(random.uniform(0, 0.3))
                acknowledged = killed(writer)
            assert is_whole(store, acknowledged)
        store.drop()


def test_kills_of_the_server_lose_nothing_acknowledged(own_redis: RedisServer) -> None:
    random = np.random.default_rng(1)
    with open_bucket_store(own_redis.url(), "n") as store:
        filled(store, {}, TABLES, stamp=0)
        with written(own_redis.url(), "n") as writer:
            assert writer.stdout is not None and writer.stdout.readline()
            for _ in range(KILLS):
                time.sleep(random.uniform(0, 0.3))
                own_redis.halt()
                own_redis.start()
            acknowledged = killed(writer)
        assert is_whole(store, acknowledged)


def test_a_writer_that_is_killed_before_it_commits_has_done_nothing(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(State, "commit", dies)
        store.apply(numbers([1]), numbers([2, 3]), keys([[5], [6]]), seen=1, stamp=2)
    assert (answers(store, asked(5, 6)), store.header()) == ([({1: 1}, 1)], header())
    assert store.apply(numbers(), numbers([4, 7]), keys([[5], [5]]), seen=1, stamp=2)
    assert (answers(store, asked(5, 6)), store.stats().ids) == ([({1: 1, 4: 1, 7: 1}, 3)], 3)


def test_a_commit_that_is_done_late_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = State.commit
    with running() as server, open_bucket_store(server.url(), "n", timeout=0.2) as store:
        filled(store, {1: [5]})

        def late(*arguments: Any) -> bool:
            server.pause()
            return commit(*arguments)

        with monkeypatch.context() as patched, pytest.raises(BucketStoreUnavailableError):
            patched.setattr(State, "commit", late)
            store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
        server.resume()
        while store.header() != header(stamp=2):
            time.sleep(0.01)
        assert not store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
        assert (answers(store, asked(5)), store.ids().tolist()) == ([({1: 1, 2: 1}, 2)], [1, 2])


def test_a_commit_whose_reply_is_lost_is_known_to_be_done(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = State.commit

    def twice(*arguments: Any) -> bool:
        return commit(*arguments) and commit(*arguments)

    monkeypatch.setattr(State, "commit", twice)
    assert store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
    assert answers(store, asked(5)) == [({1: 1, 2: 1}, 2)]


def test_entries_that_are_appended_twice_count_once(server: RedisServer, store: BucketStore) -> None:
    store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
    client = server.client()
    for key in client.scan_iter("lookalike:*:0:5"):
        client.append(key, client.get(key))
    assert answers(store, asked(5)) == [({1: 1, 2: 1}, 2)]
    assert (store.ids().tolist(), store.stats().largest_bucket) == ([1, 2], 2)


def test_numbers_of_numpy_are_taken(store: BucketStore) -> None:
    assert store.apply(numbers(), numbers([2]), keys([[5]]), seen=np.int64(1), stamp=np.int64(2))  # type: ignore[arg-type]
    assert store.candidates(asked(5), limit=np.int64(9)).stamp == 2  # type: ignore[arg-type]


def test_readers_see_all_of_one_fill_or_of_the_next(store: BucketStore, server: RedisServer) -> None:
    counts, done = set[int](), threading.Event()

    def read() -> None:
        while not done.is_set():
            counts.add(len(store.candidates(asked(*range(40)), limit=999).ids))

    filled(store, {number: [number % 40] for number in range(200)})
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        filled(store, {number: [number % 40] for number in range(200)})
    done.set()
    reader.join()
    assert counts == {200}


def test_buckets_that_are_replaced_while_they_are_read_are_read_anew(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, calls = Server.read, []

    def overtaken(self: Server, *asked_for: Any) -> Reading:
        calls.append(1)
        before = read(self, *asked_for)
        if len(calls) > 1:
            return before
        filled(store, {2: [5], 3: [5]}, stamp=4)
        after = read(self, *asked_for)
        return replace(before, contents=after.contents, generation_after=after.generation_after)

    with monkeypatch.context() as patched:
        patched.setattr(Server, "read", overtaken)
        assert answers(store, asked(5)) == [({2: 1, 3: 1}, 2)]


def test_of_two_fills_at_once_the_later_stays(store: BucketStore) -> None:
    def batches() -> Iterator[Any]:
        yield numbers([2]), keys([[5]])
        filled(store, {3: [5]}, stamp=4)

    with pytest.raises(BucketStoreError, match="another process has begun to fill"):
        store.fill(header(stamp=2), batches())
    assert (answers(store, asked(5)), store.header()) == ([({3: 1}, 1)], header(stamp=4))


def test_a_change_of_buckets_that_are_replaced_meanwhile_leaves_nothing(
    server: RedisServer, store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_of = State.numbers

    def late(*arguments: Any) -> int:
        filled(store, {3: [5]}, stamp=4)
        return numbers_of(*arguments)

    client = server.client()
    with monkeypatch.context() as patched:
        patched.setattr(State, "numbers", late)
        before = client.dbsize()
        assert not store.apply(numbers(), numbers([2]), keys([[5]]), seen=1, stamp=2)
    assert (client.dbsize(), answers(store, asked(5))) == (before, [({3: 1}, 1)])


def test_what_a_killed_fill_has_left_goes_with_the_next(server: RedisServer) -> None:
    client, name = server.client(), str(uuid.uuid4())
    with open_bucket_store(server.url(), name) as store:
        filled(store, {1: [5]})
        before = client.dbsize()

        def batches() -> Iterator[Any]:
            ids = np.arange(200_000)
            yield ids, np.tile(ids.astype(np.uint64) % 999, (22, 1)).T
            os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if not child:
            with open_bucket_store(server.url(), name) as own:
                own.fill(header(22), batches())
        os.waitpid(child, 0)
        assert client.dbsize() > before + 999
        filled(store, {1: [5]}, stamp=2)
        assert client.dbsize() == before
        store.drop()


def test_buckets_shrink_when_much_was_removed(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, random = np.arange(3000), np.random.default_rng(0)
    own = random.integers(0, 50, (len(ids), 4)).astype(np.uint64)
    queries = random.integers(0, 50, (20, 4, 2)).astype(np.uint64)
    with open_bucket_store(server.url(), str(uuid.uuid4())) as store, MemoryBuckets() as plain:
        for each in (store, plain):
            each.fill(header(4), [(ids, own)])
        before = store.stats().bytes
        monkeypatch.setattr(state, "FEW_CHANGES", 100)
        for stamp in range(1, 9):
            gone, moved = (
                numbers(range(300 * stamp - 300, 300 * stamp)),
                numbers([stamp * 350, 2**40 + stamp]),
            )
            for each in (store, plain):
                assert each.apply(gone, moved, own[:2], seen=stamp, stamp=stamp + 1)
        assert answers(store, queries, 999) == answers(plain, queries, 999)
        assert np.array_equal(store.ids(), plain.ids())
        assert store.stats().bytes < 0.5 * before
        store.drop()
    assert server.client().keys() == []


def test_rewriting_that_fails_is_told_and_tried_again_later(
    store: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fails(*_: Any, **__: Any) -> bool:
        tried.append(1)
        raise BucketStoreError("no memory")

    monkeypatch.setattr(state, "FEW_CHANGES", 2)
    with monkeypatch.context() as patched:
        patched.setattr(State, "swap", fails)
        assert store.apply(numbers([1, 2, 3]), numbers([4]), keys([[5]]), seen=1, stamp=2)
        assert store.apply(numbers([9]), numbers(), keys([]), seen=2, stamp=3)
    assert len(tried) == 1
    assert "5 ids were changed since the buckets were last rewritten" in store.stats().notes[0]
    assert store.apply(numbers([6, 7, 8]), numbers(), keys([]), seen=3, stamp=4)
    assert (store.stats().notes, answers(store, asked(5))) == ((), [({4: 1}, 1)])


def test_a_hot_bucket_is_capped_as_in_memory(store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.buckets.gather.LARGEST_BUCKET", 3)
    filled(store, {number: [5] for number in (9, 2, 7, 4)})
    store.apply(numbers([2]), numbers([3, 1]), keys([[5], [5]]), seen=1, stamp=2)
    assert answers(store, asked(5)) == [({1: 1, 3: 1, 4: 1}, 3)]
    assert "1 of 1 buckets have more than 3 ids" in store.stats().notes[0]


def test_a_client_of_ones_own_stays_open_and_keeps_its_keys(server: RedisServer) -> None:
    client = server.client()
    client.set("mine", 1)
    with RedisBuckets(client, "n") as store:
        filled(store, {1: [5]})
        store.drop()
    assert (client.get("mine"), client.delete("mine"), client.dbsize()) == (b"1", 1, 0)
