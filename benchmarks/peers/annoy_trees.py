"""Annoy: a forest of random projection trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors, padded

METRICS = {"euclidean": "euclidean", "cosine": "angular", "dot": "dot"}


class Annoy(Peer):
    """100 trees, as its documentation and ann-benchmarks use."""

    module = "annoy"
    packages = "annoy"
    largest = 400_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"trees": 100}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import annoy

        make: Any = annoy.AnnoyIndex
        self.index = make(vectors.shape[1], METRICS[metric])
        self.index.set_seed(1)
        for row, vector in enumerate(vectors):
            self.index.add_item(row, vector)
        self.index.build(self.options["trees"], n_jobs=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"nodes": nodes}] for nodes in (500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000)]

    def use(self, setting: Options, k: int) -> None:
        self.nodes = setting["nodes"]

    def search(self, queries: Vectors, k: int) -> Ids:
        return padded([self.index.get_nns_by_vector(query, k, self.nodes) for query in queries], k)

    def search_one(self, query: Vectors, k: int) -> Ids:
        found: Ids = padded([self.index.get_nns_by_vector(query, k, self.nodes)], k)[0]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save(str(folder / "index"))
        return True
