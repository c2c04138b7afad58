"""The benchmark of bucket stores, on a few rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest
from tests.services.redis import RedisServer, running

from benchmarks.bucket_stores import Datasketch, Lookalike, NearPy, Sets, Store, entries_read, measured


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server that holds nothing else."""
    with running() as server:
        yield server


@pytest.mark.parametrize("kind", [Lookalike, Sets, Datasketch, NearPy])
def test_each_store_is_filled_and_asked(server: RedisServer, kind: type[Store]) -> None:
    if kind in (Datasketch, NearPy) and importlib.util.find_spec(kind.name) is None:
        pytest.skip(f"{kind.name} is not installed; pip install -e '.[peers]'")
    random = np.random.default_rng(0)
    keys = random.integers(0, 50, (2000, 4)).astype(np.uint64)
    queries = random.integers(0, 50, (5, 4, 1)).astype(np.uint64)
    rows, removing = np.zeros((len(keys), 3), dtype=np.float32), kind in (Lookalike, Sets)
    found = measured(kind(server.url()), rows, keys, queries, probes=1, removing=removing)
    assert (found.rows, found.remove is not None) == (2000, removing)
    assert min(found.inserts, found.bytes_per_entry, found.batch, found.p50) > 0


def test_entries_are_counted_by_the_buckets_asked_for() -> None:
    keys = np.array([[1, 7], [1, 8], [2, 8]], dtype=np.uint64)
    asked = np.array([[[1, 3], [8, 8]]], dtype=np.uint64)
    assert entries_read(keys, asked) == 2 + 2 + 2
