"""kANNolo: a hierarchical graph in Rust, over vectors kept in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised


class Kannolo(Peer):
    """`DensePlainHNSW` with the parameters of the other graphs here, its vertices reordered for faster queries."""

    module = "kannolo"
    packages = "kannolo"
    largest = 2_000_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"m": 16, "ef_construction": 200, "graph_type": "permuted"}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import kannolo

        self.cosine = metric == "cosine"
        self.threads = threads
        rows = normalised(vectors) if self.cosine else vectors
        self.index = kannolo.DensePlainHNSW.build_from_array(
            rows.ravel(),
            vectors.shape[1],
            metric="euclidean" if metric == "euclidean" else "dotproduct",
            **self.options,
        )

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"ef": ef}] for ef in (10, 20, 30, 40, 60, 80, 120, 160, 240, 400, 600)]

    def use(self, setting: Options, k: int) -> None:
        self.ef = max(setting["ef"], k)

    def search(self, queries: Vectors, k: int) -> Ids:
        given = normalised(queries) if self.cosine else queries
        found: Ids = self.index.batch_search(given.ravel(), k, ef_search=self.ef, num_threads=self.threads)[1]
        return found.reshape(len(queries), k)

    def search_one(self, query: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(normalised(query) if self.cosine else query, k, ef_search=self.ef)[1]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save(str(folder / "index"))
        return True
