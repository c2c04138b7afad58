"""Distances of several features made comparable, and how much each of them should say.

Distances of unlike features have unlike scales: one feature has everything between 0.4 and 0.6, another between 0 and
900. What makes them comparable is how they are spread over a collection. Of some of its sources, the distances of all
pairs are measured in each feature (`Distributions.of`), and a distance is then counted in standard deviations of these,
as in the z-scores of Jain, Nandakumar and Ross ("Score normalization in multimodal biometric systems", 2005). Equal
weights then mean equal say.

Weights that nobody gives come from the same numbers (`Distributions.weights`), in two steps, without any label:

1. How well does a feature know what is alike? Its *quality* is its cohesion times e to the power of -1.5 asymmetry.
   The cohesion is the share of the nearest that two neighbours have in common (shared nearest neighbours: Jarvis and
   Patrick, 1973; Houle and others, 2010): neighbours by noise, or by many independent numbers, have none in common.
   The asymmetry is that of the tails of the distances, from -1 to 1 (Hinkley, 1975): where a feature knows things
   apart, most pairs are about as far apart, and few are much nearer, so that the long tail is that of near pairs; a
   mean colour, whose neighbours hold together, too, has its long tail among the far ones.
2. The nearest neighbours by a good feature stand in for what is truly alike (pseudo-relevance feedback: Croft and
   Harper, 1979), and each feature weighs as the square of how near it has these. A feature that knows nothing of them
   gets next to nothing, one that agrees may say nearly as much as the good one. Each feature takes its turn as the one
   that is believed, and what comes of that counts by the eighth power of its quality: the best one decides, unless
   several are about as good.

Both powers, and how many neighbours are looked at, were chosen over all pairs of a dozen features, good and bad, on
photographs of many classes, product photographs and views of photographs at once; see `benchmarks/fusion.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Float64, Int64

FEWEST = 16
"""Of fewer sources nothing is said of a feature's quality, and all weigh the same."""
COHESIVE = 3
"""Neighbours whose own neighbours are compared."""
TAILS = 1, 99
"""Percentiles of distances beyond which their tails begin."""
TAILED = 1.5
"""How much the asymmetry of the tails counts."""
ALIKE = 5
"""Neighbours of the believed feature that stand in for what is truly alike."""
TRUST = 8
"""The power of quality by which features are believed."""
EMPHASIS = 2
"""The power of nearness by which features weigh."""
LEAST = 1e-6
"""The least weight, so that sources are compared which have nothing but a feature that knows nothing."""


