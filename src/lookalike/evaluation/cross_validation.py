"""Weights of features that find the most, chosen by cross-validation over queries.

Weights are tried in tenths: all that sum to one where there are few features, and else, beginning with the best of a
few, whatever moving a tenth from one feature to another betters (coordinate ascent; Metzler and Croft, Information
Retrieval 2007). What the choice is worth is told by queries that had no part in it (k-fold cross-validation; Hastie,
Tibshirani and Friedman, The Elements of Statistical Learning, section 7.10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations

import numpy as np

from lookalike.arrays import Bool, Float64, Int64
from lookalike.evaluation.measures import Figure

TENTHS = 10
FOLDS = 5
GRID_FEATURES = 3
"""Of so many features, all weights in tenths are tried: 66 of three."""

Point = tuple[int, ...]
"""Weights of the features in tenths."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Weights that were chosen, and how they do on queries that had no part in it."""

    weights: tuple[float, ...]
    """Of the features in their order, 0 for one that is not to be compared; they sum to one."""
    held_out: Figure
    """The measure of choices like this one, on the queries of the fold that each was made without."""
    gain: Figure
    """How much more that is than of the best feature alone."""
    folds: int


@dataclass
class Trial:
    """The measure of each query by weights, kept once it is known."""

    measure: Callable[[tuple[float, ...]], Float64]
    """Given weights that sum to one, of each query, (q,)."""
    known: dict[Point, Float64] = field(default_factory=dict)

    def of(self, point: Point) -> Float64:
        """Return the measure of each query."""
        if point not in self.known:
            self.known[point] = self.measure(weights_of(point))
        return self.known[point]


def weights_of(point: Point) -> tuple[float, ...]:
    """Return weights that sum to one."""
    return tuple(tenths / sum(point) for tenths in point)


def simplex(features: int, tenths: int = TENTHS) -> Iterator[Point]:
    """Yield all ways to share `tenths` among features."""
    for bars in combinations(range(tenths + features - 1), features - 1):
        edges = (-1, *bars, tenths + features - 1)
        yield tuple(right - left - 1 for left, right in pairwise(edges))


def folds_of(queries: int, folds: int = FOLDS) -> Int64:
    """Return the fold (q,) of each query, from 0: as many of each, drawn by a fixed seed."""
    drawn: Int64 = np.random.default_rng(0).permutation(queries) % min(folds, queries)
    return drawn


def propose(measure: Callable[[tuple[float, ...]], Float64], features: int, queries: int) -> Choice:
    """Return the weights that are best over all queries, or the best feature alone where that is as good held out.

    Args:
        measure: the measure of each query (q,), by weights of the features that sum to one.
        queries: how many there are, two or more.
    """
    trial = Trial(measure)
    single = max(map(_alone(features), range(features)), key=lambda point: _mean(trial, point))
    alone = trial.of(single)
    fold = folds_of(queries)
    held_out = np.empty(queries)
    for each in range(int(fold.max()) + 1):
        kept = fold != each
        held_out[~kept] = trial.of(_best(trial, features, kept))[~kept]
    point = _best(trial, features, np.ones(queries, dtype=bool))
    if held_out.mean() <= alone.mean() or _mean(trial, point) <= alone.mean():
        point, held_out = single, alone
    return Choice(weights_of(point), Figure.of(held_out), Figure.of(held_out - alone), int(fold.max()) + 1)


def _best(trial: Trial, features: int, kept: Bool) -> Point:
    """Return the weights that are best on the queries `kept` (q,); of equal ones, the most even."""

    def worth(point: Point) -> tuple[float, int]:
        return float(trial.of(point)[kept].mean()), -sum(tenths**2 for tenths in point)

    if features <= GRID_FEATURES:
        return max(simplex(features), key=worth)
    best = max(_beginnings(features), key=worth)
    while True:
        further = max(_neighbours(best), key=worth)
        if worth(further) <= worth(best):
            return best
        best = further


def _beginnings(features: int) -> Iterator[Point]:
    """Yield each feature alone, and each two equally."""
    yield from map(_alone(features), range(features))
    for pair in combinations(range(features), 2):
        yield tuple(TENTHS // 2 * (feature in pair) for feature in range(features))


def _neighbours(point: Point) -> Iterator[Point]:
    """Yield what moving a tenth from one feature to another gives."""
    for giver, taker in permutations(range(len(point)), 2):
        if point[giver]:
            yield tuple(tenths - (place == giver) + (place == taker) for place, tenths in enumerate(point))


def _alone(features: int) -> Callable[[int], Point]:
    return lambda feature: tuple(TENTHS * (place == feature) for place in range(features))


def _mean(trial: Trial, point: Point) -> float:
    return float(trial.of(point).mean())
