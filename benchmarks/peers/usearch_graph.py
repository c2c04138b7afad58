"""USearch: a hierarchical graph with hand-written SIMD distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors

METRICS = {"euclidean": "l2sq", "cosine": "cos", "dot": "ip"}


class Usearch(Peer):
    """Connectivity 16, and the construction effort of the other graphs here."""

    module = "usearch"
    packages = "usearch"
    largest = 2_000_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"connectivity": 16, "expansion_add": 200}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        from usearch.index import Index

        self.threads = threads
        self.index = Index(ndim=vectors.shape[1], metric=METRICS[metric], dtype="f32", **self.options)
        self.index.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"ef": ef}] for ef in (10, 20, 30, 40, 60, 80, 120, 160, 240, 400, 600)]

    def use(self, setting: Options, k: int) -> None:
        self.index.expansion_search = setting["ef"]

    def search(self, queries: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(queries, k, threads=self.threads).keys).astype(np.int64)

    def search_one(self, query: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(query, k, threads=1).keys)

    def save(self, folder: Path) -> bool:
        self.index.save(str(folder / "index"))
        return True
