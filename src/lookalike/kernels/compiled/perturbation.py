"""The cheapest subsets of many sets at once: what `reference.cheapest_subsets` defines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.entry import entry

inner: Any = njit(nogil=True, error_model="numpy")


@inner
def _merged(
    totals: Any,
    subsets: Any,
    size: Any,
    base: Any,
    base_subsets: Any,
    count: Any,
    cost: Any,
    bit: Any,
    out: Any,
    out_subsets: Any,
) -> Any:
    """Merge `size` subsets with the `count` of a base that have a member more; return how many `out` has then.

    All are in order of their totals; of equal ones those without the member come first.
    """
    end = min(len(out), size + count)
    i, j = np.int64(0), np.int64(0)
    for at in range(end):
        more = base[min(j, count - 1)] + cost
        if j < count and (i == size or more < totals[i]):
            out[at], out_subsets[at] = more, base_subsets[j] | bit
            j += 1
        else:
            out[at], out_subsets[at] = totals[i], subsets[i]
            i += 1
    return end


@entry("void(float32[:, ::1], int64, int64[:, ::1])")
def cheapest_subsets(costs: Any, pairs: Any, masks: Any) -> None:
    """Fill `masks` (n, count) with the cheapest subsets for each row of `costs` (n, m), -1 where there are no more."""
    groups, count = pairs if pairs > 0 else costs.shape[1], masks.shape[1]
    totals, subsets = np.empty((3, count), dtype=np.float64), np.empty((3, count), dtype=np.int64)
    order, least = np.empty(groups, dtype=np.int64), np.empty(groups, dtype=np.float32)
    for row in range(len(costs)):
        for i in range(groups):
            least[i] = min(costs[row, i], costs[row, i + pairs])
            j = i
            while j > 0 and least[order[j - 1]] > least[i]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        now, size = 0, np.int64(1)
        totals[0, 0], subsets[0, 0] = 0.0, 0
        for group in order:
            if size == count and np.float64(least[group]) >= totals[now, count - 1]:
                break
            near, far = group, group + pairs
            if costs[row, far] < costs[row, near]:
                near, far = far, near
            base, known, last = now, size, now
            for side in range(2 if pairs > 0 else 1):
                member = far if side else near
                cost = np.float64(costs[row, member])
                if size == count and cost >= totals[last, count - 1]:
                    break
                out = 3 - base - last if last != base else (base + 1) % 3
                size = _merged(
                    totals[last],
                    subsets[last],
                    size,
                    totals[base],
                    subsets[base],
                    known,
                    cost,
                    np.int64(1) << member,
                    totals[out],
                    subsets[out],
                )
                last = out
            now = last
        masks[row, :size] = subsets[now, :size]
        masks[row, size:] = -1
