"""The self-join of any index, by asking it for the neighbours of each of its rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.errors import OptionError
from lookalike.index.base import IndexView
from lookalike.index.join.by_cells import Pairs

BLOCK_ROWS = 1024
FEW, GROWTH = 16, 4
"""Neighbours that are asked for first, and how many times more where all of them are within the distance."""
MOST_FOUND = 1 << 24
"""Neighbours that are asked for at once, of as many rows as have so many."""
MOST_PAIRS = 50_000_000
"""Pairs that are kept until the end, where each may be found from both sides."""


def pairs_by_search(
    view: IndexView, ids: Int64, limit: float, recall: float, threads: int, *, all_rows: bool
) -> Iterator[Pairs]:
    """Yield the pairs within `limit` of one another, by places in `ids`, each once, in one block.

    A pair is found where either of its rows finds the other. `ids` (n,) ascend; unless they are of `all_rows`, others
    are not looked at.

    Raises:
        OptionError: there are more pairs than are kept.
    """
    allow = None if all_rows else ids
    keys: list[Int64] = []
    distances: list[Float32] = []
    kept = 0
    for start in range(0, len(ids), BLOCK_ROWS):
        left, k = np.arange(start, min(len(ids), start + BLOCK_ROWS)), min(FEW, len(ids))
        while len(left):
            again = []
            for first in range(0, len(left), step := max(1, MOST_FOUND // k)):
                asked = left[first : first + step]
                vectors = view.vectors(ids[asked])
                found, near = view.search(
                    vectors, k, allow=allow, max_distance=limit, recall=recall, n_jobs=threads
                )
                full = (found[:, -1] >= 0) if k < len(ids) else np.zeros(len(asked), dtype=np.bool_)
                rows, columns = np.nonzero((found >= 0) & ~full[:, np.newaxis])
                one, other = asked[rows], np.searchsorted(ids, found[rows, columns])
                apart = one != other
                keys.append(np.minimum(one, other)[apart] * len(ids) + np.maximum(one, other)[apart])
                distances.append(near[rows, columns][apart])
                kept += len(keys[-1])
                if kept > 2 * MOST_PAIRS:
                    raise OptionError(
                        f"more than {MOST_PAIRS:,} pairs are within {limit:g} of one another; "
                        "give a smaller distance"
                    )
                again.append(asked[full])
            left, k = np.concatenate(again), min(GROWTH * k, len(ids))
    if keys:
        different, place = np.unique(np.concatenate(keys), return_index=True)
        yield different // len(ids), different % len(ids), np.concatenate(distances)[place]
