"""Lookalike for the ann-benchmarks project: its folder is copied to `ann_benchmarks/algorithms/lookalike/` there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ann_benchmarks.algorithms.base.module import BaseANN

import lookalike

METRICS = {"euclidean": "euclidean", "angular": "cosine"}


class Lookalike(BaseANN):  # type: ignore[misc]
    """`lookalike.Index`, whose one query argument is the recall to aim at."""

    def __init__(self, metric: str) -> None:
        self.metric = METRICS[metric]
        self.name = "lookalike"

    def fit(self, X: npt.NDArray[Any]) -> None:  # noqa: N803
        self.index = lookalike.Index.build(X, metric=self.metric, seed=0)

    def set_query_arguments(self, recall: float) -> None:
        self.recall = recall
        self.name = f"lookalike(recall={recall})"

    def query(self, v: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.index.search(v, n, recall=self.recall, n_jobs=1)[0][0]
        return found

    def batch_query(self, X: npt.NDArray[Any], n: int) -> None:  # noqa: N803
        self.found = self.index.search(X, n, recall=self.recall)[0]

    def get_batch_results(self) -> npt.NDArray[np.int64]:
        return self.found
