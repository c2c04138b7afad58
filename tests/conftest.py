"""Fixtures for all tests: the servers."""

from tests.services.engines import engine_cluster, engine_server, index_name, limited_server
from tests.services.postgres import own_postgres, postgres, postgres_servers, postgres_url
from tests.services.redis import own_redis, redis_cluster, redis_server
from tests.services.stores import one_postgres, one_redis, store_url

__all__ = [
    "engine_cluster",
    "engine_server",
    "index_name",
    "limited_server",
    "one_postgres",
    "one_redis",
    "own_postgres",
    "own_redis",
    "postgres",
    "postgres_servers",
    "postgres_url",
    "redis_cluster",
    "redis_server",
    "store_url",
]
