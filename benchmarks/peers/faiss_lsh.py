"""FAISS: random-hyperplane bits compared by Hamming distance over all rows, and exact refinement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised


class FaissLSH(Peer):
    """`IndexLSH` with two bits a dimension (at most 1,024), refined by exact distances."""

    metrics = frozenset({"euclidean", "cosine"})
    module = "faiss"
    packages = "faiss-cpu"

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"bits": min(2 * dimension, 1024)}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.cosine = metric == "cosine"
        dimension = vectors.shape[1]
        # Thresholds at the medians: without them bits of data that are not centred say little.
        self.bits = faiss.IndexLSH(dimension, self.options["bits"], True, True)
        self.exact = faiss.IndexFlatL2(dimension)  # unit vectors are ordered by it as by the cosine
        self.index = faiss.IndexRefine(self.bits, self.exact)
        rows = normalised(vectors) if self.cosine else vectors
        self.index.train(rows)
        self.index.add(rows)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"factor": factor}] for factor in (2, 5, 10, 20, 50, 100, 200, 400)]

    def use(self, setting: Options, k: int) -> None:
        self.index.k_factor = setting["factor"]

    def search(self, queries: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(normalised(queries) if self.cosine else queries, k)[1]
        return found

    def save(self, folder: Path) -> bool:
        import faiss

        faiss.write_index(self.bits, str(folder / "bits"))
        faiss.write_index(self.exact, str(folder / "exact"))
        return True
