"""FAISS: an inverted file, 4-bit product quantisation scanned in registers, and exact refinement."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised, power_of_two

LISTS_A_ROOT = 4
"""Inverted lists for each square root of the rows, as FAISS's guidelines have it (4 to 16)."""


class FaissIVF(Peer):
    """`IVF*,PQ*x4fs,RFlat`, FAISS's own advice for CPUs with SIMD."""

    module = "faiss"
    packages = "faiss-cpu"
    factors: ClassVar[tuple[int, ...]] = (2, 4, 8, 16)
    """Rows refined for each that is wanted."""

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        lists = power_of_two(LISTS_A_ROOT * rows**0.5)
        fine = dimension // 2 if dimension <= 256 else dimension // 4
        counts = (lists, lists // 4) if dimension <= 256 else (lists // 4, lists)
        return [{"factory": f"IVF{count},PQ{fine}x4fs,RFlat"} for count in counts]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import faiss

        faiss.omp_set_num_threads(threads)
        self.cosine = metric == "cosine"
        measure = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        self.index: Any = faiss.index_factory(vectors.shape[1], self.options["factory"], measure)
        rows = normalised(vectors) if self.cosine else vectors
        self.index.train(rows)
        self.index.add(rows)
        self.lists = faiss.extract_index_ivf(self.index)

    def settings(self) -> list[list[dict[str, Any]]]:
        probes = [
            count for count in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256) if count <= self.lists.nlist
        ]
        return [[{"probes": probe, "factor": factor} for factor in self.factors] for probe in probes]

    def use(self, setting: Options, k: int) -> None:
        self.lists.nprobe = setting["probes"]
        self.index.k_factor = setting["factor"]

    def search(self, queries: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(normalised(queries) if self.cosine else queries, k)[1]
        return found

    def save(self, folder: Path) -> bool:
        import faiss

        faiss.write_index(self.index, str(folder / "index"))
        return True
