"""The near pairs that a family is tuned for, told by a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.arrays import DISCRETE, Float32, Float64, Int64, Metric, Rows
from lookalike.index.lsh.lift import Lift
from lookalike.index.scan import scan
from lookalike.sets import NO_ELEMENT

K = 10
"""Whose finding is predicted: the nearest of each query."""
FITTED = 8
"""Nearest rows of a sample that tell how the number of neighbours grows with the distance. More reach out of the groups
in which rows lie, where it grows otherwise; what so few tell is drawn to the mean over queries."""
TIED, TIED_VECTORS = 256, 32
"""Of rows that are as far as the k-th no more are told apart; vectors seldom are."""
DISJOINT = 1.0
"""Sets at this distance have nothing in common, and are no neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Whom a family should bring together, and among how many. Rows are as a family takes them."""

    queries: Rows
    """(q, d)."""
    neighbours: Rows
    """(m, d): of each query, one after another, all rows that are no farther than its k-th nearest."""
    firsts: Int64
    """(q + 1,): where those of each query begin."""
    wanted: Int64
    """(q,): how many of them are enough, k at most."""
    others: Rows
    """(s, d), of all rows, none of them a query."""
    rows: int
    """How many there are in all."""

    @property
    def owners(self) -> Int64:
        """The query of each neighbour, (m,)."""
        return np.repeat(np.arange(len(self.queries)), np.diff(self.firsts))

    @property
    def are_tied(self) -> bool:
        """Whether any query has more neighbours than are enough."""
        return bool((np.diff(self.firsts) > self.wanted).any())


def near_pairs(kept: Rows, lift: Lift, rows: int, random: np.random.Generator, queries: int) -> Pairs:
    """Return some of the rows of a sample with their nearest neighbours among all `rows`.

    A sample of fewer rows has neighbours that are farther than the true ones. Those of the sample are moved towards
    the query then, to where the neighbours of all rows are expected: the distance of the r-th grows as
    r ** (1 / m), m being the intrinsic dimension about the query, estimated by maximum likelihood (Levina and Bickel,
    NeurIPS 2004; Amsaleg et al., KDD 2015) and shrunk to the mean by as much of its variance as is noise (James and
    Stein, 1961).

    Args:
        kept: (s, w), s >= 2, as rows are compared.
        lift: gives the form in which families take them.
        rows: of how many rows the sample is.
        queries: how many of them are drawn; half of the sample at most.
    """
    discrete = lift.metric in DISCRETE
    count = min(queries, len(kept) // 2)
    drawn = np.sort(random.choice(len(kept), count, replace=False))
    hashed, asked = lift.rows(kept), lift.queries(kept[drawn])
    measure: Metric = lift.metric if discrete else "euclidean"
    others = min(TIED if discrete else TIED_VECTORS, len(kept) - 1)
    found, distances = scan(asked, hashed, np.arange(len(kept)), others + 1, measure)
    own = found == drawn[:, np.newaxis]
    own[:, -1] |= ~own.any(axis=1)
    found, distances = found[~own].reshape(count, others), distances[~own].reshape(count, others)
    k = min(K, others)
    near = distances <= distances[:, k - 1 : k]
    if lift.metric == "jaccard":
        near &= distances < DISJOINT
    owner, rank = np.nonzero(near)
    neighbours = hashed[found[owner, rank]]
    if rows > len(kept):
        factor = _nearer(distances.astype(np.float64), k, len(kept) / rows)[owner, np.minimum(rank, k - 1)]
        neighbours = _moved(neighbours, asked[owner], factor, lift.metric, random)
    wanted = np.count_nonzero(near[:, :k], axis=1)
    firsts = np.append(0, np.cumsum(near.sum(axis=1)))
    return Pairs(asked, neighbours, firsts, wanted, np.delete(hashed, drawn, axis=0), rows)


def _nearer(distances: Float64, k: int, share: float) -> Float64:
    """Return by what factor the first k distances (q, r) shrink where the sample is but a share of the rows, (q, k)."""
    fitted = distances[:, :FITTED]
    far = fitted[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(fitted[:, :-1] / far)
        ratios[~np.isfinite(ratios)] = 0
        inverse = -ratios.sum(axis=1, keepdims=True) / max(1, ratios.shape[1])  # 1 / m
        noise = np.square(inverse).mean() / fitted.shape[1]
        own = max(0.0, 1 - noise / inverse.var()) if inverse.var() > 0 else 0.0
        inverse = own * inverse + (1 - own) * inverse.mean()
        expected = far * (share * np.arange(1, k + 1) / fitted.shape[1]) ** inverse
        factor = np.where(distances[:, :k] > 0, expected / distances[:, :k], 1.0)
    return np.clip(factor, 0, 1)


def _moved(rows: Rows, queries: Rows, factor: Float64, metric: Metric, random: np.random.Generator) -> Rows:
    """Return `rows` (m, w) at `factor` (m,) of their distance to `queries` (m, w): on the line, or bit by bit."""
    if metric == "hamming":
        kept = random.random((len(rows), 8 * rows.shape[1])) < factor[:, np.newaxis]
        moved: Rows = queries ^ ((rows ^ queries) & np.packbits(kept, axis=1))
        return moved
    if metric == "jaccard":
        return _joined(rows, queries, factor, random)
    line: Float32 = (queries + factor[:, np.newaxis] * (rows - queries)).astype(np.float32)
    return line


def _joined(rows: Rows, queries: Rows, factor: Float64, random: np.random.Generator) -> Rows:
    """Return sets at `factor` of their Jaccard distance: some elements that only one of the two has are changed.

    Of a elements that the query has alone, b that the other has, and i in common, a share g that is kept makes the
    distance g (a + b) / (i + a + g b).
    """
    moved = np.full((len(rows), rows.shape[1] + queries.shape[1]), NO_ELEMENT, dtype=rows.dtype)
    for place, (row, query) in enumerate(zip(rows, queries, strict=True)):
        row, query = row[row != NO_ELEMENT], query[query != NO_ELEMENT]
        shared = np.isin(row, query, assume_unique=True)
        others, lacked = row[~shared], query[~np.isin(query, row, assume_unique=True)]
        differing = len(others) + len(lacked)
        target = factor[place] * differing / max(1, len(query) + len(others))
        kept = target * len(query) / max(1e-9, differing - target * len(others))
        own = [
            row[shared],
            others[random.random(len(others)) < kept],
            lacked[random.random(len(lacked)) >= kept],
        ]
        elements = np.sort(np.concatenate(own))
        moved[place, : len(elements)] = elements
    return moved


def drawn_rows(rows: Rows, count: int) -> Rows:
    """Return `count` of the rows, or all where there are fewer, evenly."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]
