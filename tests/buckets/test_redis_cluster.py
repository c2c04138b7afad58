"""The bucket store in a Redis Cluster, of whose servers one loses what it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.buckets.bucket_store_model import Model, answers, expected, filled, header, keys, numbers
from tests.services.redis import RedisCluster, RedisServer, running_cluster

from lookalike.buckets import BucketStore, open_bucket_store
from lookalike.errors import BucketStoreUnavailableError

MODEL: Model = {number: [number % 30] for number in range(90)}
QUERIES = np.arange(30, dtype=np.uint64).reshape(30, 1, 1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """A cluster for this module."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def store(cluster: RedisCluster) -> Iterator[BucketStore]:
    """A store with buckets on all servers."""
    with open_bucket_store(cluster.url, "n", timeout=2) as store:
        yield filled(store, MODEL)
        store.drop()
    for server in cluster.servers:
        server.client().flushall()


def servers(cluster: RedisCluster) -> tuple[RedisServer, list[RedisServer]]:
    """Return the server that has the header, and the others."""
    has = [bool(server.client().keys("lookalike:{n}")) for server in cluster.servers]
    return cluster.servers[has.index(True)], [
        server for server, own in zip(cluster.servers, has, strict=True) if not own
    ]


def dumped(server: RedisServer) -> dict[bytes, bytes]:
    client: Any = server.client()
    return {key: client.dump(key) for key in client.keys("*")}


def restored(server: RedisServer, kept: dict[bytes, bytes]) -> None:
    """Give a server the state of an earlier time, as a stale replica has."""
    client = server.client()
    client.flushall()
    for key, content in kept.items():
        client.restore(key, 0, content)


@pytest.mark.parametrize("which", [0, 1])
def test_a_server_that_was_flushed_is_noticed_at_the_next_call(
    cluster: RedisCluster, store: BucketStore, which: int
) -> None:
    servers(cluster)[1][which].client().flushall()
    found = store.candidates(QUERIES, limit=99)
    assert (found.stamp, found.ids.tolist(), store.header()) == (None, [], None)


def test_what_a_server_has_lost_is_noticed_by_who_opens_the_store_later(
    cluster: RedisCluster, store: BucketStore
) -> None:
    servers(cluster)[1][0].client().flushall()
    with open_bucket_store(cluster.url, "n") as other:
        assert (other.header(), other.ids().tolist()) == (None, [])


def test_a_store_that_has_lost_a_server_takes_no_changes_and_may_be_filled_again(
    cluster: RedisCluster, store: BucketStore
) -> None:
    servers(cluster)[1][0].client().flushall()
    assert not store.apply(numbers([1]), numbers(), keys([]), seen=1, stamp=2)
    filled(store, {7: [7]}, stamp=3)
    assert (store.header(), answers(store, QUERIES)) == (
        header(stamp=3),
        expected({7: [7]}, QUERIES, 99, None),
    )


def test_a_server_that_was_replaced_by_a_stale_replica_is_noticed(
    cluster: RedisCluster, store: BucketStore
) -> None:
    stale = servers(cluster)[1][0]
    kept = dumped(stale)
    assert store.apply(numbers([1]), numbers([200]), keys([[3]]), seen=1, stamp=2)
    restored(stale, kept)
    assert store.header() is None


def test_a_header_that_went_back_is_gone_on_from_without_what_came_after(
    cluster: RedisCluster, store: BucketStore
) -> None:
    stale = servers(cluster)[0]
    kept = dumped(stale)
    lost = numbers(range(200, 230))
    assert store.apply(numbers(), lost, keys([[key] for key in range(30)]), seen=1, stamp=2)
    restored(stale, kept)
    assert store.header() == header(stamp=1)
    assert answers(store, QUERIES) == expected(MODEL, QUERIES, 99, None)
    own: Model = {300 + key: [(key + 7) % 30] for key in range(30)}
    assert store.apply(numbers(), numbers(list(own)), keys(list(own.values())), seen=1, stamp=9)
    assert answers(store, QUERIES, 200) == expected(MODEL | own, QUERIES, 200, None)


def test_a_cluster_that_has_lost_a_server_is_tried_later() -> None:
    with running_cluster() as cluster, open_bucket_store(cluster.url, "n", timeout=1) as store:
        filled(store, MODEL)
        cluster.servers[2].halt()
        with pytest.raises(BucketStoreUnavailableError):
            store.candidates(QUERIES, limit=99)
