"""The form in which rows and queries are given to a hash family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Metric, Rows
from lookalike.index.row_forms import comparable

LONGER = 1 + 1e-6
"""Of rows that are longer than the radius by no more than this factor, rounding is the cause."""


@dataclass(frozen=True, slots=True)
class Lift:
    """Makes a nearest row by `metric` one by Euclidean distance or angle, for which families hash.

    Under "dot" a row v becomes (v, sqrt(radius^2 - |v|^2)), on the sphere of the longest row's length, and a query
    (q, 0) of that length: the nearest row then is that of the largest inner product (Bachrach et al., RecSys 2014).
    """

    metric: Metric
    radius: float
    """Length of the longest row, under "dot"."""

    def takes(self, rows: Rows) -> bool:
        """Return whether no row of `rows` (n, d) is longer than those that this was made for."""
        if self.metric != "dot" or not len(rows):
            return True
        wide = rows.astype(np.float64)
        return float(np.einsum("ij,ij->i", wide, wide).max() ** 0.5) <= LONGER * self.radius

    def dimension(self, dimension: int) -> int:
        """Return the dimension that vectors of a dimension then have."""
        return dimension + (self.metric == "dot")

    def rows(self, rows: Rows) -> Float32:
        """Return kept rows (n, d) as a family takes them."""
        vectors = comparable(rows, self.metric)
        if self.metric != "dot":
            return vectors
        squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        height = np.sqrt(np.maximum(self.radius**2 - squares, 0)).astype(np.float32)
        return np.append(vectors, height[:, np.newaxis], axis=1)

    def queries(self, queries: Float32) -> Float32:
        """Return queries (q, d) as a family takes them."""
        if self.metric != "dot":
            return queries
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        scaled = queries * (self.radius / np.where(lengths > 0, lengths, 1))
        return np.append(scaled, np.zeros((len(queries), 1)), axis=1).astype(np.float32)
