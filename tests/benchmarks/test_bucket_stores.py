"""The benchmark of bucket stores, on a few rows."""

from __future__ import annotations

import importlib.util
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.services.postgres import PostgresServer
from tests.services.redis import RedisServer

from benchmarks.bucket_store_kinds import (
    Datasketch,
    LookalikePostgresql,
    LookalikeRedis,
    LookalikeSqlite,
    NearPy,
    Sets,
    Store,
)
from benchmarks.bucket_stores import entries_read, measured

KINDS = (LookalikeRedis, Sets, Datasketch, NearPy, LookalikeSqlite, LookalikePostgresql)


@pytest.fixture
def url(kind: type[Store], request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a server or file for a store of a kind."""
    if kind is LookalikeSqlite:
        return f"sqlite:///{tmp_path}/buckets.sqlite"
    if kind is LookalikePostgresql:
        database: PostgresServer = request.getfixturevalue("one_postgres")
        return database.new_database()
    server: RedisServer = request.getfixturevalue("one_redis")
    return server.url()


@pytest.mark.parametrize("kind", KINDS)
def test_each_store_is_filled_and_asked(kind: type[Store], url: str) -> None:
    if kind in (Datasketch, NearPy) and importlib.util.find_spec(kind.name) is None:
        pytest.skip(f"{kind.name} is not installed; pip install -e '.[peers]'")
    random = np.random.default_rng(0)
    keys = random.integers(0, 50, (2000, 4)).astype(np.uint64)
    queries = random.integers(0, 50, (5, 4, 1)).astype(np.uint64)
    rows = np.zeros((len(keys), 3), dtype=np.float32)
    with closing(kind(url)) as store:
        found = measured(store, rows, keys, queries, probes=1)
    assert (found.rows, found.remove is not None) == (2000, kind not in (Datasketch, NearPy))
    assert min(found.inserts, found.bytes_per_entry, found.batch, found.p50) > 0


def test_entries_are_counted_by_the_buckets_asked_for() -> None:
    keys = np.array([[1, 7], [1, 8], [2, 8]], dtype=np.uint64)
    asked = np.array([[[1, 3], [8, 8]]], dtype=np.uint64)
    assert entries_read(keys, asked) == 2 + 2 + 2
