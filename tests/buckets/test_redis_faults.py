"""The bucket store in Redis where the server is lost, stale, slow, full, or not what it should be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import redis
from tests.buckets.bucket_store_model import answers, asked, filled, header, keys, numbers
from tests.services.redis import DURABLE, PASSWORD, RedisServer, running

from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.buckets.redis import RedisBuckets
from lookalike.buckets.redis.connection import refused
from lookalike.errors import BucketStoreError, BucketStoreUnavailableError, OptionError

NAME = "shop/look"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that keeps nothing when it ends."""
    with running() as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[BucketStore]:
    """A store of one id, on a server of its own."""
    with open_bucket_store(server.url(), NAME, timeout=2) as store:
        yield filled(store, {1: [5]})


def put(store: BucketStore, number: int, *, seen: int, stamp: int) -> bool:
    """Put one more id into bucket 5."""
    return store.apply(numbers(), numbers([number]), keys([[5]]), seen=seen, stamp=stamp)


def in_bucket(store: BucketStore) -> list[int]:
    found: list[int] = store.candidates(asked(5), limit=99).ids.tolist()
    return found


def flushed(server: RedisServer) -> None:
    server.client().flushall()


def restarted(server: RedisServer) -> None:
    server.halt()
    server.start()


@pytest.mark.parametrize("lose", [flushed, restarted])
def test_a_loss_of_everything_is_noticed_at_the_next_call(
    server: RedisServer, store: BucketStore, lose: Callable[[RedisServer], None]
) -> None:
    put(store, 2, seen=1, stamp=2)
    lose(server)
    found = store.candidates(asked(5), limit=9)
    assert (found.stamp, found.ids.tolist(), store.header()) == (None, [], None)
    assert not put(store, 3, seen=2, stamp=3)


@pytest.mark.parametrize("lose", [flushed, restarted])
def test_what_was_lost_and_filled_again_elsewhere_is_read(
    server: RedisServer, store: BucketStore, lose: Callable[[RedisServer], None]
) -> None:
    put(store, 2, seen=1, stamp=2)
    lose(server)
    with open_bucket_store(server.url(), NAME) as other:
        filled(other, {7: [5]}, stamp=2)
    assert (in_bucket(store), store.header()) == ([7], header(stamp=2))


def test_what_was_acknowledged_outlives_a_kill_of_a_server_that_keeps_it() -> None:
    with running("redis-7", *DURABLE) as server, open_bucket_store(server.url(), NAME) as store:
        filled(store, {1: [5]})
        put(store, 2, seen=1, stamp=2)
        restarted(server)
        assert (in_bucket(store), store.header()) == ([1, 2], header(stamp=2))


@pytest.fixture
def failed_over(server: RedisServer) -> Iterator[RedisBuckets]:
    """A store that knows of ids 1, 2 and 3, whose stale replica, promoted since, was not told of 3."""
    client = server.client()
    client.config_set("repl-diskless-sync-delay", 0)
    with running("redis-7", "--replicaof", f"127.0.0.1 {server.port}") as replica:
        store = RedisBuckets(client, NAME)
        filled(store, {1: [5]})
        put(store, 2, seen=1, stamp=2)
        follower, until = replica.client(), time.monotonic() + 20
        while follower.get("marker") != b"1":  # what comes later may never arrive
            client.set("marker", 1)
            assert time.monotonic() < until
        follower.replicaof("NO", "ONE")
        put(store, 3, seen=2, stamp=3)
        assert in_bucket(store) == [1, 2, 3]
        client.connection_pool.connection_kwargs["port"] = replica.port
        client.connection_pool.reset()
        yield store


def test_a_stale_replica_that_was_promoted_tells_the_state_that_it_has(failed_over: BucketStore) -> None:
    found = failed_over.candidates(asked(5), limit=9)
    assert (found.stamp, found.ids.tolist(), failed_over.header()) == (2, [1, 2], header(stamp=2))


def test_what_follows_on_a_promoted_replica_is_another_history(failed_over: BucketStore) -> None:
    assert not put(failed_over, 4, seen=3, stamp=4)
    assert put(failed_over, 6, seen=2, stamp=9)
    assert put(failed_over, 7, seen=9, stamp=10)
    assert in_bucket(failed_over) == [1, 2, 6, 7]


@pytest.mark.parametrize("more", [[8], [8, 9], [8, 9, 10]])
def test_another_history_of_any_length_is_noticed(failed_over: RedisBuckets, more: list[int]) -> None:
    pool = failed_over._state.server.client.connection_pool
    promoted = RedisBuckets(redis.Redis(port=pool.connection_kwargs["port"], password=PASSWORD), NAME)
    seen = 2
    for number in more:
        assert put(promoted, number, seen=seen, stamp=100 + number)
        seen = 100 + number
    assert (in_bucket(failed_over), failed_over.header()) == ([1, 2, *more], header(stamp=seen))


def test_a_server_that_stalls_is_not_waited_for(server: RedisServer) -> None:
    with open_bucket_store(server.url(), NAME, timeout=0.2) as store:
        filled(store, {1: [5]})
        server.pause()
        begun = time.monotonic()
        with pytest.raises(BucketStoreUnavailableError, match=r"127\.0\.0\.1.* does not answer in time"):
            in_bucket(store)
        server.resume()
        assert time.monotonic() - begun < 5
        assert in_bucket(store) == [1]


