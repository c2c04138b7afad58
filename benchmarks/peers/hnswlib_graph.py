"""hnswlib: the hierarchical navigable small world graph by its authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors

SPACES = {"euclidean": "l2", "cosine": "cosine", "dot": "ip"}


class Hnswlib(Peer):
    """M = 16 and ef_construction = 200, as its documentation uses."""

    module = "hnswlib"
    packages = "hnswlib"
    largest = 2_000_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"M": 16, "ef_construction": 200}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import hnswlib

        self.threads = threads
        self.index = hnswlib.Index(space=SPACES[metric], dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), random_seed=0, **self.options)
        self.index.add_items(vectors, num_threads=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"ef": ef}] for ef in (10, 20, 30, 40, 60, 80, 120, 160, 240, 400, 600)]

    def use(self, setting: Options, k: int) -> None:
        self.index.set_ef(max(setting["ef"], k))

    def search(self, queries: Vectors, k: int) -> Ids:
        found: Ids = self.index.knn_query(queries, k, num_threads=self.threads)[0]
        return found

    def search_one(self, query: Vectors, k: int) -> Ids:
        found: Ids = self.index.knn_query(query, k, num_threads=1)[0][0]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save_index(str(folder / "index"))
        return True
