"""Sequences of perturbations, likeliest first, for query-directed multi-probe."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Float32, Int64


def cheapest_subsets(costs: Float32, count: int, pairs: int = 0) -> Int64:
    """Return for each row of costs the `count` subsets of least total cost, cheapest first, (n, count).

    Lv, Josephson, Wang, Charikar and Li: Multi-Probe LSH, VLDB 2007, section 4.4.

    Args:
        costs: (n, m), none negative, m <= 63.
        pairs: where given, m = 2 * pairs, and members i and i + pairs may not be in a subset together.

    Returns:
        int64 masks; bit i stands for the i-th cost; the empty subset is first. -1 where there are no more.
    """
    from lookalike.kernels.compiled import perturbation

    masks = np.empty((len(costs), count), dtype=np.int64)
    perturbation.cheapest_subsets(np.require(costs, np.float32, ["C", "W"]), pairs, masks)
    return masks
