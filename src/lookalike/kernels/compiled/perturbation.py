"""The cheapest subsets of many sets at once: see `reference.cheapest_subsets`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

inner: Any = njit(nogil=True, error_model="numpy")


@inner
def _before(costs: Any, masks: Any, first: int, second: int) -> Any:
    return costs[first] < costs[second] or (costs[first] == costs[second] and masks[first] < masks[second])


@inner
def _swap(costs: Any, masks: Any, first: int, second: int) -> None:
    costs[first], costs[second] = costs[second], costs[first]
    masks[first], masks[second] = masks[second], masks[first]


@inner
def _push(costs: Any, masks: Any, size: int, cost: Any, mask: Any) -> Any:
    """Add to a heap of `size`; return its new size."""
    costs[size], masks[size] = cost, mask
    at = size
    while at > 0 and _before(costs, masks, at, (at - 1) >> 1):
        _swap(costs, masks, at, (at - 1) >> 1)
        at = (at - 1) >> 1
    return size + 1


@inner
def _drop(costs: Any, masks: Any, size: int) -> Any:
    """Take the first from a heap of `size`; return its new size."""
    size -= 1
    costs[0], masks[0] = costs[size], masks[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            return size
        if child + 1 < size and _before(costs, masks, child + 1, child):
            child += 1
        if not _before(costs, masks, child, at):
            return size
        _swap(costs, masks, at, child)
        at = child


@njit("void(float32[:, ::1], int64, int64[:, ::1])", cache=True, nogil=True, error_model="numpy")
def cheapest_subsets(costs: Any, pairs: Any, masks: Any) -> None:
    """Fill `masks` (n, count) with the cheapest subsets for each row of `costs` (n, m), -1 where there are no more.

    A subset that is not allowed is so for its last member, for what has both of another pair is never put on the
    heap; so the heap holds no more than one subset for each that was taken from it.
    """
    members, count = costs.shape[1], masks.shape[1]
    heap, heap_masks = np.empty(count + 2, dtype=np.float64), np.empty(count + 2, dtype=np.int64)
    order, place = np.empty(members, dtype=np.int64), np.empty(members, dtype=np.int64)
    for row in range(len(costs)):
        for i in range(members):
            j = i
            while j > 0 and costs[row, order[j - 1]] > costs[row, i]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        for i in range(members):
            place[order[i]] = i
        found, size = 0, _push(heap, heap_masks, 0, 0.0, 0)
        while size > 0 and found < count:
            cost, mask = heap[0], heap_masks[0]
            size = _drop(heap, heap_masks, size)
            last = -1
            while mask >> (last + 1) > 0:
                last += 1
            other = place[(order[last] + pairs) % members] if pairs > 0 and last >= 0 else last
            allowed = other == last or not mask >> other & 1
            if allowed:
                subset = np.int64(0)
                for i in range(last + 1):
                    subset |= (mask >> i & 1) << order[i]
                masks[row, found] = subset
                found += 1
            if last + 1 < members:
                after, added = np.float64(costs[row, order[last + 1]]), mask | np.int64(1) << (last + 1)
                if allowed:
                    size = _push(heap, heap_masks, size, cost + after, added)
                if last >= 0:
                    before = np.float64(costs[row, order[last]])
                    size = _push(heap, heap_masks, size, cost + after - before, added ^ np.int64(1) << last)
        masks[row, found:] = -1
