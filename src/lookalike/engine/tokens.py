"""Vectors as tokens that a search engine indexes, and as weighted terms that find them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lookalike.arguments import as_count, as_finite, shown
from lookalike.arrays import Float32, Float64, Int64, Metric, as_vectors
from lookalike.errors import OptionError
from lookalike.hashing import Clusterings, Clusters, family_from_parts, token
from lookalike.hashing.base import Arrays, Parameters, check_finite
from lookalike.index.row_forms import as_hashed

METRICS: tuple[Metric, ...] = ("euclidean", "cosine")
GRID = 256
"""Boosts are multiples of 1 / GRID, so that float32 holds every sum of them exactly, up to 65,536: the order of
candidates depends neither on the order in which an engine adds boosts up nor on the shard."""
MOST_RANKS = 9
LARGEST_FACTOR = 8.0
ALL_CANDIDATES = 10_000
"""A scheme of so many candidates has all documents compared that share a token with the query."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenScheme:
    """How vectors become tokens, and queries terms.

    A document carries, for each table of the family, a token of the nearest centroid, `3-14`, and with `ranks` above 1
    a token of the second nearest, `3-14-2`, and so on. A query has a term for each token of the `probes` centroids a
    table that are nearest to it. A term's boost is

        1 / (1 + steepness (d - d0) / d0) * rank_boost ** (rank - 1) * rarity,

    d being the query's distance to the centroid and d0 that to the nearest of the table. With `spread`, the sum is
    multiplied by the document's own factor: s / v, v being the mean of its squared distances to its own nearest
    centroids and s that of the sample. Of documents in one cell, those near its middle are likelier to be near.
    """

    family: Clusters | Clusterings
    """Fitted."""
    metric: Metric
    ranks: int = 1
    """Nearest centroids of a table that a document has tokens of."""
    probes: int = 8
    """Nearest centroids of a table that a query has terms of."""
    steepness: float = 4.0
    """How fast boosts fall with the distance; at 0 they are alike."""
    rank_boost: float = 0.5
    """What a token of the next rank weighs, in that of the rank before."""
    rarity: Float32 | None = None
    """(tables, m): what each centroid's tokens weigh by their rarity, as BM25 has it; None: alike."""
    spread: float | None = None
    """Mean squared distance of a vector to its nearest centroids; None: documents have no factors."""
    candidates: int = 400
    """Documents of the largest scores whose distances are computed; all, whatever their scores, if `ALL_CANDIDATES`."""

    def __post_init__(self) -> None:
        """Check the parts. Raises OptionError."""
        if not isinstance(self.family, Clusters | Clusterings) or self.family.dimension is None:
            raise OptionError("tokens are made by a fitted family clusters or clusterings; give one")
        if self.metric not in METRICS:
            raise OptionError(
                f"tokens are not for the metric {shown(self.metric)}; choose one of {', '.join(METRICS)}"
            )
        object.__setattr__(self, "ranks", as_count(self.ranks, "ranks", least=1, most=MOST_RANKS))
        object.__setattr__(self, "probes", as_count(self.probes, "probes", least=1))
        object.__setattr__(self, "candidates", as_count(self.candidates, "candidates", least=1))
        object.__setattr__(self, "steepness", as_finite(self.steepness, "steepness"))
        object.__setattr__(self, "rank_boost", as_finite(self.rank_boost, "rank_boost"))
        if self.steepness < 0:
            raise OptionError(f"steepness is {self.steepness}; give 0 or more")
        if not 0 < self.rank_boost <= 1:
            raise OptionError(f"rank_boost is {self.rank_boost}; give a share above 0 and up to 1")
        if self.spread is not None and as_finite(self.spread, "spread") <= 0:
            raise OptionError(f"spread is {self.spread}; give a number above 0")
        if self.rarity is not None:
            check_finite(self.family, self.rarity)
            if self.rarity.shape != (self.family.tables, self.family.centroids) or self.rarity.min() < 0:
                raise OptionError("rarity of tokens does not fit the family; weigh them again")

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return int(self.family.dimension or 0)

    def weighed(self, sample: Float32) -> Self:
        """Return this with `rarity` as `sample` (n, d) tells it.

        It is that of BM25, ln(1 + (n - f + 0.5) / (f + 0.5)), where f of the n rows have the token.
        """
        keys = self.family.keys(as_hashed(as_vectors(sample, dimension=self.dimension), self.metric))
        counts = np.stack(
            [np.bincount(table, minlength=self.family.centroids) for table in keys.astype(np.int64).T]
        )
        rarity = np.log1p((len(sample) - counts + 0.5) / (counts + 0.5)).astype(np.float32)
        return replace(self, rarity=rarity)

    def spread_out(self, sample: Float32) -> Self:
        """Return this with `spread` as `sample` (n, d) tells it, or without where all lie on their centroids."""
        _, distances = self._nearest(sample, 1)
        mean = float(np.square(distances).mean())
        return replace(self, spread=mean if mean > 0 else None)

    def document_numbers(self, vectors: Float32) -> tuple[Int64, Float32]:
        """Return the numbers of the tokens of `vectors` (n, d), (n, tokens), and factors of their scores, (n,).

        Without `spread` all factors are 1; with it, none is above `LARGEST_FACTOR`.
        """
        keys, distances = self._nearest(vectors, self.ranks)
        numbers = self._numbers(keys, np.arange(keys.shape[2])).reshape(len(keys), -1)
        factors = np.ones(len(keys), dtype=np.float32)
        if self.spread is not None:
            own = np.square(distances[:, :, 0]).mean(axis=1)
            np.divide(
                self.spread, np.maximum(own, self.spread / LARGEST_FACTOR), out=factors, casting="same_kind"
            )
        return numbers, factors

    def query_numbers(self, queries: Float32, probes: int | None = None) -> tuple[Int64, Float64]:
        """Return the numbers of the terms of `queries` (q, d) and their boosts, (q, terms) each."""
        probes = self.probes if probes is None else as_count(probes, "probes", least=1)
        keys, distances = self._nearest(queries, probes)
        boosts = self._closeness(distances)
        if self.rarity is not None:
            boosts = boosts * self.rarity[np.arange(self.family.tables)[:, np.newaxis], keys]
        by_rank = self.rank_boost ** np.arange(self.ranks)
        on_grid = np.maximum(np.rint(boosts[..., np.newaxis] * by_rank * GRID), 1) / GRID
        numbers = self._numbers(keys[..., np.newaxis], np.arange(self.ranks))
        return numbers.reshape(len(keys), -1), on_grid.reshape(len(keys), -1)

    def documents(self, vectors: Float32) -> tuple[list[list[str]], Float32]:
        """Return the tokens of each of `vectors` (n, d), and factors of their scores, (n,). Raises VectorError."""
        numbers, factors = self.document_numbers(vectors)
        return [[self._text(number) for number in row] for row in numbers.tolist()], factors

    def document_tokens(self, vectors: Float32) -> list[list[str]]:
        """Return the tokens of each of `vectors` (n, d). Raises VectorError."""
        return self.documents(vectors)[0]

    def query_tokens(self, queries: Float32, probes: int) -> list[list[str]]:
        """Return the tokens of the terms of each query, those of nearer centroids first.

        Args:
            queries: (q, d), as they are compared: of length one under cosine.
            probes: centroids of a table.
        """
        keys = self.family.probe_keys(queries, probes).astype(np.int64)
        numbers = self._numbers(keys[..., np.newaxis], np.arange(self.ranks))
        by_closeness = numbers.transpose(0, 2, 1, 3).reshape(len(keys), -1)
        return [[self._text(number) for number in row] for row in by_closeness.tolist()]

    def query_terms(self, queries: Float32, probes: int | None = None) -> list[list[tuple[str, float]]]:
        """Return the terms of each of `queries` (q, d) with their boosts, those of the largest first.

        Args:
            probes: instead of the scheme's own.

        Raises:
            OptionError, VectorError: what was given is no such thing.
        """
        numbers, boosts = self.query_numbers(queries, probes)
        order = np.argsort(-boosts, axis=1, kind="stable")
        rows = zip(
            np.take_along_axis(numbers, order, axis=1).tolist(),
            np.take_along_axis(boosts, order, axis=1).tolist(),
            strict=True,
        )
        return [[(self._text(number), boost) for number, boost in zip(*row, strict=True)] for row in rows]

    def to_json(self) -> Parameters:
        """Return all but the arrays, as JSON types."""
        return {
            "family": self.family.name,
            "parameters": self.family.parameters(),
            "metric": self.metric,
            "ranks": self.ranks,
            "probes": self.probes,
            "steepness": self.steepness,
            "rank_boost": self.rank_boost,
            "spread": self.spread,
            "candidates": self.candidates,
        }

    def arrays(self) -> Arrays:
        """Return the arrays of the family and, where tokens are weighed by it, `rarity`."""
        return self.family.arrays() | ({} if self.rarity is None else {"rarity": self.rarity})

    @classmethod
    def from_parts(cls, description: Mapping[str, Any], arrays: Arrays) -> Self:
        """Return the scheme of what `to_json` and `arrays` gave. Raises OptionError where they fit no scheme."""
        parts, arrays = dict(description), dict(arrays)
        rarity = arrays.pop("rarity", None)
        try:
            family = family_from_parts(parts.pop("family"), parts.pop("parameters"), arrays)
            return cls(family=family, rarity=rarity, **parts)  # type: ignore[arg-type]
        except (KeyError, TypeError) as error:
            raise OptionError(f"description of tokens is damaged ({error}); make it again") from error

    def _nearest(self, vectors: Float32, count: int) -> tuple[Int64, Float64]:
        checked = as_vectors(vectors, dimension=self.dimension, metric=self.metric)
        keys, distances = self.family.nearest(as_hashed(checked, self.metric), count)
        return keys.astype(np.int64), distances.astype(np.float64)

    def _closeness(self, distances: Float64) -> Float64:
        nearest = distances[:, :, :1]
        falls = nearest + self.steepness * (distances - nearest)
        return np.divide(nearest, falls, out=np.ones_like(falls), where=falls > 0)

    def _numbers(self, keys: Int64, ranks: Int64) -> Int64:
        """Return one number a token: (rank * tables + table) * m + key. `keys` are (n, tables, ...)."""
        tables = np.arange(self.family.tables).reshape(-1, *(1,) * (keys.ndim - 2))
        numbers: Int64 = (ranks * self.family.tables + tables) * self.family.centroids + keys
        return numbers

    def _text(self, number: int) -> str:
        place, key = divmod(number, self.family.centroids)
        rank, table = divmod(place, self.family.tables)
        return token(table, key) if rank == 0 else f"{token(table, key)}-{rank + 1}"
