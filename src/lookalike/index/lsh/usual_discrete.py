"""Parameters of the families of sets and of binary codes, from theory and the distances within a sample of the rows.

A table is `length` hashes (bits). Of a pair at some distance a hash agrees with the chance a, and agrees with what a
probe puts in its place with the chance b:

- bits that differ in a share x: a = 1 - x, b = x;
- sets of equal size at the similarity J: a = J, b = J (1 - J) / (1 + J), as the least element is the query's alone,
  and the second least in both.

A probe that changes i hashes therefore meets the pair with the chance a ** (length - i) * b ** i; of probes, those that
change the fewest come first. Probes in order of likelihood meet more; so the recall is held back a little.

A row that is as far as the k-th nearest is as good. There are many such, as bits and short sets have few distances; so
the recall is the mean of min(k, X) / k, where X is how many are found of all that are no farther, which is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from lookalike.arrays import Float64, Int64, Rows
from lookalike.hashing import Family, FamilySpec
from lookalike.index.exact_rows import compiled_distances

TABLES = (4, 6, 8, 12, 16, 24, 32)
LENGTHS = {"min-hash": (1, 2, 3, 4, 5, 6), "bit-sampling": (4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)}
CHANGED = (0, 1, 2)
"""Probes that are reckoned with change up to so many hashes."""
MOST_PROBES = 512
PROBE_COST = 2.0
"""What a probe takes, in comparisons of a row."""
MARGIN = 0.2
"""The recall that is aimed at lies above the one that is wanted by this share of what that leaves."""
QUERIES, NEIGHBOURS = 128, 10
BINS = 512
DRAWS = 32


@dataclass(frozen=True, slots=True)
class Distances:
    """How far apart rows are, in bins of similarity from 0 to 1."""

    all: Float64
    """Shares of all pairs, (bins,)."""
    wanted: Int64
    """(q,): how many nearest are looked for, of queries that have any."""
    bins: Int64
    """(m,): bins of rows that are as near as a query's k-th, query by query."""
    counts: Int64
    """(m,): how many such rows there are."""
    firsts: Int64
    """(q,): where each query's begin among the m."""

    @classmethod
    def of(cls, sample: Rows, rows: int, metric: str) -> Distances:
        """Return those of `sample` (s, w), which is of `rows` rows."""
        asked = np.unique(np.linspace(0, len(sample) - 1, QUERIES).astype(np.int64))
        everything = np.zeros(BINS, dtype=np.int64)
        k = max(1, min(len(sample) - 1, round(NEIGHBOURS * len(sample) / max(1, rows))))
        near: list[Int64] = []
        for query in asked.tolist():
            which = np.delete(np.arange(len(sample)), query)
            one = sample[query : query + 1]
            zeros = np.zeros(len(which), dtype=np.int64)
            distances = compiled_distances(
                one, sample, zeros, which, "hamming" if metric == "hamming" else "jaccard"
            )
            similar = 1 - distances / (8 * sample.shape[1] if metric == "hamming" else 1)
            counts = np.bincount(np.round(similar * (BINS - 1)).astype(np.int64), minlength=BINS)
            everything += counts
            nearer = np.cumsum(counts[::-1])[::-1] - counts
            near.append(np.where(nearer < k, counts, 0))
            near[-1][0] = 0  # what has nothing in common is no neighbour
        query_of, bins = np.nonzero(near)
        counts = np.array(near)[query_of, bins]
        firsts = np.unique(query_of, return_index=True)[1]
        wanted = np.minimum(np.add.reduceat(counts, firsts), k) if len(firsts) else firsts
        return cls(everything / max(1, everything.sum()), wanted, bins, counts, firsts)

    def recall(self, chances: Float64) -> float:
        """Return the mean recall where a row in bin i is found with chance chances[i]."""
        if not len(self.bins):
            return 1.0
        random = np.random.default_rng(0)
        found = random.binomial(self.counts, chances[self.bins], (DRAWS, len(self.bins)))
        return float(
            (np.minimum(np.add.reduceat(found, self.firsts, axis=1), self.wanted) / self.wanted).mean()
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What tables of a length are expected to find, at so many probes each."""

    length: int
    tables: int
    probes: int
    recall: float
    share: float
    """Of all rows, that are candidates of a query."""

    def cost(self, rows: int) -> float:
        """Return what a query takes, in comparisons."""
        return rows * self.share + PROBE_COST * self.tables * self.probes


def predicted(name: str, distances: Distances, length: int, tables: int, probes: int) -> Prediction:
    """Return what the family of that name is expected to find."""
    agree = np.linspace(0, 1, BINS)
    changed = agree * (1 - agree) / (1 + agree) if name == "min-hash" else 1 - agree
    met, left = np.zeros(BINS), probes
    for changes in range(length + 1):
        count = min(left, math.comb(length, changes))
        met += count * agree ** (length - changes) * changed**changes
        left -= count
    found = 1 - (1 - np.minimum(met, 1)) ** tables
    return Prediction(length, tables, probes, distances.recall(found), float(found @ distances.all))


def fitted_discrete(asked: FamilySpec, sample: Rows, rows: int, recall: float, seed: int) -> Family:
    """Return the family that is asked for, fitted to `sample` (s, w) of `rows` rows, s >= 1.

    Tables and length that are left out are those of the least cost that are expected to reach `recall`; or, where none
    are, those of the highest recall.
    """
    given, name = asked.parameters, asked.name
    longer = "hashes" if name == "min-hash" else "bits"
    chosen: dict[str, Any] = {"seed": seed}
    if longer not in given or "tables" not in given:
        distances = Distances.of(sample, rows, "jaccard" if name == "min-hash" else "hamming")
        wanted = recall + (1 - recall) * MARGIN
        best = min(
            (
                predicted(name, distances, length, tables, probes)
                for length, tables, changed in product(
                    (given[longer],) if longer in given else LENGTHS[name],
                    (given["tables"],) if "tables" in given else TABLES,
                    CHANGED,
                )
                if (probes := sum(math.comb(length, i) for i in range(changed + 1))) <= MOST_PROBES
            ),
            key=lambda one: (one.recall < wanted, one.cost(rows) if one.recall >= wanted else -one.recall),
        )
        chosen |= {"tables": best.tables, longer: best.length}
    return asked.family(chosen).fit(sample)
