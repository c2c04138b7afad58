"""Pairs that are near made into groups that say something: stars, each about a middle that all its members are near.

What is near by way of others makes one giant group of a large collection: each link of a chain is short, and its ends
are strangers. So a group is a star (Aslam, Pelekhov and Rus, "The star clustering algorithm", J. Graph Algorithms and
Applications 8, 2004): what has the most neighbours is the first middle, what of the rest has the most is the next, and
no middle is near another. Deviation: a member that is near several middles is of the nearest one's group only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.arrays import Float32, Int64


def stars(
    count: int, first: Int64, second: Int64, distances: Float32, weights: Int64
) -> tuple[Int64, Float32]:
    """Return for each of `count` things its middle, itself where it is one or near none, and how far that is.

    Args:
        first, second, distances: (p,), of pairs, each there once.
        weights: (count,): what each counts as a neighbour, such as how many copies it stands for.
    """
    neighbours = np.concatenate((first, second)), np.concatenate((second, first))
    far = np.concatenate((distances, distances))
    order = np.argsort(neighbours[0], kind="stable")
    others, far = neighbours[1][order], far[order]
    starts = np.append(0, np.cumsum(np.bincount(neighbours[0], minlength=count)))
    degrees = weights + np.bincount(neighbours[0], weights[neighbours[1]], minlength=count).astype(np.int64)
    middles = np.arange(count)
    apart: Float32 = np.full(count, np.inf, dtype=np.float32)
    taken = np.zeros(count, dtype=np.bool_)
    linked = np.flatnonzero(np.diff(starts))
    for place in linked[np.argsort(-degrees[linked], kind="stable")].tolist():
        if taken[place]:
            continue
        here = slice(starts[place], starts[place + 1])
        nearer = far[here] < apart[others[here]]
        members = others[here][nearer]
        middles[members], apart[members] = place, far[here][nearer]
        taken[members] = taken[place] = True
        apart[place] = -1  # a middle is of no other's group
    apart[middles == np.arange(count)] = 0
    return middles, apart


def members_of(middles: Int64) -> Sequence[Int64]:
    """Return the groups of more than one, as places, the middle first, then ascending; the largest group first."""
    order = np.lexsort((np.arange(len(middles)), middles != np.arange(len(middles)), middles))
    counts = np.bincount(middles, minlength=len(middles))
    ends = np.cumsum(counts)
    chosen = np.flatnonzero(counts > 1)
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")]
    return [order[ends[middle] - counts[middle] : ends[middle]] for middle in chosen.tolist()]
