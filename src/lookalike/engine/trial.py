"""What tokens find of a sample's nearest rows, and how many others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Float64, Int64
from lookalike.engine.sample import Sample
from lookalike.engine.tokens import TokenScheme
from lookalike.index.lsh.neighbours import drawn_rows

Int16 = npt.NDArray[np.int16]

TRIED_ROWS = 10_000
"""Rows of a sample that are given tokens, beside those that are nearest to a query."""
PLACES = 1 << 23
"""So many times a query and a row, or a query and a token, are looked at together."""
NOT_MET = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True)
class Union:
    """Which rows share a token with a query."""

    found: Float64
    """(q, k): 1 where the nearest row does, else 0."""
    postings: float
    """Documents in the lists of a query's terms, each list counted."""
    sharing: float
    """Documents in any of them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many rows stand before each of the nearest in the order of scores."""

    before: Float64
    """(q, k): rows of larger scores, infinite where one of the nearest shares no token with its query."""
    level: Float64
    """(q, k): rows of the same score, at least 1."""

    def found(self, candidates: float) -> Float64:
        """Return the chance that each of the nearest is among so many candidates, (q, k).

        The order among equal scores is chance.
        """
        room = np.where(np.isfinite(self.before), candidates, 0) - self.before
        chances: Float64 = np.clip(room / self.level, 0, 1)
        return chances


class Trial:
    """The tokens of a sample's rows, and the terms of its queries."""

    def __init__(self, scheme: TokenScheme, sample: Sample, rows: int, tried: int = TRIED_ROWS) -> None:
        """Make the tokens of `tried` rows, each of which stands for as many as make up all `rows`, and of the nearest.

        Raises:
            VectorError: `sample` does not fit the scheme.
        """
        self._scheme = scheme
        self._queries = sample.queries
        drawn = drawn_rows(sample.rows, tried)
        self._weight = rows / len(drawn)
        near, places = np.unique(sample.nearest, return_inverse=True)
        self._places = places.reshape(sample.nearest.shape)
        own, self._factors = scheme.document_numbers(drawn)
        found, self._near_factors = scheme.document_numbers(sample.rows[near])
        self._own, self._near = self._tokens(own), self._tokens(found)

    def unions(self, probes: tuple[int, ...]) -> Iterator[tuple[int, Union]]:
        """Yield which rows share a token with a query of so many probes a table, ascending."""
        most = probes[-1]
        near = np.full(self._places.shape, NOT_MET, dtype=np.int16)
        entries, shared = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64)
        for part, terms, _ in self._terms(most):
            first = np.full((len(terms), len(self._own)), NOT_MET, dtype=np.int16)
            for table in range(terms.shape[1]):
                met, met_near = self._met(terms, part, table)
                entries += np.bincount(met[met < most], minlength=most)
                np.minimum(first, met.min(axis=2), out=first)
                np.minimum(near[part], met_near.min(axis=2), out=near[part])
            shared += np.bincount(first[first < most], minlength=most)
        postings, sharing = (np.cumsum(each) * self._weight / len(near) for each in (entries, shared))
        for count in probes:
            found = (near < count).astype(np.float64)
            yield count, Union(found, float(postings[count - 1]), float(sharing[count - 1]))

    def standings(self, probes: int) -> Iterator[tuple[bool, Standing]]:
        """Yield how the nearest stand without the documents' factors, and with them where the scheme has some."""
        kinds = [False] if self._scheme.spread is None else [False, True]
        parts: dict[bool, list[Standing]] = {kind: [] for kind in kinds}
        for part, terms, boosts in self._terms(probes):
            scores = np.zeros((len(terms), len(self._own)), dtype=np.float32)
            found = np.zeros(self._places[part].shape, dtype=np.float32)
            weights = np.append(boosts, np.zeros_like(boosts[:, :, :1]), axis=2)
            for table in range(terms.shape[1]):
                for sums, met in zip((scores, found), self._met(terms, part, table), strict=True):
                    met = np.minimum(met, terms.shape[2])
                    for rank in range(met.shape[2]):
                        sums += np.take_along_axis(weights[:, table, :, rank], met[:, :, rank], axis=1)
            parts[False].append(self._standing(scores, found))
            if True in parts:
                factors = self._near_factors[self._places[part]]
                parts[True].append(self._standing(scores * self._factors, found * factors))
        for kind, standings in parts.items():
            before = np.concatenate([standing.before for standing in standings])
            yield kind, Standing(before, np.concatenate([standing.level for standing in standings]))

    def _tokens(self, numbers: Int64) -> Int64:
        """Return the numbers of tokens within a table, rank * m + key, (n, tables, ranks)."""
        family = self._scheme.family
        shaped = numbers.reshape(len(numbers), family.tables, self._scheme.ranks) % family.centroids
        tokens: Int64 = shaped + np.arange(self._scheme.ranks) * family.centroids
        return tokens

    def _terms(self, probes: int) -> Iterator[tuple[slice, Int64, Float32]]:
        """Yield numbers of terms of some queries within a table and their boosts, (q, tables, probes, ranks) each."""
        family, ranks = self._scheme.family, self._scheme.ranks
        step = max(1, PLACES // max(family.centroids * ranks, len(self._own)))
        for start in range(0, len(self._queries), step):
            part = slice(start, start + step)
            numbers, boosts = self._scheme.query_numbers(self._queries[part], probes)
            shape = len(numbers), family.tables, -1, ranks
            terms = numbers.reshape(shape) % family.centroids + np.arange(ranks) * family.centroids
            yield part, terms, boosts.reshape(shape).astype(np.float32)

    def _met(self, terms: Int64, part: slice, table: int) -> tuple[Int16, Int16]:
        """Return the probe that meets each token of the rows, (q, s, ranks), and of the nearest, (q, k, ranks)."""
        asked = terms[:, table]
        probe = np.full(
            (len(asked), self._scheme.family.centroids * self._scheme.ranks), NOT_MET, dtype=np.int16
        )
        numbers = np.broadcast_to(np.arange(asked.shape[1], dtype=np.int16)[:, np.newaxis], asked.shape)
        np.put_along_axis(probe, asked.reshape(len(asked), -1), numbers.reshape(len(asked), -1), axis=1)
        near = self._near[self._places[part], table]
        met_near = np.take_along_axis(probe, near.reshape(len(asked), -1), axis=1).reshape(near.shape)
        return probe[:, self._own[:, table]], met_near

    def _standing(self, scores: Float32, found: Float32) -> Standing:
        before, level = np.empty(found.shape), np.empty(found.shape)
        for query, (others, nearest) in enumerate(zip(scores, found, strict=True)):
            ordered = np.sort(others[others > 0])
            behind = np.searchsorted(ordered, nearest, side="right")
            before[query] = self._weight * (len(ordered) - behind)
            equal = behind - np.searchsorted(ordered, nearest, side="left")
            level[query] = np.maximum(1, self._weight * equal)
        before[found == 0] = np.inf
        return Standing(before, level)
