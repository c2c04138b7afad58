"""A sample of vectors: queries among them, their nearest rows, and what these tell of recall among all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from lookalike.arrays import Bool, Float32, Float64, Int64, Metric
from lookalike.index.row_forms import as_hashed
from lookalike.index.scan import scan

K = 10
"""Whose finding is predicted: the nearest of each query."""
QUERIES = 256
"""Rows of a sample whose nearest are looked for, at most every fourth."""
ROUNDS, LONGEST_STEP = 25, 2.0
"""Of Newton's method, and how far a logit is moved in one."""
PRIOR = 0.01
"""Weight of a prior for coefficients of 0, in rows that are met or not: where all are met, they stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Queries and rows, drawn at random from all rows, in the form in which they are hashed."""

    queries: Float32
    """(q, d)."""
    rows: Float32
    """(s, d), none of them a query."""
    learned: int
    """So many first rows are those that schemes are learned from."""
    nearest: Int64
    """(q, k): the rows that are nearest to each query, nearest first."""

    @classmethod
    def of(cls, given: Float32, metric: Metric, most_learned: int, seed: int) -> Self:
        """Draw queries from `given` (n, d), and rows to learn from: two of three others, `most_learned` at most."""
        order = np.random.default_rng(seed).permutation(len(given))
        count = min(QUERIES, len(given) // 4)
        queries, rows = as_hashed(given[order[:count]], metric), as_hashed(given[order[count:]], metric)
        nearest, _ = scan(queries, rows, np.arange(len(rows)), min(K, len(rows)), "euclidean")
        return cls(queries, rows, min(most_learned, 2 * len(rows) // 3), nearest)

    def recall(self, found: Float64, rows: int) -> tuple[float, float]:
        """Return the recall of the nearest among all `rows`, and its standard error.

        The r-th nearest of s rows that were drawn at random from n is about as far as the (r n / s)-th nearest of all.
        So the chance to be found is told as a function of the rank's share: its logit is linear in the logarithm of
        (r - 1/2) / s, since the share of neighbours that a border between cells parts grows as a power of their
        distance, and this as a power of the rank (Levina and Bickel, NeurIPS 2004). Rows that a scheme was learned
        from are found more often, since centroids lie nearer to them: the logit has a term for it, and of all rows only
        so many are such. The error is by how queries differ, whose neighbours are found or missed together.

        Args:
            found: (q, k), the chance that each of `nearest` is found; 0 or 1 where that is certain.
            rows: from s on.
        """
        known = self.nearest < self.learned
        ranks = np.arange(1, found.shape[1] + 1) - 0.5
        middle = np.log(ranks / len(self.rows)).mean()
        places, asked = np.log(ranks / len(self.rows)) - middle, np.log(ranks / rows) - middle
        features = np.stack(
            [np.ones(found.shape), np.broadcast_to(places, found.shape), known.astype(np.float64)], axis=2
        )
        coefficients, inverse = _logistic(found, places, known)
        told = np.stack([np.ones(len(asked)), asked, np.zeros(len(asked))], axis=1)
        share = self.learned / rows
        parts = [(1 - share, told), (share, told + np.array([0, 0, 1]))]
        recall, slope = 0.0, np.zeros(3)
        for weight, each in parts:
            chances = _chance(each @ coefficients)
            recall += weight * float(chances.mean())
            slope += weight * (chances * (1 - chances)) @ each / len(each)
        left = found - _chance(features @ coefficients)
        moved = np.einsum("qk,qkf->qf", left, features) @ inverse @ slope
        return recall, float(np.sqrt(np.square(moved).sum()))


def _logistic(found: Float64, places: Float64, known: Bool) -> tuple[Float64, Float64]:
    """Return the coefficients (3,) of a logistic regression on 1, `places` and `known`, and their inverse information.

    By Newton's method, on the shares of those of each rank that were learned from and of those that were not.
    """
    ones, zeros = np.ones(len(places)), np.zeros(len(places))
    features = np.stack(
        [np.append(ones, ones), np.append(places, places), np.append(zeros, ones)], axis=1
    )  # (2 k, 3)
    counts = np.append((~known).sum(axis=0), known.sum(axis=0)).astype(np.float64)
    sums = np.append(np.where(known, 0, found).sum(axis=0), np.where(known, found, 0).sum(axis=0))
    coefficients = np.zeros(3)
    for _ in range(ROUNDS):
        chances = _chance(features @ coefficients)
        information = (features.T * (counts * chances * (1 - chances))) @ features + PRIOR * np.eye(3)
        step = np.linalg.solve(information, features.T @ (sums - counts * chances) - PRIOR * coefficients)
        coefficients += step * min(1.0, LONGEST_STEP / max(np.abs(features @ step).max(), 1e-9))
    return coefficients, np.linalg.inv(information).astype(np.float64)


def _chance(logits: Float64) -> Float64:
    """Return 1 / (1 + exp(-logits)), without overflow."""
    chances: Float64 = (1 + np.tanh(logits / 2)) / 2
    return chances
