"""Sequences of perturbations, likeliest first, for query-directed multi-probe."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


def cheapest_subsets(costs: Float32, count: int, partner: Int64 | None = None) -> Int64:
    """Return the `count` subsets of least total cost, as bit masks over `costs` in ascending order of cost.

    Lv, Josephson, Wang, Charikar and Li: Multi-Probe LSH, VLDB 2007, section 4.4: a heap of subsets, from
    each of which two follow, by shifting its last member or adding the next one.

    Args:
        costs: (m,), ascending, none negative, m <= 63.
        partner: (m,), for each member the one that may not be with it; all may be by default.

    Returns:
        int64 masks; bit i stands for the i-th cost; the empty subset is first. Fewer than `count` where
        there are no more.
    """
    masks = [0]
    members = len(costs)
    heap = [(float(costs[0]), 1)] if members else []
    while heap and len(masks) < count:
        cost, mask = heapq.heappop(heap)
        if partner is None or _compatible(mask, partner):
            masks.append(mask)
        last = mask.bit_length() - 1
        if last + 1 < members:
            added = mask | 1 << (last + 1)
            heapq.heappush(heap, (cost + float(costs[last + 1]), added))
            heapq.heappush(heap, (cost + float(costs[last + 1]) - float(costs[last]), added ^ 1 << last))
    return np.array(masks, dtype=np.int64)


def _compatible(mask: int, partner: Int64) -> bool:
    rest = mask
    while rest:
        member = rest.bit_length() - 1
        rest ^= 1 << member
        if mask >> int(partner[member]) & 1:
            return False
    return True
