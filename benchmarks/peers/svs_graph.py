"""SVS, Intel's Scalable Vector Search: a Vamana graph, over vectors kept in half precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised


class SVS(Peer):
    """Its compressed forms of vectors are for Intel's processors alone, so half precision is what all can run."""

    module = "svs"
    packages = "scalable-vs"
    metrics = frozenset({"euclidean", "cosine"})
    largest = 400_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"graph_max_degree": degree, "window_size": 128} for degree in (32, 64)]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import svs

        self.cosine = metric == "cosine"
        rows = (normalised(vectors) if self.cosine else vectors).astype(np.float16)
        # L2 orders unit vectors as the cosine does.
        self.index = svs.Vamana.build(
            svs.VamanaBuildParameters(**self.options), rows, svs.DistanceType.L2, num_threads=threads
        )

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"window": window}] for window in (10, 15, 20, 30, 40, 60, 80, 120, 160, 240, 400)]

    def use(self, setting: Options, k: int) -> None:
        self.index.search_window_size = max(setting["window"], k)

    def search(self, queries: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(normalised(queries) if self.cosine else queries, k)[0]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save(*(str(folder / part) for part in ("config", "graph", "vectors")))
        return True
