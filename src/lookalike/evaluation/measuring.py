"""Rankings of sampled queries, measured by what is relevant to each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.evaluation.measures import average_precision, ndcg, precision, recall
from lookalike.evaluation.relevance import Relevance, graded


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of rankings, a figure a query, (q,)."""

    precision: Float64
    average_precision: Float64
    recall: Float64
    ndcg: Float64 | None
    """None where there are no grades but relevant and not."""


class Measuring:
    """Measures rankings of the same queries."""

    def __init__(self, relevance: Relevance, queries: Int64, k: int) -> None:
        self.queries = queries
        self.k = k
        self._relevance = relevance
        self._relevant = np.zeros(len(queries), dtype=np.int64)
        self._ideal = np.zeros((len(queries), k), dtype=np.float32)
        self._is_graded = False
        for row, query in enumerate(queries.tolist()):
            _, grades = relevance.grades(query)
            self._relevant[row] = np.count_nonzero(grades > 0)
            best = np.sort(grades)[::-1][:k]
            self._ideal[row, : len(best)] = best
            self._is_graded |= bool(((grades != 0) & (grades != 1)).any())

    def grades(self, numbers: Int64) -> Float32:
        """Return the grades of rankings (q, m), 0 for the number -1."""
        asked = zip(self.queries.tolist(), numbers, strict=True)
        return np.stack([graded(self._relevance.grades(query), row) for query, row in asked])

    def judged(self, numbers: Int64) -> float:
        """Return the share of the first k of rankings (q, m) that somebody has judged."""
        asked = zip(self.queries.tolist(), numbers[:, : self.k], strict=True)
        known = [graded(self._relevance.grades(query), row, unknown=-1) >= 0 for query, row in asked]
        return float(np.mean(known))

    def of(self, grades: Float32) -> Measured:
        """Return the measures of rankings whose sources have these grades (q, m)."""
        return Measured(
            precision(grades, self.k),
            average_precision(grades, self._relevant),
            recall(grades, self._relevant, self.k),
            ndcg(grades, self._ideal, self.k) if self._is_graded else None,
        )
