"""Every row compared, by matrix products: what any index has to beat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors, normalised

QUERIES = 256
"""Queries in one product; more would not be quicker, and their scores fill memory."""


class BruteForce(Peer):
    """NumPy alone."""

    module = "numpy"
    packages = "numpy"

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        self.cosine = metric == "cosine"
        self.rows = normalised(vectors) if self.cosine else vectors
        squares = np.einsum("ij,ij->i", self.rows, self.rows)
        self.halves = squares / 2 if metric == "euclidean" else np.zeros(len(vectors), dtype=np.float32)

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{}]]

    def use(self, setting: Options, k: int) -> None:
        pass

    def search(self, queries: Vectors, k: int) -> Ids:
        # A query's length changes no order, so cosine needs no normalised queries.
        parts = []
        for start in range(0, len(queries), QUERIES):
            scores = self.halves - queries[start : start + QUERIES] @ self.rows.T
            near = np.argpartition(scores, k - 1, axis=1)[:, :k]
            order = np.argsort(np.take_along_axis(scores, near, axis=1), axis=1)
            parts.append(np.take_along_axis(near, order, axis=1))
        return np.concatenate(parts)

    def save(self, folder: Path) -> bool:
        np.save(folder / "rows.npy", self.rows)
        return True
