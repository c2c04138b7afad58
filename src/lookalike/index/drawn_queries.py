"""Rows of an index that stand for the queries it will be asked."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Int64, Rows

MOST_LOOKED_AT = 16
"""Times the rows that are wanted: of so many, those that are equal to another are passed over."""


def drawn_queries(vectors: Rows, count: int, random: np.random.Generator) -> Int64:
    """Return up to `count` rows of `vectors` (n, d), drawn at random and ascending, no two of them equal.

    Where most rows are copies of one, as a shop's "no picture yet", the recall of what is drawn at random would be that
    of the copies, which find each other whatever else is missed.
    """
    looked_at = random.choice(len(vectors), min(len(vectors), MOST_LOOKED_AT * count), replace=False)
    drawn: dict[bytes, int] = {}
    for start in range(0, len(looked_at), count):
        some = looked_at[start : start + count]
        for number, row in zip(some.tolist(), vectors[some], strict=True):
            drawn.setdefault(row.tobytes(), number)
        if len(drawn) >= count:
            break
    return np.sort(np.fromiter(drawn.values(), dtype=np.int64, count=len(drawn))[:count])
