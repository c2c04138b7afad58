"""Several features as one distance, also for sources that lack some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.index import IndexView


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weighted distance of sources from one query.

    A source that has all features is at the weighted mean of its distances in them. One that lacks some is compared by
    those that it has: features differ in how far apart things usually are in them, so its mean over these is brought to
    the scale of the mean over all by the ratio of the two for usual sources, of which a sample is asked.
    """

    indexes: Mapping[str, IndexView]
    vectors: Mapping[str, Float32]
    weights: Mapping[str, float]
    some_lack: bool
    """Whether there are sources that lack features."""
    usual: Mapping[str, float]
    """The query's mean distance from a sample of sources, in each feature; empty where none has them all."""

    @classmethod
    def of(
        cls,
        indexes: Mapping[str, IndexView],
        vectors: Mapping[str, Float32],
        weights: Mapping[str, float],
        sample: Int64 | None,
    ) -> Self:
        """Return the weighing of one query, given sources (s,) that have all features; None where all sources do."""
        usual = {}
        if sample is not None and len(sample):
            usual = {
                name: float(index.distances(vectors[name], sample).mean()) for name, index in indexes.items()
            }
        return cls(indexes, vectors, weights, sample is not None, usual)

    def distances(self, numbers: Int64) -> tuple[Float64, dict[str, Float32]]:
        """Return the weighted distance of sources (n,), NaN for one without any feature; and that in each feature."""
        parts = {name: index.distances(self.vectors[name], numbers) for name, index in self.indexes.items()}
        total = np.zeros(len(numbers), dtype=np.float64)
        for name, distances in parts.items():
            total += self.weights[name] * distances
        lacks = np.flatnonzero(np.isnan(total))
        if len(lacks):
            total[lacks] = self._of_lacking({name: distances[lacks] for name, distances in parts.items()})
        return total, parts

    def threshold(self, ends: Mapping[str, float]) -> float:
        """Return what no source is nearer than that is in none of the lists, given the last distance of each."""
        whole = sum(self.weights[name] * end for name, end in ends.items())
        if not self.some_lack:
            return whole
        # It may have any of the features.
        names = list(ends)
        return min(
            self._scale(had) * sum(self.weights[name] * ends[name] for name in had)
            for size in range(1, len(names) + 1)
            for had in combinations(names, size)
        )

    def _of_lacking(self, parts: Mapping[str, Float32]) -> Float64:
        """Return the weighted distances of sources that lack features."""
        has = {name: ~np.isnan(distances) for name, distances in parts.items()}
        patterns = np.stack(list(has.values()), axis=1)
        total = np.full(len(patterns), np.nan)
        for pattern in np.unique(patterns, axis=0):
            had = [name for name, there in zip(parts, pattern.tolist(), strict=True) if there]
            if had:
                rows = np.flatnonzero((patterns == pattern).all(axis=1))
                total[rows] = self._scale(had) * sum(self.weights[name] * parts[name][rows] for name in had)
        return total

    def _scale(self, had: list[str] | tuple[str, ...]) -> float:
        """Return by what the weighted sum over the features `had` is multiplied."""
        weight = sum(self.weights[name] for name in had)
        usual = sum(self.weights[name] * self.usual.get(name, 0.0) for name in had)
        whole = sum(self.weights[name] * distance for name, distance in self.usual.items())
        if not usual > 0 or not whole > 0:  # inner products have no scale of their own
            return 1 / weight
        return whole / usual
