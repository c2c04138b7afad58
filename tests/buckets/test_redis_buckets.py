"""The bucket store in Redis and Valkey: what every store must do, on each server and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.buckets.bucket_store_suite import BucketStoreSuite
from tests.services.redis import RedisCluster, RedisServer

from lookalike.buckets import BucketStore, open_bucket_store


class RedisSuite(BucketStoreSuite):
    examples = 12
    at: str

    def open(self, namespace: str) -> BucketStore:
        return open_bucket_store(self.at, namespace)

    def url(self) -> str | None:
        return self.at

    def nobody_there(self) -> str | None:
        return "redis://:secret@127.0.0.1:1/0"


class TestRedisBuckets(RedisSuite):
    @pytest.fixture(autouse=True)
    def _server(self, redis_server: RedisServer) -> Iterator[None]:
        self.at = redis_server.url()
        yield
        assert redis_server.client().dbsize() == 0


class TestRedisClusterBuckets(RedisSuite):
    examples = 5

    @pytest.fixture(autouse=True)
    def _server(self, redis_cluster: RedisCluster) -> Iterator[None]:
        self.at = redis_cluster.url
        yield
        assert [server.client().dbsize() for server in redis_cluster.servers] == [0, 0, 0]

    def nobody_there(self) -> str | None:
        return "redis+cluster://:secret@127.0.0.1:1"
