"""ScaNN: a partition, anisotropic 4-bit quantisation scanned in registers, and exact reordering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised, padded


class Scann(Peer):
    """Leaves by its documentation's rule of the square root, or twice that; the quantiser's defaults."""

    module = "scann"
    packages = "scann"

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"leaves": round(2 * rows**0.5)}, {"leaves": round(rows**0.5)}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import scann

        self.cosine = metric == "cosine"
        self.threads = threads
        rows = normalised(vectors) if self.cosine else vectors
        measure = "squared_l2" if metric == "euclidean" else "dot_product"
        leaves = self.options["leaves"]
        builder = scann.scann_ops_pybind.builder(rows, 10, measure)
        builder.set_n_training_threads(threads)
        builder.tree(leaves, 10, training_sample_size=min(len(rows), 250_000))
        # The threshold weighs errors along the vector, which is of use to inner products alone.
        builder.score_ah(2, anisotropic_quantization_threshold=np.nan if metric == "euclidean" else 0.2)
        self.index = builder.reorder(100).build()
        self.index.set_num_threads(threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        leaves = [
            count for count in (2, 4, 8, 12, 16, 24, 40, 60, 100, 160) if count <= self.options["leaves"]
        ]
        return [[{"leaves": count, "reorder": depth} for depth in (30, 60, 120)] for count in leaves]

    def use(self, setting: Options, k: int) -> None:
        self.leaves, self.reorder = setting["leaves"], setting["reorder"]

    def search(self, queries: Vectors, k: int) -> Ids:
        call = self.index.search_batched if self.threads == 1 else self.index.search_batched_parallel
        found: Ids = call(
            normalised(queries) if self.cosine else queries,
            final_num_neighbors=k,
            leaves_to_search=self.leaves,
            pre_reorder_num_neighbors=self.reorder,
        )[0]
        return found

    def search_one(self, query: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(
            normalised(query) if self.cosine else query,
            final_num_neighbors=k,
            leaves_to_search=self.leaves,
            pre_reorder_num_neighbors=self.reorder,
        )[0]
        return found if len(found) == k else padded([found], k)[0]

    def save(self, folder: Path) -> bool:
        self.index.serialize(str(folder))
        return True
