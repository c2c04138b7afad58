"""Rows of an index that stand for the queries it will be asked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, Rows

MOST_LOOKED_AT = 16
"""Times the rows that are wanted: of so many, those that are equal to another are passed over."""
SELDOM, OFTEN, FEW = 3, 2, 4096
"""One row in 8 stands for queries, or in 4 of fewer than so many: those whose first bits, when mixed, are 0."""
LEAST = 128
"""Where these would be fewer, all rows do, and all are learned from."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Spreads ids that follow each other (Knuth's multiplicative hash, 2**64 divided by the golden ratio)."""

Bool = npt.NDArray[np.bool_]


def stand_for_queries(ids: Int64) -> Bool:
    """Return which of the rows with these `ids` (n,) stand for queries, by nothing but their ids: (n,).

    What is learned is learned of the others. A row is nearer to a centroid that was learned from it than a query is,
    and farther from the next ones, so that it would tell to look into too many buckets.
    """
    bits = OFTEN if len(ids) < FEW else SELDOM
    chosen: Bool = ids.astype(np.uint64) * MULTIPLIER >> np.uint64(64 - bits) == 0
    return chosen if np.count_nonzero(chosen) >= LEAST else np.zeros(len(ids), dtype=np.bool_)


def drawn_queries(
    vectors: Rows, count: int, random: np.random.Generator, among: Int64 | None = None
) -> Int64:
    """Return up to `count` rows of `vectors` (n, d), drawn at random and ascending, no two of them equal.

    Where `among` is given, the numbers of some rows, they are drawn from these. Each of `count` stretches gives one, as
    far as no two are equal: where rows near each other lie together, as in an inverted file, what is measured owes
    less to chance.
    Where most rows are copies of one, as a shop's "no picture yet", the recall of what is drawn at random would be that
    of the copies, which find each other whatever else is missed.
    """
    rows = len(vectors) if among is None else len(among)
    looked_at = np.sort(random.choice(rows, min(rows, MOST_LOOKED_AT * count), replace=False))
    stretch = np.arange(len(looked_at)) * count // len(looked_at)
    shuffled = np.lexsort((random.random(len(looked_at)), stretch))
    turns = np.arange(len(looked_at)) - np.searchsorted(stretch, stretch)
    looked_at = looked_at[
        shuffled[np.argsort(turns, kind="stable")]
    ]  # one of each stretch, then the next of each
    if among is not None:
        looked_at = among[looked_at]
    drawn: dict[bytes, int] = {}
    for start in range(0, len(looked_at), count):
        some = looked_at[start : start + count]
        for number, row in zip(some.tolist(), vectors[some], strict=True):
            drawn.setdefault(row.tobytes(), number)
        if len(drawn) >= count:
            break
    return np.sort(np.fromiter(drawn.values(), dtype=np.int64, count=len(drawn))[:count])
