"""Lookalike itself, by its public face alone. It is told the recall that is wanted, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.peers.base import Ids, Options, Peer, Vectors


class Lookalike(Peer):
    """`lookalike.Index`."""

    module = "lookalike"
    packages = "lookalike"
    keeps_dtype = True

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        import lookalike

        self.threads = threads
        self.index = lookalike.Index.build(vectors, metric=metric, recall=0.95, seed=0, n_jobs=threads)

    def settings(self) -> list[list[dict[str, Any]]]:
        aims = (0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995)
        return [[{"recall": recall}] for recall in aims]

    def use(self, setting: Options, k: int) -> None:
        self.recall = setting["recall"]

    def search(self, queries: Vectors, k: int) -> Ids:
        return self.index.search(queries, k, recall=self.recall, n_jobs=self.threads)[0]

    def search_one(self, query: Vectors, k: int) -> Ids:
        found: Ids = self.index.search(query, k, recall=self.recall, n_jobs=1)[0][0]
        return found

    def save(self, folder: Path) -> bool:
        self.index.save(folder / "index")
        return True
