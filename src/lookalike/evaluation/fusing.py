"""Several features as one distance, for many queries and many weights: rankings of the same candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Bool, Float32, Float64, Int64

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sources near a query in any feature, with their exact distances in all: what fused rankings are made of."""

    numbers: Int64
    """(q, c), ascending in each row, then padded with -1."""
    grades: Float32
    """(q, c), 0 for padding."""
    distances: Mapping[str, Float32]
    """(q, c) in each feature; NaN where a source lacks it, and for padding."""
    ends: Mapping[str, Float32]
    """(q,), the distance that no other source is nearer than, in each feature; infinity where there is no other."""
    scale: Mapping[str, float]
    """What distances are multiplied by to be comparable."""
    usual: Mapping[str, Float64]
    """(q,), the mean distance of each query to some sources that have all features."""

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.numbers)

    def first(self, weights: Weights, k: int) -> Int64:
        """Return the places (q, k) of the k nearest candidates by these weights, nearest first, then by number."""
        total = self._fused(weights)
        if k >= total.shape[1]:
            return np.argsort(total, axis=1, kind="stable")
        places: Int64 = np.sort(np.argpartition(total, k - 1, axis=1)[:, :k], axis=1)
        last = np.take_along_axis(total, places, axis=1).max(axis=1, keepdims=True)
        near = np.take_along_axis(total, places, axis=1)
        places = np.take_along_axis(places, np.argsort(near, axis=1, kind="stable"), axis=1)
        tied = np.count_nonzero(total <= last, axis=1) > k  # a partition does not care which of them it takes
        places[tied] = np.argsort(total[tied], axis=1, kind="stable")[:, :k]
        return places

    def grades_of(self, places: Int64) -> Float32:
        """Return the grades (q, k) at these places."""
        return np.take_along_axis(self.grades, places, axis=1)

    def proven(self, weights: Weights, k: int) -> float:
        """Return the share of queries whose k nearest are proven to be among the candidates.

        By the threshold of Fagin, Lotem and Naor (PODS 2001): no other source is nearer than the fused distance of the
        ends. Those that lack features are not looked at.
        """
        total = self._fused(weights)
        k = min(k, total.shape[1])
        last = np.partition(total, k - 1, axis=1)[:, k - 1]
        weighed = {name: weight for name, weight in weights.items() if weight > 0}
        threshold = sum(weight * self.scale[name] * self.ends[name] for name, weight in weighed.items())
        return float(np.mean(last <= threshold))

    def _fused(self, weights: Weights) -> Float64:
        """Return the weighted distances (q, c), infinite for padding and sources without any of the features."""
        parts = {name: self.distances[name] for name, weight in weights.items() if weight > 0}
        factors = {name: weights[name] * self.scale[name] for name in parts}
        total = np.zeros(self.numbers.shape)
        for name, part in parts.items():
            total += factors[name] * part
        lacks = np.isnan(total)
        if lacks.any():
            query, place = np.nonzero(lacks)
            total[lacks] = self._lacking(
                {name: part[query, place] for name, part in parts.items()}, factors, query
            )
        return total

    def _lacking(self, parts: Mapping[str, Float32], factors: Weights, query: Int64) -> Float64:
        """Return the weighted distances of pairs by the features that each has, on the scale of all."""
        had: dict[str, Bool] = {name: ~np.isnan(part) for name, part in parts.items()}
        total, usual, whole = (np.zeros(len(query)) for _ in range(3))
        for name, factor in factors.items():
            total += np.where(had[name], factor * np.nan_to_num(parts[name]), 0.0)
            usual += np.where(had[name], factor * self.usual[name][query], 0.0)
            whole += factor * self.usual[name][query]
        weight = sum(np.where(had[name], factor, 0.0) for name, factor in factors.items())
        # Inner products have no zero to keep, and are moved instead.
        positive = np.all([self.usual[name][query] >= 0 for name in factors], axis=0)
        scaled = (usual > 0) & positive
        with np.errstate(divide="ignore", invalid="ignore"):
            brought = np.where(scaled, total * whole / usual, (total - usual) / weight + whole)
        return np.where(np.any(list(had.values()), axis=0), brought, np.inf)


def united(lists: Sequence[Int64]) -> Int64:
    """Return the numbers (q, c) that any of the lists (q, m) has for each query, ascending, then padded with -1."""
    together = np.sort(np.concatenate(lists, axis=1), axis=1)
    first = np.ones(together.shape, dtype=bool)
    first[:, 1:] = together[:, 1:] != together[:, :-1]
    first &= together >= 0
    counts = first.sum(axis=1)
    found = np.full((len(together), int(counts.max(initial=1))), -1, dtype=np.int64)
    found[np.arange(found.shape[1]) < counts[:, np.newaxis]] = together[first]
    return found
