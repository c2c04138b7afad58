"""How distances in each feature are distributed: measured on a sample of sources, and kept in the catalogue.

What is measured is a function of the catalogue's state, so that whoever measures it gets the same: who writes does so
when the vectors have changed enough, and a search that finds it out of date does without waiting for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lookalike.arrays import Float32, Int64, Metric, Rows, as_metric
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.collection.backends import Backend
from lookalike.errors import LookalikeError
from lookalike.fusion import Distributions
from lookalike.index.exact_rows import distances_to
from lookalike.index.row_forms import unit_rows

SAMPLED = 1000
"""Sources that are compared with one another."""
RENEWED = 0.25
"""Once this share of a feature's vectors has changed, is new or is gone, all is measured anew."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Distributions, and the state that they were measured in."""

    generation: int
    features: Mapping[str, tuple[int, int]]
    """By name: the generation that the feature is of, and how many vectors it had."""
    distributions: Distributions

    @classmethod
    def of(cls, catalogue: Catalogue, features: Mapping[str, FeatureRecord]) -> Self:
        """Measure the state that a snapshot reads."""
        generation = catalogue.generation()
        having = {name: catalogue.numbers_with([name]) for name in features}
        numbers = sample_of(list(having.values()))
        counts = {name: (record.generation, len(having[name])) for name, record in features.items()}
        distances = {
            name: _distances(catalogue, name, as_metric(record.metric), numbers)
            for name, record in features.items()
        }
        return cls(generation, counts, Distributions.of(distances))

    @classmethod
    def kept(cls, catalogue: Catalogue) -> Self | None:
        """Return what the catalogue keeps; None where that is nothing, or nothing that can be read."""
        found = catalogue.distributions()
        if found is None:
            return None
        try:
            counts = {name: (int(first), int(count)) for name, (first, count) in found[1]["counts"].items()}
            return cls(found[0], counts, Distributions.from_json(found[1]["distributions"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return what the catalogue keeps beside the generation, as JSON types."""
        counts = {name: list(count) for name, count in self.features.items()}
        return {"counts": counts, "distributions": self.distributions.to_json()}

    def fits(self, catalogue: Catalogue, features: Mapping[str, FeatureRecord]) -> bool:
        """Return whether this still tells of the state that a snapshot reads."""
        for name, record in features.items():
            if name not in self.features or self.features[name][0] != record.generation:
                return False
        if self.generation == catalogue.generation():
            return True
        changed = catalogue.changed_counts(self.generation)
        for name in features:
            before, (now, new) = self.features[name][1], changed.get(name, (0, 0))
            gone = max(before + new - now, 0)
            if max(new, gone) > RENEWED * before:
                return False
        return True


class KeptDistributions:
    """The distributions of one open collection."""

    def __init__(self, backend: Backend, catalogue: Catalogue) -> None:
        self._backend = backend
        self._catalogue = catalogue

    def of(self, snapshot: Catalogue, features: Mapping[str, FeatureRecord]) -> Distributions:
        """Return those of the state that `snapshot` reads; what had to be measured is kept where it may be."""
        found = Measured.kept(snapshot)
        if found is not None and found.fits(snapshot, features):
            return found.distributions
        measured = Measured.of(snapshot, features)
        # Somebody else may be writing, who measures then, or it may not be written.
        with suppress(LookalikeError), self._backend.filling(shared=True):
            self._keep(measured)
        return measured.distributions

    def update(self) -> None:
        """Measure and keep, if the vectors of several features have changed enough. Needs the writer lock."""
        with self._catalogue.snapshot() as snapshot:
            features = snapshot.features()
            found = Measured.kept(snapshot)
            if len(features) < 2 or (found is not None and found.fits(snapshot, features)):
                return
            measured = Measured.of(snapshot, features)
        self._keep(measured)

    def _keep(self, measured: Measured) -> None:
        with self._catalogue.write() as writer:
            writer.put_distributions(measured.generation, measured.to_json())


def sample_of(having: list[Int64]) -> Int64:
    """Return the numbers, ascending, of the sources that are compared, given those that have each feature.

    They are those whose numbers, mixed, are the least: the same whoever asks, and mostly the same when more are added.
    Sources that have all features go before those that lack some.
    """
    every = np.unique(np.concatenate([*having, np.empty(0, dtype=np.int64)]))
    lacks = len(having) - sum((np.isin(every, numbers).astype(np.int64) for numbers in having), np.int64(0))
    order = np.lexsort((_mixed(every), np.asarray(lacks) > 0))
    chosen: Int64 = np.sort(every[order[:SAMPLED]])
    return chosen


def _mixed(numbers: Int64) -> Int64:
    """Return numbers (n,) mixed thoroughly (the finaliser of SplitMix64: Steele, Lea and Flood, 2014)."""
    mixed = numbers.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.int64)


def _distances(catalogue: Catalogue, feature: str, metric: Metric, numbers: Int64) -> Float32:
    """Return the distances (n, n) among sources, NaN where one lacks the feature."""
    found, rows = catalogue.vectors(feature, numbers)
    distances = np.full((len(numbers),) * 2, np.nan, dtype=np.float32)
    if len(found):
        places = np.searchsorted(numbers, found)
        distances[np.ix_(places, places)] = pairwise(rows, metric)
    return distances


def pairwise(rows: Rows, metric: Metric) -> Float32:
    """Return the distances (n, n) of all pairs of `rows` (n, d)."""
    if metric not in ("cosine", "dot", "euclidean"):
        return np.stack([distances_to(row[np.newaxis], rows, metric) for row in rows])
    vectors = rows.astype(np.float32, copy=False)
    if metric == "cosine":
        vectors = unit_rows(vectors)
    products: Float32 = vectors @ vectors.T
    if metric == "dot":
        return -products
    if metric == "cosine":
        return np.maximum(1 - products, 0)
    squares = np.vecdot(vectors, vectors)
    apart: Float32 = np.sqrt(np.maximum(squares[:, np.newaxis] + squares - 2 * products, 0))
    return apart
