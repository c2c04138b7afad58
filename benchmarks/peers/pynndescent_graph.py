"""PyNNDescent: a neighbour graph by descent, written in Python with Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.base import Ids, Options, Peer, Vectors

METRICS = {"euclidean": "euclidean", "cosine": "cosine", "dot": "dot"}


class PyNNDescent(Peer):
    """The parameters that its author uses in ann-benchmarks. `dot` there means unit vectors, so it is left out."""

    module = "pynndescent"
    packages = "pynndescent"
    metrics = frozenset({"euclidean", "cosine"})
    largest = 400_000

    @classmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        return [{"n_neighbors": 30, "diversify_prob": 1.0, "pruning_degree_multiplier": 1.5}]

    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        from pynndescent import NNDescent

        self.index = NNDescent(
            vectors, metric=METRICS[metric], n_jobs=threads, random_state=0, **self.options
        )
        self.index.prepare()
        self.index.query(vectors[:1], k=10, epsilon=0.1)  # compiles

    def settings(self) -> list[list[dict[str, Any]]]:
        return [[{"epsilon": epsilon}] for epsilon in (0.0, 0.02, 0.04, 0.08, 0.12, 0.16, 0.24, 0.32)]

    def use(self, setting: Options, k: int) -> None:
        self.epsilon = setting["epsilon"]

    def search(self, queries: Vectors, k: int) -> Ids:
        return np.asarray(self.index.query(queries, k=k, epsilon=self.epsilon)[0])
