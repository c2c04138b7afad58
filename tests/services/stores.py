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
    return empty_store(request.param, request, tmp_path)


def empty_store(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Return the URL of a store of a kind, for a fixture that has asked by `request`; files go into `folder`."""
    if kind == "memory":
        return f"memory:{uuid.uuid4()}"
    if kind == "sqlite":
        return f"sqlite:///{folder / 'buckets.sqlite'}"
    if kind == "redis":
        server: redis.RedisServer = request.getfixturevalue("one_redis")
        with server.client() as client:
            client.flushall()
        return server.url()
    database: postgres.PostgresServer = request.getfixturevalue("one_postgres")
    return database.new_database()