def test_a_change_whose_reply_was_late_is_made_once(server: RedisServer) -> None:
    with open_bucket_store(server.url(), NAME, timeout=0.2) as store:
        filled(store, {1: [5]})
        server.pause()
        with pytest.raises(BucketStoreUnavailableError):
            put(store, 2, seen=1, stamp=2)
        server.resume()
        if store.header() == header(stamp=1):
            assert put(store, 2, seen=1, stamp=2)
        assert (in_bucket(store), store.stats().ids) == ([1, 2], 2)


def test_a_server_that_is_loading_is_tried_later() -> None:
    with running("redis-7", *DURABLE) as server, open_bucket_store(server.url(), NAME, timeout=1) as store:
        filled(store, {number: [number] for number in range(2000)})
        server.client().bgrewriteaof()
        while server.client().info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)
        server.halt()
        server.launch("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
        told, until = "", time.monotonic() + 20
        while "loading its data" not in told and time.monotonic() < until:
            try:
                store.header()
                break
            except BucketStoreUnavailableError as error:
                told = str(error)
        assert "is loading its data; try again later" in told


def test_a_server_without_memory_keeps_the_old_buckets(server: RedisServer, store: BucketStore) -> None:
    client, ids = server.client(), np.arange(50_000)
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    with pytest.raises(BucketStoreError, match="out of memory; raise its maxmemory"):
        store.fill(header(stamp=2), [(ids, ids.astype(np.uint64)[:, np.newaxis])])
    assert (in_bucket(store), store.header()) == ([1], header())


def test_a_change_that_finds_no_memory_is_not_made(server: RedisServer, store: BucketStore) -> None:
    server.client().config_set("maxmemory", 1)
    with pytest.raises(BucketStoreError, match="out of memory"):
        put(store, 2, seen=1, stamp=2)
    assert (in_bucket(store), store.header()) == ([1], header())
    server.client().config_set("maxmemory", 0)
    assert put(store, 2, seen=1, stamp=2)
    assert in_bucket(store) == [1, 2]


def test_a_server_that_drops_keys_is_refused(server: RedisServer, store: BucketStore) -> None:
    server.client().config_set("maxmemory-policy", "allkeys-lru")
    for ask in (
        lambda: open_bucket_store(server.url(), NAME),
        lambda: filled(store, {2: [5]}),
        lambda: put(store, 2, seen=1, stamp=2),
    ):
        with pytest.raises(BucketStoreError, match=r"maxmemory-policy allkeys-lru.*set .* to noeviction"):
            ask()


def test_a_server_that_drops_keys_with_an_end_alone_is_not_refused(
    server: RedisServer, store: BucketStore
) -> None:
    server.client().config_set("maxmemory-policy", "volatile-lru")
    assert put(store, 2, seen=1, stamp=2)


def test_a_replica_may_only_be_read(server: RedisServer, store: BucketStore) -> None:
    server.client().config_set("repl-diskless-sync-delay", 0)
    with running("redis-7", "--replicaof", f"127.0.0.1 {server.port}") as replica:
        while not replica.client().dbsize():
            time.sleep(0.01)
        with open_bucket_store(replica.url(), NAME) as reader:
            assert in_bucket(reader) == [1]
            with pytest.raises(BucketStoreError, match=r"a replica.*give the URL of its primary"):
                put(reader, 2, seen=1, stamp=2)


@pytest.mark.parametrize("password", ["wrong secret", ""])
def test_a_wrong_password_is_refused_and_not_shown(server: RedisServer, password: str) -> None:
    with pytest.raises(BucketStoreError, match=r"refuses the user or password .* give those of") as told:
        open_bucket_store(server.url(password=password), NAME)
    assert not isinstance(told.value, BucketStoreUnavailableError)
    assert "secret" not in str(told.value) and "%20" not in str(told.value)


def test_a_key_of_another_kind_in_the_way_is_told(server: RedisServer) -> None:
    server.client().set("lookalike:{shop/look}", "mine")
    with (
        open_bucket_store(server.url(), NAME) as store,
        pytest.raises(BucketStoreError, match="a key of another kind"),
    ):
        store.header()


def test_buckets_of_a_later_version_are_left_alone(server: RedisServer, store: BucketStore) -> None:
    server.client().hset("lookalike:{shop/look}", "format", "2")
    with (
        open_bucket_store(server.url(), NAME) as later,
        pytest.raises(BucketStoreError, match="format 2, and this version of Lookalike knows 1; update it"),
    ):
        later.header()


def test_a_client_that_makes_text_of_bytes_is_refused(server: RedisServer) -> None:
    client = redis.Redis(port=server.port, password=PASSWORD, decode_responses=True)
    with pytest.raises(OptionError, match="decode_responses"):
        RedisBuckets(client, NAME)
    with pytest.raises(OptionError, match="decode_responses"):
        open_bucket_store(f"{server.url()}?decode_responses=True", NAME)


def test_an_old_server_is_refused() -> None:
    assert "is Redis 5.0.14; run 6.0 or newer" in str(refused({"redis_version": "5.0.14"}))
    assert refused({"redis_version": "6.0.1", "maxmemory_policy": "noeviction"}) is None


def test_a_namespace_may_have_any_name(server: RedisServer, store: BucketStore) -> None:
    names = ("{shop/look}", "shop:look", "shop/look ", "Läden/ähnlich", "shop%2Flook")
    for number, name in enumerate(names):
        with open_bucket_store(server.url(), name) as other:
            filled(other, {10 + number: [5]})
    for number, name in enumerate(names):
        with open_bucket_store(server.url(), name) as other:
            assert in_bucket(other) == [10 + number]
    assert answers(store, asked(5)) == [({1: 1}, 1)]
