"""What tokens would find among all rows, told by a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64, Int64
from lookalike.engine.near_pairs import NearPairs
from lookalike.engine.tokens import TokenScheme

SCORES = 1 << 22
"""Scores of rows that are added up at a time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many rows stand before each neighbour in the order of scores."""

    before: Float64
    """(q, k): rows of larger scores, infinite where a neighbour shares no token with its query."""
    level: Float64
    """(q, k): rows of the same score, itself among them."""
    postings: float
    """Documents in the lists of a query's terms, each list counted."""

    def recall(self, candidates: int) -> float:
        """Return the share of neighbours among so many candidates; the order among equal scores is chance."""
        return float(np.clip((candidates - self.before) / self.level, 0, 1).mean())


class Trial:
    """Tokens of a sample, and of the neighbours of some of its rows."""

    def __init__(self, scheme: TokenScheme, sample: Float32, pairs: NearPairs, rows: int) -> None:
        """Make the tokens that `scheme` gives.

        Args:
            sample: (s, d), each row of which stands for rows / s of all `rows`.
            pairs: rows of the sample as queries, with their neighbours.
        """
        self._scheme = scheme
        self._weight = rows / len(sample)
        self._pairs, self._queries = pairs, sample[pairs.queries]
        tables, ranks = scheme.family.tables, scheme.ranks
        numbers, self._factors = scheme.document_numbers(sample)
        own = numbers.reshape(-1, tables, ranks)
        self._lists = [_Lists(own[:, table]) for table in range(tables)]
        numbers, factors = scheme.document_numbers(pairs.neighbours.reshape(-1, sample.shape[1]))
        self._near = numbers.reshape(*pairs.neighbours.shape[:2], tables, ranks)
        self._near_factors = factors.reshape(self._near.shape[:2])

    def standings(self, probes: int, tables: tuple[int, ...]) -> Iterator[tuple[int, Standing]]:
        """Yield numbers of tables, ascending, each with how neighbours stand by the tokens of so many first tables."""
        numbers, weights = self._scheme.query_numbers(self._queries, probes)
        queries = len(numbers)
        terms = numbers.reshape(queries, len(self._lists), -1)
        boosts = weights.reshape(terms.shape)
        scores = np.zeros((queries, len(self._factors)), dtype=np.float32)
        found = np.zeros(self._near_factors.shape, dtype=np.float32)
        entries = 0
        for table in range(max(tables)):
            entries += self._lists[table].add(scores, terms[:, table], boosts[:, table])
            met = self._near[:, :, table, :, np.newaxis] == terms[:, np.newaxis, np.newaxis, table]
            found += np.where(met, boosts[:, np.newaxis, np.newaxis, table], 0).sum(
                axis=(2, 3), dtype=np.float32
            )
            if table + 1 in tables:
                others = scores * self._factors
                others[np.arange(queries), self._pairs.queries] = -1  # a query is none of its neighbours
                yield table + 1, self._standing(others, found * self._near_factors, entries / queries)

    def _standing(self, scores: Float32, found: Float32, entries: float) -> Standing:
        before, level = np.empty(found.shape), np.empty(found.shape)
        for query, own in enumerate(np.sort(scores, axis=1)):
            above = np.searchsorted(own, found[query], side="right")
            before[query] = self._weight * (len(own) - above)
            level[query] = 1 + self._weight * (above - np.searchsorted(own, found[query], side="left"))
        before[found == 0] = np.inf
        return Standing(before, level, self._weight * entries)


class _Lists:
    """The lists of one table's tokens: which rows of a sample have each."""

    def __init__(self, numbers: Int64) -> None:
        """Take the numbers of the tokens of each row, (s, ranks)."""
        flat = numbers.reshape(-1)
        order = np.argsort(flat, kind="stable")
        self._rows = order // numbers.shape[1]
        self._tokens, self._starts = np.unique(flat[order], return_index=True)
        self._ends = np.append(self._starts[1:], len(flat))

    def add(self, scores: Float32, terms: Int64, boosts: Float64) -> int:
        """Add `boosts` to `scores` (q, s) where rows have `terms` (q, t); return how many entries were read."""
        place = np.minimum(np.searchsorted(self._tokens, terms), len(self._tokens) - 1)
        starts = self._starts[place]
        lengths = np.where(self._tokens[place] == terms, self._ends[place] - starts, 0)
        step = max(1, SCORES // scores.shape[1])
        for first in range(0, len(terms), step):
            part = slice(first, first + step)
            counts = lengths[part].reshape(-1)
            shifts = starts[part].reshape(-1) - np.cumsum(counts) + counts
            entries = np.arange(counts.sum()) + np.repeat(shifts, counts)
            queries = np.repeat(np.repeat(np.arange(len(lengths[part])), terms.shape[1]), counts)
            cells = queries * scores.shape[1] + self._rows[entries]
            sums = np.bincount(cells, np.repeat(boosts[part].reshape(-1), counts), scores[part].size)
            scores[part] += sums.reshape(scores[part].shape)
        return int(lengths.sum())
