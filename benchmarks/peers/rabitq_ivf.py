"""IVF with RaBitQ codes, from the authors' library: one bit a dimension first, more where that leaves it open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised, power_of_two

CENTROIDS_A_ROOT = 4


class RabitqIVF(Peer):
    """Centroids by FAISS; codes whose candidates are compared as rows (32 bits), or by 7 bits a dimension.

    Its metric is always L2, which orders unit vectors as the cosine does.
    """

    module = "rabitqlib"
    packages = "rabitqlib faiss-cpu"
    metrics = frozenset({"euclidean", "cosine"})

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        centroids = power_of_two(CENTROIDS_A_ROOT * rows**0.5)
        return [{"centroids": centroids, "bits": bits} for bits in (32, 7)]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import faiss
        import rabitqlib

        self.cosine = metric == "cosine"
        self.threads = threads
        rows = normalised(vectors) if self.cosine else vectors
        faiss.omp_set_num_threads(threads)
        means = faiss.Kmeans(rows.shape[1], self.options["centroids"], niter=10, seed=0)
        means.train(rows)
        nearest = means.index.search(rows, 1)[1][:, 0].astype("uint32")
        self.index = rabitqlib.IvfIndex(
            rows.shape[1], len(rows), self.options["centroids"], self.options["bits"], metric="l2"
        )
        self.index.build(rows, means.centroids, nearest, num_threads=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        probes = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 256)
        return [[{"probes": count} for count in probes if count <= self.options["centroids"]]]

    def use(self, setting: Options, k: int) -> None:
        self.probes = setting["probes"]

    def search(self, queries: Vectors, k: int) -> Ids:
        given = normalised(queries) if self.cosine else queries
        found: Ids = self.index.search(given, k, self.probes, num_threads=self.threads)[0]
        return found.view(np.int32)  # where there are fewer than k it fills up with the largest uint32

    def save(self, folder: Path) -> bool:
        self.index.save(str(folder / "index"))
        return True
