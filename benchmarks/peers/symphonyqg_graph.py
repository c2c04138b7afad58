"""SymphonyQG: a graph whose vertices hold 1-bit codes of their neighbours, from the authors' RaBitQ library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised


class SymphonyQG(Peer):
    """Degree 32 and a build window of 200, as its documentation uses; rows kept whole. Each build is another graph.

    Its metric is always L2, which orders unit vectors as the cosine does.
    """

    module = "rabitqlib"
    packages = "rabitqlib"
    metrics = frozenset({"euclidean", "cosine"})
    largest = 2_000_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"max_degree": 32, "ef_construction": 200}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import rabitqlib

        self.cosine = metric == "cosine"
        self.threads = threads
        self.index = rabitqlib.SymqgIndex(vectors.shape[1], self.options["max_degree"], metric="l2")
        rows = normalised(vectors) if self.cosine else vectors
        self.index.build(rows, ef_construction=self.options["ef_construction"], num_threads=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"ef": ef}] for ef in (10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 400, 600)]

    def use(self, setting: Options, k: int) -> None:
        self.ef = max(setting["ef"], k)

    def search(self, queries: Vectors, k: int) -> Ids:
        given = normalised(queries) if self.cosine else queries
        found: Ids = self.index.search_batch(given, k, self.ef, num_threads=self.threads)[0]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save(str(folder / "index"))
        return True