@dataclass(frozen=True, slots=True)
class Distributions:
    """How the distances of a collection's features are distributed; arrays are (f,) or (f, f) by feature.

    Attributes:
        names: the features.
        usual: the mean distance of two sources.
        spread: the standard deviation of these distances, above 0; what a distance is counted in.
        quality: how well neighbours by the feature hold together, see above; only the ratio of two says
            anything. NaN where too few sources have the feature.
        nearness: at [i, j], how far below `usual` the nearest neighbours by feature i are in feature j, in `spread`.
    """

    names: tuple[str, ...]
    usual: Float64
    spread: Float64
    quality: Float64
    nearness: Float64

    @classmethod
    def of(cls, distances: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return what can be said of the distances (n, n) among the same n sources in each feature.

        They are NaN in the rows and columns of a source that lacks the feature; the diagonal is not read. Some hundred
        sources are enough. Of fewer than 16 that have a feature, its spread is the root mean square of its distances,
        and its quality is NaN: not known.
        """
        names, count = tuple(distances), len(distances)
        usual, spread, quality = np.zeros(count), np.ones(count), np.full(count, np.nan)
        scaled: list[Float32] = []
        neighbours: list[Int64] = []
        for place, matrix in enumerate(distances.values()):
            own = np.array(matrix, dtype=np.float64)
            np.fill_diagonal(own, np.nan)
            has = np.flatnonzero(~np.isnan(own).all(axis=1))
            usual[place], spread[place] = _scale(own[~np.isnan(own)], enough=len(has) >= FEWEST)
            scaled.append(((own - usual[place]) / spread[place]).astype(np.float32))
            neighbours.append(_neighbours(scaled[-1]))
            if len(has) >= FEWEST:
                quality[place] = _symmetry(own[~np.isnan(own)]) * _cohesion(neighbours[-1], has)
        nearness = np.array([[_nearness(other, nearest) for other in scaled] for nearest in neighbours])
        return cls(names, usual, spread, quality, nearness.reshape(count, count))

    def weights(self, names: Collection[str]) -> dict[str, float]:
        """Return how much each of the features `names` should say, in comparable distances; they sum to 1.

        All the same where the quality of one of them is not known, or none has any.
        """
        chosen = [self.names.index(name) for name in names if name in self.names]
        quality = self.quality[chosen]
        if len(chosen) < len(names) or np.isnan(quality).any() or not (quality > 0).any():
            return dict.fromkeys(names, 1 / len(names))
        near = self.nearness[np.ix_(chosen, chosen)] ** EMPHASIS
        near /= np.maximum(near.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        weights = (quality / quality.max()) ** TRUST @ near
        weights = np.maximum(weights / weights.sum(), LEAST)
        return dict(zip(names, (weights / weights.sum()).tolist(), strict=True))

    def shares(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return what each feature's own distances are multiplied by, given weights of comparable ones; they sum to 1.

        So the sum of the products is a weighted mean of the features' own distances. One that was never measured has
        the scale 1.
        """
        known = dict(zip(self.names, self.spread.tolist(), strict=True))
        parts = {name: weight / known.get(name, 1.0) for name, weight in weights.items()}
        total = sum(parts.values())
        return {name: part / total for name, part in parts.items()}

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON types."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        arrays["quality"] = [None if np.isnan(one) else one for one in arrays["quality"]]
        return {"features": list(self.names), **arrays}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave."""
        count = len(told["features"])
        arrays = {name: np.array(told[name], dtype=np.float64) for name in _ARRAYS}
        arrays["nearness"] = arrays["nearness"].reshape(count, count)
        return cls(tuple(told["features"]), **arrays)


_ARRAYS = ("usual", "spread", "quality", "nearness")


def _scale(told: Float64, *, enough: bool) -> tuple[float, float]:
    """Return mean and spread of distances (m,)."""
    if not len(told):
        return 0.0, 1.0
    usual = float(told.mean())
    spread = float(told.std() if enough else np.sqrt(np.square(told).mean()))
    if spread > 1e-6 * abs(usual):
        return usual, spread
    return usual, abs(usual) or 1.0  # all are as far apart, so that nothing is known of how they are spread


def _neighbours(scaled: Float32) -> Int64:
    """Return the nearest of each source, (n, ALIKE) or fewer, nearest first, -1 where there are no more.

    Of equally near ones those come first that follow on the source in a circle of all: were it the same few for each
    source, they would seem to hold together.
    """
    places = np.arange(len(scaled))
    circle = (places[:, np.newaxis] + places) % max(len(scaled), 1)
    turned = np.take_along_axis(scaled, circle, axis=1)
    ordered = np.argsort(turned, axis=1, kind="stable")[:, :ALIKE]
    told = ~np.isnan(np.take_along_axis(turned, ordered, axis=1))
    nearest: Int64 = np.where(told, np.take_along_axis(circle, ordered, axis=1), -1)
    return nearest


def _symmetry(told: Float64) -> float:
    """Return e to the power of -1.5 asymmetry, which is from -1 to 1; 0 where distances have no tails at all."""
    near, middle, far = np.percentile(told, (TAILS[0], 50, TAILS[1]))
    return float(np.exp(-TAILED * (far + near - 2 * middle) / (far - near))) if far > near else 0.0


def _cohesion(neighbours: Int64, has: Int64) -> float:
    """Return the share of its nearest that a source, of those in `has`, has in common with one of these."""
    nearest = neighbours[:, :COHESIVE]
    own = nearest[has][:, np.newaxis, :, np.newaxis]
    theirs = nearest[nearest[has]][:, :, np.newaxis, :]
    return float((own == theirs).any(axis=3).mean())


def _nearness(scaled: Float32, neighbours: Int64) -> float:
    """Return how far below the usual distance the nearest by one feature are in another, 0 where they are not."""
    rows, ranks = np.nonzero(neighbours >= 0)
    found = scaled[rows, neighbours[rows, ranks]]
    found = found[~np.isnan(found)]
    return max(-float(found.mean(dtype=np.float64)), 0.0) if len(found) else 0.0
