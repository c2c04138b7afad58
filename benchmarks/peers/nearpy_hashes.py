"""NearPy: buckets of random projections in pure Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised, padded


class NearPy(Peer):
    """Binary random projections, several tables, the nearest of what the buckets hold.

    Everything happens in Python at about a millisecond a row and table, so it is measured on small sets only.
    """

    module = "nearpy"
    packages = "nearpy"
    metrics = frozenset({"euclidean", "cosine"})
    largest = 100_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        bits = max(round(np.log2(rows / 500)), 2)
        return [{"tables": tables, "bits": bits} for tables in (12, 24)]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        from nearpy import Engine
        from nearpy.distances import EuclideanDistance
        from nearpy.filters import NearestFilter
        from nearpy.hashes import RandomBinaryProjections

        self.cosine = metric == "cosine"
        rows = normalised(vectors) if self.cosine else vectors
        # Hyperplanes pass through the origin: without centring, most rows share one bucket.
        self.centre = rows.mean(axis=0)
        self.engine = Engine(
            vectors.shape[1],
            lshashes=[
                RandomBinaryProjections(str(table), self.options["bits"], rand_seed=table)
                for table in range(self.options["tables"])
            ],
            distance=EuclideanDistance(),  # of unit vectors it orders as the cosine does, centred or not
            vector_filters=[NearestFilter(10)],
        )
        for row, vector in enumerate(rows - self.centre):
            self.engine.store_vector(vector, row)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{}]]

    def use(self, setting: Options, k: int) -> None:
        self.engine.vector_filters[0].N = k

    def search(self, queries: Vectors, k: int) -> Ids:
        return np.stack([self.search_one(query, k) for query in queries])

    def search_one(self, query: Vectors, k: int) -> Ids:
        vector = (normalised(query) if self.cosine else query) - self.centre
        found: Ids = padded([[row for _, row, _ in self.engine.neighbours(vector)]], k)[0]
        return found
