"""The keys of nearest vertices of cross-polytopes: what `kernels.reference_polytope` defines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled.entry import entry

inner: Any = njit(nogil=True, error_model="numpy")

ROUNDING = np.float32(1.0001)
"""Sums that are bounded may be rounded differently."""


@inner
def _ranks(looked: Any, count: int, ranks: Any) -> None:
    """Fill `ranks` (f,) so that the first of them of each function make `count` keys or more: their product.

    0 where axes and no negative ones are too few for that.
    """
    left, functions = np.float64(count), len(looked)
    ranks[:] = 0
    for done in range(functions):
        least = -1
        for function in range(functions):
            if ranks[function] == 0 and (least < 0 or looked[function] < looked[least]):
                least = function
        ranks[least] = min(looked[least], np.int64(np.ceil(left ** (1 / (functions - done)))))
        left = np.ceil(left / ranks[least])
    if left > 1:
        ranks[:] = 0


@inner
def _largest(point: Any, axes: int, rank: int, ordered: Any) -> Any:
    """Return the largest of the absolute coordinates and that of a rank, from 1; `ordered` is room for so many."""
    ordered[:rank] = np.float32(-1)
    for axis in range(axes):
        value = abs(point[axis])
        if value > ordered[rank - 1]:
            place = rank - 1
            while place > 0 and ordered[place - 1] < value:
                ordered[place] = ordered[place - 1]
                place -= 1
            ordered[place] = value
    return ordered[0], ordered[rank - 1]


@inner
def _vertices(point: Any, axes: int, largest: Any, bound: Any, packed: Any) -> int:
    """Fill `packed` with the vertices of no more cost than `bound`, in order; return how many there are.

    Costs are above 0, so their bits are in their order: each vertex stands below the bits of its cost.
    """
    count, cost = 0, np.empty(1, dtype=np.float32)
    bits = cost.view(np.int32)
    for axis in range(axes):
        near = largest - abs(point[axis])
        if near * near > bound:
            continue
        for side in range(2):
            difference = largest - (-point[axis] if side else point[axis])
            cost[0] = difference * difference
            if cost[0] <= bound:
                packed[count] = np.int64(bits[0]) << 32 | (2 * axis + side)
                count += 1
    packed[:count].sort()
    return count


@inner
def _is_before(sums: Any, first: int, second: int) -> bool:
    return sums[first] < sums[second] or (sums[first] == sums[second] and first < second)


@inner
def _sift(heap: Any, size: int, sums: Any) -> None:
    """Put the first of a heap of places where its sum belongs."""
    at, place = 0, heap[0]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _is_before(sums, heap[child + 1], heap[child]):
            child += 1
        if not _is_before(sums, heap[child], place):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = place


@inner
def _combine(
    keys: Any,
    costs: Any,
    size: int,
    packed: Any,
    vertices: int,
    shift: Any,
    more: Any,
    more_costs: Any,
    room: Any,
) -> int:
    """Fill `more` with the cheapest of `size` keys, each with each vertex; return how many there are then.

    A heap of the keys, each with the next vertex that it has not had; a key comes in with the first one of the key
    before, which is no dearer.
    """
    heap, had, sums = room[0], room[1], np.empty(size, dtype=np.float32)
    decoded = np.empty(vertices, dtype=np.int32)
    for i in range(vertices):
        decoded[i] = packed[i] >> 32
    vertex_costs = decoded.view(np.float32)
    end = min(len(more), size * vertices)
    heap[0], had[0], sums[0], in_heap, known = 0, 0, costs[0] + vertex_costs[0], 1, 1
    for at in range(end):
        place = heap[0]
        vertex = np.uint64(packed[had[place]] & 0xFFFFFFFF)
        more[at], more_costs[at] = keys[place] | vertex << shift, sums[place]
        had[place] += 1
        if had[place] < vertices:
            sums[place] = costs[place] + vertex_costs[had[place]]
        else:
            in_heap -= 1
            heap[0] = heap[in_heap]
        if in_heap:
            _sift(heap, in_heap, sums)
        if place == known - 1 and known < size:
            sums[known], had[known] = costs[known] + vertex_costs[0], 0
            child = in_heap
            while child > 0 and _is_before(sums, known, heap[(child - 1) >> 1]):
                heap[child] = heap[(child - 1) >> 1]
                child = (child - 1) >> 1
            heap[child] = known
            in_heap += 1
            known += 1
    return end


@entry(
    "void(float32[:, :, ::1], int64[::1], int64[::1], uint64[:, :, ::1])",
)
def probed_keys(turned: Any, looked: Any, shifts: Any, keys: Any) -> None:
    """See `reference_polytope.probed_keys`.

    Vertices that cost more than a bound are passed over: the product of the ranks of `_ranks` is the number of keys
    that cost no more than these ranks' costs together.
    """
    functions, count = len(looked), keys.shape[2]
    ranks, largest = np.empty(functions, dtype=np.int64), np.empty(functions, dtype=np.float32)
    _ranks(looked, count, ranks)
    ordered = np.empty(max(np.int64(1), ranks.max()), dtype=np.float32)
    packed, room = np.empty(2 * turned.shape[2], dtype=np.int64), np.empty((2, count), dtype=np.int64)
    own, costs = np.empty((2, count), dtype=np.uint64), np.empty((2, count), dtype=np.float32)
    for row in range(len(keys)):
        for table in range(keys.shape[1]):
            points = turned[row, table * functions : (table + 1) * functions]
            bound = np.float32(0)
            for function in range(functions):
                rank = max(np.int64(1), ranks[function])
                largest[function], least = _largest(points[function], looked[function], rank, ordered)
                bound += (largest[function] - least) * (largest[function] - least)
            bound = bound * ROUNDING if ranks[0] > 0 else np.float32(np.inf)
            size, now = 1, 0
            own[0, 0], costs[0, 0] = 0, 0
            for function in range(functions):
                vertices = _vertices(points[function], looked[function], largest[function], bound, packed)
                shift = np.uint64(shifts[function])
                size = _combine(
                    own[now],
                    costs[now],
                    size,
                    packed,
                    vertices,
                    shift,
                    own[1 - now],
                    costs[1 - now],
                    room,
                )
                now = 1 - now
            keys[row, table] = own[now]
