"""The search of a partition in one compiled call: see `lookalike.index.partition` for what the arrays mean.

A `plan` holds addresses and sizes, in the order that its first lines read them: one array, because each argument
of a call from Python costs a tenth of a microsecond or more. Numba caches the compiled code of the entries, which
have explicit types. An address does not keep its array alive: arrays are named wherever theirs is used late.
Scratch arrays end with room for 16 more: vectors are read and written whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels import compiled_parts
from lookalike.kernels.reference import COSINE, DOT, EUCLIDEAN

INFINITY = np.float32(np.inf)
LARGEST = np.finfo(np.float32).max
LOWEST_OF = 8
MOST_RANKED = 512
TABLE_LIMIT = np.float32(31)
"""Eight entries of a table are added in a byte."""

parts: Any = compiled_parts  # intrinsics are called without their first argument
inner: Any = njit(nogil=True, error_model="numpy")


@inner
def threshold(address: int, vectors: int, want: int, slack: int) -> Any:
    """Return a value that `want` of the floats, or up to `slack` more, are at most; inf where there are fewer.

    No heap and no sort: it is found by bisection, each step of which counts 16 values an instruction.
    """
    bounds = np.empty(2, dtype=np.float32)
    parts.bounds_of(address, vectors, bounds.ctypes.data)
    low, high = bounds[0], bounds[1]
    for _ in range(40):
        middle = low + (high - low) * np.float32(0.5)
        if not low < middle < high:
            break
        below = parts.count_at_most(address, vectors, middle)
        if below < want:
            low = middle
        else:
            high = middle
            if below <= want + slack:
                break
    return high


@inner
def select(values: Any, places: Any, count: int, want: int, slack: int) -> Any:
    """Keep the `want` least of `count` values, or up to `slack` more, in front; return how many, and the limit."""
    vectors = (count + 15) >> 4
    for i in range(count, vectors << 4):
        values[i] = INFINITY
    if count <= want:
        return count, INFINITY
    address, at = values.ctypes.data, places.ctypes.data
    high = threshold(address, vectors, want, slack)
    return parts.keep_at_most(address, at, vectors, high, address, at), high


@inner
def _keep_near(
    values: Any, places: Any, count: int, k: int, least: int, most: int, margin: Any, unit: Any
) -> Any:
    """Keep the values not far beyond the k-th least, but at least `least` and about `most`; see `select`.

    Far is `margin` times `unit`, or times the k-th value itself where `unit` is negative.
    """
    vectors = (count + 15) >> 4
    for i in range(count, vectors << 4):
        values[i] = INFINITY
    if count <= least:
        return count, INFINITY
    address, at = values.ctypes.data, places.ctypes.data
    nearest = threshold(address, vectors, k, 0)
    limit = nearest + margin * (unit if unit >= 0 else max(nearest, np.float32(0)))
    within = parts.count_at_most(address, vectors, limit)
    if within < least:
        limit = threshold(address, vectors, least, least >> 3)
    elif within > most:
        limit = threshold(address, vectors, most, most >> 3)
    return parts.keep_at_most(address, at, vectors, limit, address, at), limit


@inner
def _sort(values: Any, numbers: Any, count: int) -> None:
    """Order by value, then number. Both arrays need room for 15 more.

    Up to `MOST_RANKED`, each is first put where the count of lesser values says, 16 at a time and without a branch
    to mispredict; Shell's method does the rest.
    """
    gap = 1
    if count > MOST_RANKED:
        while gap < count // 3:
            gap = 3 * gap + 1
    elif count > 2:
        vectors = (count + 15) >> 4
        for i in range(count, vectors << 4):
            values[i] = INFINITY
        before, numbers_before = values[:count].copy(), numbers[:count].copy()
        taken = np.zeros(count, dtype=np.bool_)
        address = values.ctypes.data
        for i in range(count):  # `values` is counted in until all are ranked
            numbers[i] = parts.count_at_most(address, vectors, before[i]) - 1
        ranks = numbers[:count].copy()
        for i in range(count):
            rank = min(max(ranks[i], 0), count - 1)
            while taken[rank]:
                rank = rank - 1 if rank > 0 else count - 1
            taken[rank] = True
            values[rank], numbers[rank] = before[i], numbers_before[i]
    while gap > 0:
        for i in range(gap, count):
            value, number = values[i], numbers[i]
            j = i
            while j >= gap and (
                values[j - gap] > value or (values[j - gap] == value and numbers[j - gap] > number)
            ):
                values[j], numbers[j] = values[j - gap], numbers[j - gap]
                j -= gap
            values[j], numbers[j] = value, number
        gap //= 3


@inner
def _square(element: int, query: int, row: int, dimension: int) -> Any:
    if element == 0:
        return parts.square_uint8(query, row, dimension)
    if element == 1:
        return parts.square_int8(query, row, dimension)
    if element == 2:
        return parts.square_float16(query, row, dimension)
    return parts.square_float32(query, row, dimension)


@inner
def _product(element: int, query: int, row: int, dimension: int) -> Any:
    if element == 0:
        return parts.product_uint8(query, row, dimension)
    if element == 1:
        return parts.product_int8(query, row, dimension)
    if element == 2:
        return parts.product_float16(query, row, dimension)
    return parts.product_float32(query, row, dimension)


@inner
def aligned(scratch: Any, size: int) -> Any:
    """Return `size` bytes that begin a cache line, of 64 more: a load that crosses lines costs two."""
    start = -scratch.ctypes.data & 63
    return scratch[start : start + size]


@inner
def _quantised(values: int, vectors: int, out: int) -> Any:
    """Store so many times 16 floats as bytes around 128; return the step."""
    longest = parts.longest_of(values, vectors)
    step = longest / np.float32(127) if longest > 0 else np.float32(1)
    parts.put_bytes(values, vectors, np.float32(1) / step, out)
    return step


@inner
def _tables(turned: Any, out: Any) -> Any:
    """Store the tables of turned values; return the step of their entries and the sum of the values' lengths."""
    widest = np.float32(0)
    lengths = np.float32(0)
    for i in range(0, len(turned), 4):
        four = abs(turned[i]) + abs(turned[i + 1]) + abs(turned[i + 2]) + abs(turned[i + 3])
        widest = max(widest, four)
        lengths += four
    step = np.float32(2) * widest / TABLE_LIMIT if widest > 0 else np.float32(1)
    inverse = np.float32(1) / step
    values, tables = turned.ctypes.data, out.ctypes.data
    for group in range(len(turned) // 4):
        parts.make_table(values + 16 * group, inverse, tables + 16 * group)
    return step, lengths


@inner
def choose(
    nearness: Any, lowest: Any, groups: int, least: int, most: int, reach: Any, chosen: Any, chosen_buckets: Any
) -> Any:
    """Put the nearest buckets in front of the arrays, nearest first; return how many.

    They are those within `reach` of the nearest, but at least `least` and at most `most`. `lowest` holds the least
    of every `LOWEST_OF` values: few enough to bisect, they bound the others.
    """
    address, at, buckets_at = nearness.ctypes.data, chosen.ctypes.data, chosen_buckets.ctypes.data
    few = (groups + LOWEST_OF - 1) // LOWEST_OF
    bounds = np.empty(2, dtype=np.float32)
    parts.bounds_of(lowest.ctypes.data, few, bounds.ctypes.data)
    limit, want = bounds[0] + reach, most
    within = parts.count_at_most(address, groups, limit)
    if within < least:
        limit, want = INFINITY, least
    if within < least or within > most:
        if 16 * few >= 2 * want:
            limit = min(limit, threshold(lowest.ctypes.data, few, want, want >> 3))
    size = parts.keep_at_most(address, 0, groups, limit, at, buckets_at)
    size, limit = select(chosen, chosen_buckets, size, want, want >> 3)
    _sort(chosen, chosen_buckets, size)
    return min(size, want)


@inner
def begin(
    plan: Any, steps: Any, query: int, moved: Any, turned: Any, tables: Any, nearness: Any, lowest: Any
) -> Any:
    """Turn a query, make its tables, and estimate how near each centroid is.

    Return what a bucket's nearness lacks to be that of its centroid, the unit in which it is told how far is far (the
    distance of the nearest centroid, or under "dot" the query's length), and the step and the shift of the tables.
    `moved` has room for the query about the mean, as floats and as bytes; `tables` for bytes of the turned query too.
    """
    buckets, dimension, signs, metric = plan[0], plan[1], plan[2], plan[4]
    turn, mean, centroids = plan[10], plan[11], plan[12]
    width = (dimension + 15) >> 4
    moved_at, moved_bytes = moved.ctypes.data, moved.ctypes.data + 64 * width
    turned_at, bytes_at = turned.ctypes.data, tables.ctypes.data + 4 * signs
    parts.difference(query, mean, dimension, moved_at)
    scale = _quantised(moved_at, width, moved_bytes) * steps[0]
    for group in range(signs >> 4):
        parts.byte_products(turn + group * (256 * width + 128), moved_bytes, 4 * width, scale, turned_at + 64 * group)
    query_step = _quantised(turned_at, signs >> 4, bytes_at)
    step, lengths = _tables(turned, tables)
    if metric == DOT:
        origin = -parts.product_float32(query, mean, dimension)
        scale = -query_step * steps[1]
    else:
        origin = parts.product_float32(moved_at, moved_at, dimension)
        scale = np.float32(-2) * query_step * steps[1]
    groups, near, low = (buckets + 15) >> 4, nearness.ctypes.data, lowest.ctypes.data
    for group in range(groups):
        centroid = centroids + group * (16 * signs + 128)
        parts.byte_products(centroid, bytes_at, signs >> 2, scale, near + 64 * group)
    for group in range(0, groups, LOWEST_OF):
        parts.minimum_of(near + 64 * group, min(LOWEST_OF, groups - group), low + 64 * (group // LOWEST_OF))
    if metric == DOT:
        unit = np.sqrt(parts.product_float32(query, query, dimension))
    else:
        bounds = np.empty(2, dtype=np.float32)
        parts.bounds_of(low, (groups + LOWEST_OF - 1) // LOWEST_OF, bounds.ctypes.data)
        unit = np.sqrt(max(origin + bounds[0], np.float32(0)))
    return origin, unit, step, -lengths


@njit(
    "void(int64[::1], float32[::1], float32[:, ::1], int64, int64, float32, int64, int64, float32, uint16[::1], int64,"
    " float32, int64[:, ::1], float32[:, ::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def search(
    plan: Any,
    steps: Any,
    queries: Any,
    least: Any,
    most: Any,
    reach: Any,
    shallow: Any,
    deep: Any,
    margin: Any,
    visible: Any,
    enough: Any,
    max_distance: Any,
    found_ids: Any,
    found_distances: Any,
) -> None:
    """Fill `found_ids` and `found_distances` (q, k), nearest first, padded with -1 and inf.

    The buckets within `reach` of the nearest are looked into, at least `least` and at most `most`; and the rows
    compared whose estimates are within `margin` of the k-th, at least `shallow` and about `deep` at most. `visible`
    has a word a block, or no element where all rows are visible; with it, more buckets are looked into until
    `enough` visible rows were seen.
    """
    buckets, dimension, signs, element, metric = plan[0], plan[1], plan[2], plan[3], plan[4]
    vectors, ids, offsets, starts, blocks = plan[5], plan[6], plan[7], plan[8], plan[9]
    row_bytes = plan[13]
    k = found_ids.shape[1]
    units, groups, block_bytes = signs >> 7, (buckets + 15) >> 4, signs * 2 + 128
    room = 2 * deep + 64
    moved = aligned(np.empty(dimension * 5 + 160, dtype=np.uint8), (dimension + 15) // 16 * 80)
    turned = aligned(np.empty(signs * 4 + 64, dtype=np.uint8), signs * 4).view(np.float32)
    tables = aligned(np.empty(signs * 5 + 64, dtype=np.uint8), signs * 5)
    nearness = aligned(np.empty(groups * 64 + 64, dtype=np.uint8), groups * 64).view(np.float32)
    lowest = np.empty(groups * 2 + 32, dtype=np.float32)
    chosen = np.empty(groups * 16 + 16, dtype=np.float32)
    chosen_buckets = np.empty(groups * 16 + 16, dtype=np.int32)
    estimates = np.empty(room + 32, dtype=np.float32)
    places = np.empty(room + 32, dtype=np.int32)
    numbers = np.empty(room + 32, dtype=np.int64)
    scaled = np.zeros(dimension, dtype=np.float32)
    zeros = np.zeros(dimension, dtype=np.float32)
    tables_at, estimates_at, places_at = tables.ctypes.data, estimates.ctypes.data, places.ctypes.data
    filtered = len(visible) > 0
    for q in range(len(queries)):
        query = queries[q].ctypes.data
        origin, unit, table_step, table_shift = begin(plan, steps, query, moved, turned, tables, nearness, lowest)
        farther = reach * unit
        far_unit = unit if metric == DOT else np.float32(-1)
        fewest, want = min(least, buckets), min(most, buckets)
        done = np.int64(0)
        rows_seen = np.int64(0)
        size = np.int64(0)
        limit = INFINITY
        while True:
            last = choose(nearness, lowest, groups, fewest, want, farther, chosen, chosen_buckets)
            for i in range(done, last):
                bucket = chosen_buckets[i]
                following = chosen_buckets[min(i + 1, last - 1)]
                ahead = blocks + parts.int64_at(starts, following) * block_bytes
                ahead_end = blocks + parts.int64_at(starts, following + 1) * block_bytes
                base = origin + chosen[i]
                position = parts.int64_at(offsets, bucket)
                end = parts.int64_at(offsets, bucket + 1)
                first_block = parts.int64_at(starts, bucket)
                for block in range(first_block, first_block + ((end - position + 15) >> 4)):
                    if ahead < ahead_end:
                        for line in range(0, block_bytes, 64):
                            parts.prefetch(ahead + line)
                        ahead += block_bytes
                    bits = np.int64(65535)
                    if end - position < 16:
                        bits = (np.int64(1) << (end - position)) - 1
                    if filtered:
                        bits &= np.int64(visible[block])
                        rows_seen += parts.ones_of(bits)
                    if bits != 0:
                        size += parts.scan_block(
                            blocks + block * block_bytes,
                            tables_at,
                            units,
                            table_step,
                            table_shift,
                            base,
                            limit,
                            bits,
                            estimates_at + 4 * size,
                            places_at + 4 * size,
                            position,
                        )
                        if size >= room:
                            size, limit = _keep_near(
                                estimates, places, size, k, shallow, deep, margin, far_unit
                            )
                            if size >= room:  # as many estimates are equal
                                size = deep
                    position += 16
            if not filtered or last == buckets or rows_seen >= enough:
                break
            done = last
            fewest = want = min(buckets, 2 * last)
        size, limit = _keep_near(estimates, places, size, k, shallow, deep, margin, far_unit)
        for i in range(size):
            row = vectors + places[i] * row_bytes
            for line in range(0, min(row_bytes, 256), 64):
                parts.prefetch(row + line)
        for i in range(size):
            row = vectors + places[i] * row_bytes
            if metric == EUCLIDEAN:
                estimates[i] = _square(element, query, row, dimension)
            elif metric == DOT:
                estimates[i] = -_product(element, query, row, dimension)
            else:
                square = _square(element, zeros.ctypes.data, row, dimension)
                product = _product(element, query, row, dimension)
                estimates[i] = -product / np.sqrt(square) if square > 0 else np.float32(0)
        size, limit = select(estimates, places, size, k, k >> 1)
        for i in range(size):
            if metric == EUCLIDEAN:
                estimates[i] = np.sqrt(estimates[i])
            elif metric == COSINE:
                row = vectors + places[i] * row_bytes
                square = _square(element, zeros.ctypes.data, row, dimension)
                if square > 0:  # half the squared difference, which is 0 for equal rows
                    length = np.sqrt(square)
                    for j in range(dimension):
                        scaled[j] = queries[q, j] * length
                    estimates[i] = _square(element, scaled.ctypes.data, row, dimension) / (square + square)
                else:
                    estimates[i] = np.float32(1)
            numbers[i] = parts.int64_at(ids, places[i])
        _sort(estimates, numbers, size)
        for i in range(k):
            there = i < size and estimates[i] <= max_distance
            found_ids[q, i] = numbers[i] if there else -1
            found_distances[q, i] = estimates[i] if there else INFINITY
