"""Bucket stores of every kind that a collection may use, by URL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import postgres, redis

STORES = ("memory", "sqlite", "redis", "postgresql")


@pytest.fixture(scope="session")
def one_redis() -> Iterator[redis.RedisServer]:
    """Return one Redis for the whole session: leave it running."""
    with redis.running("redis-7") as server:
        yield server


@pytest.fixture(scope="session")
def one_postgres() -> Iterator[postgres.PostgresServer]:
    """Return one PostgreSQL for the whole session: leave it running."""
    with postgres.running("system") as server:
        yield server


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a store of each kind, which is empty."""
    if request.param == "memory":
        return f"memory:{uuid.uuid4()}"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'buckets.sqlite'}"
    if request.param == "redis":
        server: redis.RedisServer = request.getfixturevalue("one_redis")
        with server.client() as client:
            client.flushall()
        return server.url()
    database: postgres.PostgresServer = request.getfixturevalue("one_postgres")
    return database.new_database()
