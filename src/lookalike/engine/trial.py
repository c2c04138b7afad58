"""What tokens would find among all rows, told by a sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Float64, Int64, Rows
from lookalike.engine.tokens import TokenScheme
from lookalike.index.lsh.neighbours import Pairs

SCORES = 1 << 22
"""Scores of rows that are added up at a time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many rows stand before each neighbour in the order of scores."""

    before: Float64
    """(m,): rows of larger scores, infinite where a neighbour shares no token with its query."""
    level: Float64
    """(m,): rows of the same score, at least 1."""
    owners: Int64
    """(m,): the query of each neighbour."""
    wanted: Int64
    """(q,): how many neighbours are enough."""
    postings: float
    """Documents in the lists of a query's terms, each list counted."""
    sharing: float
    """Documents in any of them."""

    def recall(self, candidates: float) -> float:
        """Return the share of neighbours among so many candidates; the order among equal scores is chance."""
        return float(self._found(candidates).mean())

    def error(self, candidates: float) -> float:
        """Return the standard error of the recall, by how it differs among queries."""
        return float(self._found(candidates).std() / np.sqrt(len(self.wanted)))

    def _found(self, candidates: float) -> Float64:
        """Return the share of each query's neighbours among so many candidates, (q,)."""
        room = np.where(np.isfinite(self.before), candidates, 0) - self.before
        chances = np.clip(room / self.level, 0, 1)
        found = np.bincount(self.owners, chances, len(self.wanted))
        shares: Float64 = np.minimum(found, self.wanted) / self.wanted
        return shares


class Trial:
    """The tokens of a sample, in lists."""

    def __init__(self, scheme: TokenScheme, sample: Float32, rows: int) -> None:
        """Take the tokens that `scheme` gives to `sample` (s, d); each row stands for rows / s of all `rows`."""
        self._scheme = scheme
        self._weight = rows / len(sample)
        numbers, self._factors = scheme.document_numbers(sample)
        own = numbers.reshape(len(sample), scheme.family.tables, scheme.ranks)
        self._near: tuple[Rows, Rows | None, Int64, Float32] | None = None
        self._lists = [_Lists(own[:, table]) for table in range(scheme.family.tables)]

    def standings(
        self, pairs: Pairs, probes: int, tables: tuple[int, ...], unmoved: Rows | None = None
    ) -> Iterator[tuple[int, bool, Standing]]:
        """Yield how neighbours stand by the tokens of so many first tables, ascending.

        With each number of tables comes first False, and how they stand without the documents' factors, and then, where
        the scheme has some, True, and how they stand with them.

        Args:
            pairs: queries and neighbours.
            probes: of each table.
            tables: numbers of first tables.
            unmoved: the neighbours where they were, if they were moved: these have the factors. What is moved lies
                between two rows, and nearer to the middle of all than rows do.
        """
        near, factors = self._placed(pairs.neighbours, unmoved)
        numbers, weights = self._scheme.query_numbers(pairs.queries, probes)
        queries, owners = len(numbers), pairs.owners
        terms = numbers.reshape(queries, len(self._lists), -1)
        boosts = weights.reshape(terms.shape)
        scores = np.zeros((queries, len(self._factors)), dtype=np.float32)
        found = np.zeros(len(near), dtype=np.float32)
        entries = 0
        for table in range(max(tables)):
            entries += self._lists[table].add(scores, terms[:, table], boosts[:, table])
            met = near[:, table, :, np.newaxis] == terms[owners, np.newaxis, table]
            found += (met * boosts[owners, np.newaxis, table]).sum(axis=(1, 2), dtype=np.float32)
            if table + 1 in tables:
                postings = self._weight * entries / queries
                yield table + 1, False, self._standing(scores, found, pairs, postings)
                if self._scheme.spread is not None:
                    weighed = self._standing(scores * self._factors, found * factors, pairs, postings)
                    yield table + 1, True, weighed

    def _placed(self, neighbours: Rows, unmoved: Rows | None) -> tuple[Int64, Float32]:
        """Return the numbers (m, tables, ranks) and factors (m,) of neighbours; made once for all probes."""
        if self._near is None or self._near[0] is not neighbours or self._near[1] is not unmoved:
            numbers, factors = self._scheme.document_numbers(neighbours)
            if unmoved is not None and self._scheme.spread is not None:
                factors = self._scheme.document_numbers(unmoved)[1]
            self._near = neighbours, unmoved, numbers.reshape(len(numbers), len(self._lists), -1), factors
        return self._near[2], self._near[3]

    def _standing(self, scores: Float32, found: Float32, pairs: Pairs, postings: float) -> Standing:
        before, level = np.empty(found.shape), np.empty(found.shape)
        for others, start, end in zip(
            np.sort(scores, axis=1), pairs.firsts[:-1], pairs.firsts[1:], strict=True
        ):
            neighbours = found[start:end]
            behind = np.searchsorted(others, neighbours, side="right")
            before[start:end] = self._weight * (len(others) - behind)
            equal = behind - np.searchsorted(others, neighbours, side="left")
            level[start:end] = np.maximum(1, self._weight * equal)
        before[found == 0] = np.inf
        sharing = self._weight * np.count_nonzero(scores) / len(scores)
        return Standing(before, level, pairs.owners, pairs.wanted, postings, sharing)


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
