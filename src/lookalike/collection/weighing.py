"""Several features as one distance, also for sources that lack some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.index import IndexView


@dataclass(frozen=True, slots=True)
class Weighing:
    """The weighted distance of sources from one query.

    A source that has all features is at the mean of its distances in them, weighted by shares (see `Say`). One that
    lacks some is compared by those that it has: its mean over these is brought to the scale of the mean over all by the
    ratio of the two for usual sources, of which a sample is asked.
    """

    indexes: Mapping[str, IndexView]
    vectors: Mapping[str, Float32]
    shares: Mapping[str, float]
    """What the distances in each feature are multiplied by, see `Say`; they sum to 1."""
    some_lack: bool
    """Whether there are sources that lack features."""
    usual: Mapping[str, float]
    """The query's mean distance from a sample of sources, in each feature; empty where none has them all."""

    @classmethod
    def of(
        cls,
        indexes: Mapping[str, IndexView],
        vectors: Mapping[str, Float32],
        shares: Mapping[str, float],
        sample: Int64 | None,
    ) -> Self:
        """Return the weighing of one query, given sources (s,) that have all features; None where all sources do."""
        usual = {}
        if sample is not None and len(sample):
            usual = {
                name: float(index.distances(vectors[name], sample).mean()) for name, index in indexes.items()
            }
        return cls(indexes, vectors, shares, sample is not None, usual)

    def distances(self, numbers: Int64) -> tuple[Float64, dict[str, Float32]]:
        """Return the weighted distance of sources (n,), NaN for one without any feature; and that in each feature."""
        parts = {name: index.distances(self.vectors[name], numbers) for name, index in self.indexes.items()}
        total = np.zeros(len(numbers), dtype=np.float64)
        for name, distances in parts.items():
            total += self.shares[name] * distances
        lacks = np.flatnonzero(np.isnan(total))
        if len(lacks):
            total[lacks] = self._of_lacking({name: distances[lacks] for name, distances in parts.items()})
        return total, parts

    def threshold(self, ends: Mapping[str, float]) -> float:
        """Return what no source is nearer than that is in none of the lists, given the last distance of each."""
        whole = sum(self.shares[name] * end for name, end in ends.items())
        if not self.some_lack:
            return whole
        # It may have any of the features; but by some together it is no nearer than by one of them alone, since what is
        # compared is a ratio of sums, or a mean.
        alone = [
            float(self._brought([name], self.shares[name] * np.float64(end))) for name, end in ends.items()
        ]
        return min(whole, *alone)

    def _of_lacking(self, parts: Mapping[str, Float32]) -> Float64:
        """Return the weighted distances of sources that lack features."""
        has = {name: ~np.isnan(distances) for name, distances in parts.items()}
        patterns = np.stack(list(has.values()), axis=1)
        total = np.full(len(patterns), np.nan)
        for pattern in np.unique(patterns, axis=0):
            had = [name for name, there in zip(parts, pattern.tolist(), strict=True) if there]
            if had:
                rows = np.flatnonzero((patterns == pattern).all(axis=1))
                own = np.sum(
                    [self.shares[name] * parts[name][rows] for name in had], axis=0, dtype=np.float64
                )
                total[rows] = self._brought(had, own)
        return total

    def _brought(self, had: Sequence[str], own: Any) -> Any:
        """Return on the scale of all features what the weighted sum over the features `had`, (n,) or one, is.

        By the ratio of the two for usual sources. Inner products have no zero that this could keep: they are moved by
        the difference.
        """
        usual = sum(self.shares[name] * self.usual.get(name, 0.0) for name in had)
        whole = sum(self.shares[name] * distance for name, distance in self.usual.items())
        if usual > 0 and all(distance >= 0 for distance in self.usual.values()):
            return own * (whole / usual)
        return (own - usual) / sum(self.shares[name] for name in had) + whole
