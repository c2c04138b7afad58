"""Measures of rankings, a figure a query: precision, recall, average precision, and nDCG where there are grades.

The definitions are those of Manning, Raghavan and Schuetze, Introduction to Information Retrieval (2008), chapter 8.
Rankings are cut at a depth, as trec_eval cuts them at 1,000 (Buckley and Voorhees, SIGIR 2000): a relevant source below
it counts as not found.

In all of them `grades` (q, m) are of the sources in the order of each ranking, 0 for one that is not relevant and for
places that nothing is at; and `relevant` (q,), above 0, counts the relevant sources that there are, found or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from lookalike.arrays import Float32, Float64, Int64

NOISE = 2.0
"""A difference of fewer standard errors than this is told to be within the noise."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries, and its standard error (0 for one query)."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Float64) -> Self:
        """Return the mean of a value a query, (q,), q > 0."""
        error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        return cls(float(values.mean()), error)

    @property
    def is_noise(self) -> bool:
        """Whether a difference is within twice its standard error of nothing."""
        return abs(self.mean) <= NOISE * self.error


def precision(grades: Float32, k: int) -> Float64:
    """Return the share of the first k that are relevant, (q,)."""
    return _found(grades, k) / k


def recall(grades: Float32, relevant: Int64, k: int) -> Float64:
    """Return the share of the relevant sources that are among the first k, (q,)."""
    return _found(grades, k) / relevant


def average_precision(grades: Float32, relevant: Int64) -> Float64:
    """Return the mean, over the relevant sources, of the precision at the place of each; 0 for one not ranked. (q,)."""
    is_relevant = grades > 0
    at_place = np.cumsum(is_relevant, axis=1) / np.arange(1, grades.shape[1] + 1)
    total: Float64 = np.where(is_relevant, at_place, 0.0).sum(axis=1)
    return total / relevant


def ndcg(grades: Float32, ideal: Float32, k: int) -> Float64:
    """Return the normalised discounted cumulative gain of the first k, (q,).

    The gain is the grade, divided by log2 of the place and 1 (Jaervelin and Kekaelaeinen, TOIS 2002).

    Args:
        ideal: (q, i), the grades of each query in descending order, padded with 0; the first above 0.
    """
    gain: Float64 = _gain(grades, k) / _gain(ideal, k)
    return gain


def _found(grades: Float32, k: int) -> Float64:
    found: Float64 = np.count_nonzero(grades[:, :k] > 0, axis=1).astype(np.float64)
    return found


def _gain(grades: Float32, k: int) -> Float64:
    first = grades[:, :k].astype(np.float64)
    gain: Float64 = first @ (1 / np.log2(np.arange(2, first.shape[1] + 2)))
    return gain
