"""Sources in order, for many queries at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.collection.late_recall import Estimate


@dataclass(frozen=True, slots=True)
class Rankings:
    """Sources by number, the best first, for each query, with the weighted distance and that in each feature.

    Arrays are (q, k), with numbers padded by -1 at the end. A distance is NaN where a source has not the feature; the
    weighted one is where words alone were asked for.
    """

    numbers: Int64
    distances: Float32
    features: Mapping[str, Float32]
    own: Float32 | None = None
    """(q,): the weighted distance of the query's own source where it was found and left out, else NaN."""
    estimate: Estimate | None = None
    """Of their recall; None where nothing is compared by looks."""

    @classmethod
    def of(cls, rankings: Sequence[Rankings], k: int) -> Rankings:
        """Return rankings of one query each, of no more than k sources, as one."""
        names = rankings[0].features if rankings else ()
        numbers = np.full((len(rankings), k), -1, dtype=np.int64)
        distances = np.full((len(rankings), k), np.inf, dtype=np.float32)
        features = {name: np.full((len(rankings), k), np.nan, dtype=np.float32) for name in names}
        for row, ranking in enumerate(rankings):
            width = ranking.numbers.shape[1]
            numbers[row, :width], distances[row, :width] = ranking.numbers[0], ranking.distances[0]
            for name, part in ranking.features.items():
                features[name][row, :width] = part[0]
        return cls(numbers, distances, features)

    def take(self, order: Int64) -> Rankings:
        """Return the sources at the places `order` (q, m) of each ranking."""
        return replace(
            self,
            numbers=np.take_along_axis(self.numbers, order, axis=1),
            distances=np.take_along_axis(self.distances, order, axis=1),
            features={name: np.take_along_axis(part, order, axis=1) for name, part in self.features.items()},
        )

    def first(self, k: int, max_distance: float | None) -> Rankings:
        """Return the first k of the ranking of one query that are within a distance."""
        within = np.arange(self.numbers.shape[1])
        if max_distance is not None:
            within = np.flatnonzero(self.distances[0] <= max_distance)
        return self.take(within[np.newaxis, :k])

    def without(self, own: Int64, k: int) -> Rankings:
        """Return the first k, one less than there are, that are not the query's own source, `own` (q,), -1 for none."""
        width = self.numbers.shape[1]
        is_own = (self.numbers == own[:, np.newaxis]) & (own >= 0)[:, np.newaxis]
        found = is_own.any(axis=1)
        # Who did not find himself goes without the last.
        place = np.where(found, is_own.argmax(axis=1), width - 1)[:, np.newaxis]
        rows = np.arange(len(own))[:, np.newaxis] * width
        kept = np.arange(min(k, width - 1))
        flat = rows + kept + (kept >= place)
        distance = np.where(found, self.distances.take((rows + place)[:, 0]), np.float32(np.nan))
        return Rankings(
            self.numbers.take(flat),
            self.distances.take(flat),
            {name: part.take(flat) for name, part in self.features.items()},
            distance,
            self.estimate,
        )

    def leaving_out(self, numbers: Int64, k: int) -> Rankings:
        """Return the first k that are none of `numbers`."""
        left_out = np.isin(self.numbers, numbers)
        kept = np.count_nonzero(~left_out & (self.numbers >= 0), axis=1)
        rest = self.take(np.argsort(left_out, axis=1, kind="stable")[:, :k])
        there = np.arange(rest.numbers.shape[1]) < kept[:, np.newaxis]
        return replace(rest, numbers=np.where(there, rest.numbers, -1))

    def counts(self) -> Int64:
        """Return how many sources each ranking has, (q,)."""
        counted: Int64 = (self.numbers >= 0).sum(axis=1)
        return counted

    def sources(self) -> set[int]:
        """Return the numbers of all sources that are ranked."""
        return set(self.numbers.ravel().tolist()) - {-1}
