"""The adapters of graph libraries ask them what they mean to: with stand-ins that answer exactly, and for real."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import synthetic, truth
from benchmarks.peers import peer_class
from benchmarks.peers.base import Peer
from benchmarks.recall import recall

K = 10
ADAPTERS = ("symphonyqg", "kannolo", "svs")
OTHERS = ("rabitq-ivf", "faiss-rabitq")


def cases(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return names, each with the metrics that it has."""
    metrics = ("euclidean", "cosine", "dot")
    return [(name, metric) for name in names for metric in metrics if metric in peer_class(name).metrics]


CASES = cases(ADAPTERS)


class Exact:
    """Rows compared by what each stand-in's library calls its metric."""

    def __init__(self, rows: npt.NDArray[Any], by_product: bool) -> None:
        assert rows.ndim == 2
        self.rows, self.by_product = rows.astype(np.float64), by_product

    def nearest(self, queries: npt.NDArray[Any], k: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return row numbers and distances, each (q, k)."""
        far = -2 * queries @ self.rows.T
        if not self.by_product:
            far += (self.rows**2).sum(axis=1)
        ids = np.argsort(far, axis=1)[:, :k]
        return ids, np.take_along_axis(far, ids, axis=1)


class SymqgIndex:
    """Takes and gives what rabitqlib's does."""

    def __init__(self, dim: int, max_degree: int, metric: str = "l2") -> None:
        assert max_degree % 32 == 0
        self.dim, self.metric = dim, metric

    def build(self, data: npt.NDArray[Any], ef_construction: int, num_threads: int = 1) -> None:
        assert data.shape[1] == self.dim
        self.exact = Exact(data, self.metric == "ip")

    def search_batch(
        self, queries: npt.NDArray[Any], k: int, ef: int, num_threads: int = 1
    ) -> tuple[Any, ...]:
        assert queries.ndim == 2
        assert ef >= k
        ids, distances = self.exact.nearest(queries, k)
        return ids.astype(np.uint32), distances


class DensePlainHNSW:
    """Takes and gives what kannolo's does: flat arrays, distances first."""

    def __init__(self, exact: Exact) -> None:
        self.exact = exact

    @classmethod
    def build_from_array(
        cls, flat: npt.NDArray[Any], dim: int, *, m: int, ef_construction: int, metric: str, graph_type: str
    ) -> DensePlainHNSW:
        assert flat.ndim == 1
        assert metric in ("euclidean", "dotproduct")
        return cls(Exact(flat.reshape(-1, dim), metric == "dotproduct"))

    def batch_search(
        self, queries: npt.NDArray[Any], k: int, ef_search: int = 100, num_threads: int = 0
    ) -> tuple[Any, ...]:
        assert queries.ndim == 1
        assert ef_search >= k
        ids, distances = self.exact.nearest(queries.reshape(-1, self.exact.rows.shape[1]), k)
        return distances.ravel(), ids.ravel()

    def search(self, query: npt.NDArray[Any], k: int, ef_search: int = 100) -> tuple[Any, ...]:
        return self.batch_search(query, k, ef_search)


class Vamana:
    """Takes and gives what svs's does."""

    search_window_size = 0

    def __init__(self, exact: Exact) -> None:
        self.exact = exact

    @classmethod
    def build(cls, parameters: Any, rows: npt.NDArray[Any], distance: str, num_threads: int = 1) -> Vamana:
        assert rows.dtype == np.float16
        return cls(Exact(rows, distance != "L2"))

    def search(self, queries: npt.NDArray[Any], k: int) -> tuple[Any, ...]:
        assert self.search_window_size >= k
        return self.exact.nearest(np.atleast_2d(queries), k)


STAND_INS = {
    "rabitqlib": SimpleNamespace(SymqgIndex=SymqgIndex),
    "kannolo": SimpleNamespace(DensePlainHNSW=DensePlainHNSW),
    "svs": SimpleNamespace(
        Vamana=Vamana, VamanaBuildParameters=SimpleNamespace, DistanceType=SimpleNamespace(L2="L2")
    ),
}


def found_recall(name: str, metric: str) -> tuple[float, float]:
    """Return the recall of an adapter's widest setting on 2,000 rows whose lengths differ: a batch, and one by one."""
    random = np.random.default_rng(0)
    base, queries = synthetic.vectors(2000, 64), synthetic.vectors(40, 64, kind=1)
    base *= random.uniform(0.5, 2, (2000, 1)).astype(np.float32)
    queries *= np.float32(3)
    kind: type[Peer] = peer_class(name)
    peer = kind(kind.builds(*base.shape)[0])
    peer.build(base, metric, 1)
    peer.use(peer.settings()[-1][-1], K)
    farthest = truth.exact(base, queries, metric, K)[1][:, -1]
    one_by_one = np.stack([peer.search_one(query, K) for query in queries])
    batch, single = (
        recall(base, queries, found, farthest, metric) for found in (peer.search(queries, K), one_by_one)
    )
    return batch, single


@pytest.mark.parametrize(("name", "metric"), CASES)
def test_an_adapter_asks_for_its_metric(name: str, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = peer_class(name).module
    monkeypatch.setitem(sys.modules, module, STAND_INS[module])
    # Half precision, which SVS is given, may swap two rows that are about as near.
    assert min(found_recall(name, metric)) > 0.99


@pytest.mark.parametrize(("name", "metric"), CASES + cases(OTHERS))
def test_the_library_itself_answers_an_adapter(name: str, metric: str) -> None:
    found = peer_class(name)
    pytest.importorskip(found.module, reason=f"{found.packages} is not installed; see the extra `peers`")
    assert min(found_recall(name, metric)) > 0.95


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_narrowest_setting_is_as_wide_as_the_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = peer_class(name).module
    monkeypatch.setitem(sys.modules, module, STAND_INS[module])
    rows = np.eye(64, dtype=np.float32).repeat(2, axis=0)
    kind = peer_class(name)
    peer = kind(kind.builds(*rows.shape)[0])
    peer.build(rows, "euclidean", 1)
    peer.use(peer.settings()[0][0], 20)
    assert peer.search(rows[:3], 20).shape == (3, 20)
