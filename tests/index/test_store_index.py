"""An index whose buckets are in a store: the hits of the embedded one, and states that stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from tests.index.readers import Rows, rows_of
from tests.services.stores import STORES, empty_store

from lookalike import Index
from lookalike.buckets import MemoryBuckets, open_bucket_store
from lookalike.index.store_index import StoreIndex

_RANDOM = np.random.default_rng(5)
CENTRES = _RANDOM.normal(size=(60, 24)) * 3
VECTORS = (CENTRES[_RANDOM.integers(0, 60, 4000)] + _RANDOM.normal(size=(4000, 24))).astype(np.float32)
IDS = _RANDOM.permutation(9000)[:4000]
QUERIES = (CENTRES[_RANDOM.integers(0, 60, 80)] + _RANDOM.normal(size=(80, 24))).astype(np.float32)
KINDS = (
    ("p-stable", "euclidean"),
    ("hyperplane", "cosine"),
    ("clusters", "euclidean"),
    ("clusters", "dot"),
    ("cross-polytope", "cosine"),
)
SOME = {
    None: None,
    "half": IDS[::2],
    "one in five": np.sort(IDS)[::5],
    "one in a thousand": IDS[:4],
    "nobody": IDS[:0],
}


def built(store: Any, rows: Rows, *, family: str = "clusters", metric: str = "euclidean") -> StoreIndex:
    ids = rows.ids()
    return StoreIndex.build(
        store, "a store", rows, [rows(ids)], dimension=24, metric=metric, family=family, stamp=1
    )


@pytest.fixture
def rows() -> Rows:
    return rows_of(VECTORS, IDS)


@pytest.fixture
def index(rows: Rows) -> StoreIndex:
    return built(MemoryBuckets(), rows)


@cache
def embedded_index(family: str, metric: str) -> Index:
    order = np.argsort(IDS)
    return Index.build(VECTORS[order], ids=IDS[order], metric=metric, family=family, scan_below=0)


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A family and a metric."""
    family, metric = request.param
    return family, metric


@pytest.fixture(scope="module", params=STORES)
def both(
    request: pytest.FixtureRequest, kind: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Index, StoreIndex]]:
    """The embedded index of a family, and the one over a store of each kind."""
    family, metric = kind
    url = empty_store(request.param, request, tmp_path_factory.mktemp("store"))
    with open_bucket_store(url, "parity") as store:
        yield embedded_index(*kind), built(store, rows_of(VECTORS, IDS), family=family, metric=metric)


@pytest.mark.parametrize("allow", SOME)
@pytest.mark.parametrize("k", [1, 10, 150])
def test_hits_are_those_of_the_embedded_index(both: tuple[Index, StoreIndex], k: int, allow: Any) -> None:
    embedded, index = both
    expected = embedded.search(QUERIES, k, allow=SOME[allow])
    found = index.search(QUERIES, k, allow=SOME[allow])
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1].view(np.uint32), expected[1].view(np.uint32)), "not to the last bit"


def test_parameters_and_measurements_are_those_of_the_embedded_index(both: tuple[Index, StoreIndex]) -> None:
    embedded, index = (one.stats() for one in both)
    for name in (
        "family",
        "parameters",
        "measurements",
        "probes",
        "tables",
        "buckets",
        "rows",
        "reason",
        "path",
    ):
        assert getattr(index, name) == getattr(embedded, name), name
    assert embedded.path == "buckets"
