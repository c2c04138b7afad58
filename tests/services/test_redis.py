"""The Redis and Valkey servers that the tests start."""

from __future__ import annotations

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.services.redis import RedisCluster, RedisServer, running

VERSIONS = {"redis-7": "7.", "redis-8": "8.", "valkey-8": "8.", "valkey-9": "9."}


def test_the_servers_are_of_four_kinds(redis_server: RedisServer, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["redis_server"]
    told = redis_server.client().info("server")
    assert told.get("valkey_version", told["redis_version"]).startswith(VERSIONS[kind])
    assert ("valkey_version" in told) == kind.startswith("valkey")


def test_what_was_acknowledged_outlives_a_kill(own_redis: RedisServer) -> None:
    own_redis.client().set("a", 7)
    own_redis.halt()
    own_redis.start()
    assert own_redis.client().get("a") == b"7"


def test_a_paused_server_answers_when_it_goes_on(own_redis: RedisServer) -> None:
    own_redis.pause()
    with pytest.raises(redis.TimeoutError):
        redis.Redis(port=own_redis.port, socket_timeout=0.1, retry=Retry(NoBackoff(), 0)).ping()
    own_redis.resume()
    own_redis.client().ping()


def test_a_replica_that_replaces_its_primary_has_what_it_was_told() -> None:
    with running() as primary:
        primary.client().set("a", 7)
        replica = RedisServer()
        try:
            replica.follow(primary)
            replica.stop_following()
            primary.client().set("a", 8)
            replica.replace(primary)
            assert primary.client().get("a") == b"7"
        finally:
            replica.stop()


def test_a_stopped_server_leaves_nothing() -> None:
    with running() as server:
        folder = server.folder
    assert not folder.exists()
    server.stop()


def test_the_servers_of_a_cluster_share_keys(redis_cluster: RedisCluster) -> None:
    client = redis.RedisCluster.from_url(redis_cluster.url.replace("redis+cluster", "redis"))
    for i in range(30):
        client.set(f"cluster-test:{i}", i)
    counts = [len(server.client().keys("cluster-test:*")) for server in redis_cluster.servers]
    assert sum(counts) == 30 and min(counts) > 0
    for i in range(30):
        client.delete(f"cluster-test:{i}")
