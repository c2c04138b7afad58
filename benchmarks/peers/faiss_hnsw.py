"""FAISS: a hierarchical graph over plain vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised


class FaissHNSW(Peer):
    """`HNSW16,Flat` with the construction effort that hnswlib's documentation uses."""

    module = "faiss"
    packages = "faiss-cpu"
    largest = 400_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"M": 16, "efConstruction": 200}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.cosine = metric == "cosine"
        measure = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        self.index = faiss.IndexHNSWFlat(vectors.shape[1], self.options["M"], measure)
        self.index.hnsw.efConstruction = self.options["efConstruction"]
        self.index.add(normalised(vectors) if self.cosine else vectors)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"ef": ef}] for ef in (10, 20, 30, 40, 60, 80, 120, 160, 240, 400)]

    def use(self, setting: Options, k: int) -> None:
        self.index.hnsw.efSearch = setting["ef"]

    def search(self, queries: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(normalised(queries) if self.cosine else queries, k)[1]
        return found

    def save(self, folder: Path) -> bool:
        import faiss

        faiss.write_index(self.index, str(folder / "index"))
        return True
