"""The search of an inverted file in one compiled call; for what it does see `lookalike.index.ivf.inverted_file`.

Numba caches the compiled code of the entries, which have explicit types. An address does not keep its array alive:
arrays are named wherever theirs is used late. Scratch arrays end with room for 16 more: vectors are read and written
whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_blocks, scan_intrinsics
from lookalike.kernels.compiled.batch import (
    MOST_ASKED,
    ask_for,
    batch_bytes,
    batch_scratch,
    batch_size,
    begin,
)
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.compiled.normalize import ready
from lookalike.kernels.compiled.probe import (
    ORIGIN,
    SHIFT,
    STEP,
    UNIT,
    bucket_bytes,
    bucket_scratch,
    choose,
    compare_centroids,
    query_bytes,
    query_scratch,
    rotate,
)
from lookalike.kernels.compiled.rerank import compare_exactly, rerank_bytes, rerank_scratch
from lookalike.kernels.compiled.scratch import LINE, allocated, borrowed, lines, take
from lookalike.kernels.compiled.select import INFINITY, LARGEST, filled, keep_near, select, threshold
from lookalike.kernels.plan import (
    BEYOND,
    BLOCKS_AT,
    BREADTH,
    DIMENSION,
    DOUBTFUL,
    FAR,
    GOOD,
    GROUPS,
    HIDDEN_AT,
    LARGEST_DEPTH,
    LEAST_SQUARE,
    MARGIN,
    METRIC,
    MOST_DISTANT,
    MOST_HIDDEN,
    MOST_REACHED,
    MOST_SQUARE,
    OFFSETS_AT,
    PROBES,
    REACH,
    REACHED_AT,
    RERANK,
    SIGNS,
    STARTS_AT,
    VISIBLE_AT,
)
from lookalike.kernels.reference import COSINE, DOT, EUCLIDEAN

AHEAD = 512
"""Bytes of the next bucket that are asked for; the processor itself goes on from there."""
LARGE, FARTHER_AHEAD = 16 << 20, 6144
"""Where sketches take more bytes than a processor's caches hold, it does so too late: this far ahead is asked for. In a
cache that would only take time."""

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
scans: Any = scan_blocks


inner: Any = njit(nogil=True, error_model="numpy")


@inner
def scan(
    block: int,
    tables: int,
    units: int,
    step: Any,
    shift: Any,
    base: Any,
    limit: Any,
    bits: int,
    estimates: int,
    places: int,
    position: int,
    two: bool,
) -> Any:
    """See `scan_blocks.scan_block`."""
    if two:
        return scans.scan_two_blocks(
            block, tables, units, step, shift, base, limit, bits, estimates, places, position
        )
    return scans.scan_block(block, tables, units, step, shift, base, limit, bits, estimates, places, position)


@entry(
    "int64(int64[::1], float64[::1], float32[::1], int64[:, ::1], float32[:, ::1])",
)
def search(plan: Any, bounds: Any, queries: Any, found_ids: Any, found_distances: Any) -> Any:
    """Fill `found_ids` and `found_distances` (q, k), nearest first, padded with -1 and inf.

    `queries` are one after the other: an array of two dimensions would have to be made of a single one first. What
    is asked of `InvertedFile.search` is in the slots of `plan` and `bounds`, where a negative reach or margin is none.
    More buckets are probed until k visible rows were seen; and, where `BEYOND` is given, until the visible rows are
    those of so many buckets without a filter, and lie in the number of buckets that are probed without one: where the
    filter goes with place, the nearest that it leaves fill few buckets, and are no nearer for it.

    Where `FAR` is not negative, there is one query, as it was given: it is made ready here, and the answer is not
    `GOOD` where it is not an ordinary vector, where its last neighbour lies farther, or where more buckets than
    `MOST_REACHED` lie within `BREADTH` of its nearest. Ordinary is a squared length
    between `LEAST_SQUARE` and `MOST_SQUARE` (see `normalize.ready`); under "euclidean", one about the mean, which is at
    hand, below `MOST_SQUARE`.
    """
    plan, bounds, queries = borrowed(plan), borrowed(bounds), borrowed(queries)
    found_ids, found_distances = borrowed(found_ids), borrowed(found_distances)
    probes, rerank, beyond, most_hidden = plan[PROBES], plan[RERANK], plan[BEYOND], plan[MOST_HIDDEN]
    visible, hidden, reached_at = plan[VISIBLE_AT], plan[HIDDEN_AT], plan[REACHED_AT]
    reach, margin = np.float32(bounds[REACH]), np.float32(bounds[MARGIN])
    breadth = np.float32(bounds[BREADTH])
    max_distance, far = np.float32(bounds[MOST_DISTANT]), np.float32(bounds[FAR])
    buckets, signs, metric, dimension = plan[GROUPS], plan[SIGNS], plan[METRIC], plan[DIMENSION]
    offsets, starts, blocks = plan[OFFSETS_AT], plan[STARTS_AT], plan[BLOCKS_AT]
    count, k = found_ids.shape
    ahead = FARTHER_AHEAD if parts.int64_at(starts, buckets) * (signs * 2 + 64) > LARGE else np.int64(0)
    units, groups, block_bytes = signs >> 7, (buckets + 15) >> 4, signs * 2 + 64
    rows = parts.int64_at(offsets, buckets)
    least, most = ((probes + 1) >> 1, 2 * probes) if reach >= 0 else (probes, probes)
    shallow, deep = ((rerank + 1) >> 1, 2 * rerank) if margin >= 0 else (rerank, rerank)
    deepest = min(max(np.int64(1), rows), LARGEST_DEPTH)
    shallow, deep = min(max(shallow, k), deepest), min(max(deep, k), deepest)
    reach, margin = max(reach, np.float32(0)), max(margin, np.float32(0))
    filtered = visible != 0
    enough = (beyond * rows + buckets - 1) // max(np.int64(1), buckets) if filtered else np.int64(0)
    room = deep + (deep >> 1) + 64
    counted = filtered and hidden != 0
    hidden_room = 2 * most_hidden + 64 if counted else np.int64(0)
    at_least, at_most = min(least, buckets), min(most, buckets)
    abreast = np.int64(0) if filtered else batch_size(plan, count, at_most)
    held = allocated(
        query_bytes(plan)
        + bucket_bytes(plan)
        + rerank_bytes(plan)
        + batch_bytes(plan, abreast, at_most)
        + lines(4 * dimension)
        + 3 * LINE
        + 16 * (room + 64)
        + 2 * lines(4 * (hidden_room + 64))
    )
    moved, rotated, tables, told, rest = query_scratch(plan, borrowed(held))
    nearness, lowest, chosen, chosen_buckets, rest = bucket_scratch(plan, rest)
    exactly, rest = rerank_scratch(plan, rest)
    given, rest = take(rest, 4 * dimension)
    if far >= 0 and metric != EUCLIDEAN:
        unit_query = given[: 4 * dimension].view(np.float32)
        as_rows = (queries.reshape(1, dimension), unit_query.reshape(1, dimension))
        if not ready(as_rows[0], metric == COSINE, bounds[LEAST_SQUARE], bounds[MOST_SQUARE], as_rows[1]):
            held[0] = 0
            return DOUBTFUL
        if metric == COSINE:
            queries = unit_query
    estimate_bytes, rest = take(rest, 4 * (room + 64))
    place_bytes, rest = take(rest, 4 * (room + 64))
    number_bytes, rest = take(rest, 8 * (room + 64))
    other_bytes, rest = take(rest, 4 * (hidden_room + 64))
    other_place_bytes, rest = take(rest, 4 * (hidden_room + 64))
    estimates, places = estimate_bytes.view(np.float32), place_bytes.view(np.int32)
    numbers = number_bytes.view(np.int64)
    others, other_places = other_bytes.view(np.float32), other_place_bytes.view(np.int32)
    estimates_at, places_at = estimates.ctypes.data, places.ctypes.data
    others_at, other_places_at = others.ctypes.data, other_places.ctypes.data
    batch = batch_scratch(plan, rest, abreast, at_most)
    all_tables, all_told, all_chosen, all_buckets, counts, order, _ = batch
    queries_at, query_size = queries.ctypes.data, 4 * dimension
    for turn in range(count):
        q, own = turn, np.int64(0)
        if abreast:
            if turn % abreast == 0:
                begin(
                    plan,
                    queries_at + turn * query_size,
                    query_size,
                    min(abreast, count - turn),
                    at_least,
                    at_most,
                    reach,
                    breadth,
                    reached_at + 8 * turn if reached_at != 0 else np.int64(0),
                    (moved, rotated, told),
                    (nearness, lowest, chosen, chosen_buckets),
                    exactly,
                    batch,
                )
            own = order[turn % abreast]
            q += own - turn % abreast
            following = (turn + 1) % abreast
            if following and turn + 1 < count:
                coming_query = queries_at + (turn + 1 - following + order[following]) * query_size
                ask_for(coming_query, min(query_size, MOST_ASKED), batch, order[following])
        else:
            rotate(plan, queries_at + q * query_size, 1, moved, rotated, tables, told)
            if far >= 0 and metric == EUCLIDEAN and not told[0, ORIGIN] < bounds[MOST_SQUARE]:
                held[0] = 0
                return DOUBTFUL
            compare_centroids(plan, queries_at + q * query_size, 1, tables, nearness, lowest, told)
        own_told = all_told[own] if abreast else told[0]
        origin, unit, table_step, table_shift = (
            own_told[ORIGIN],
            own_told[UNIT],
            own_told[STEP],
            own_told[SHIFT],
        )
        tables_at = all_tables[own].ctypes.data if abreast else tables[0].ctypes.data
        far_unit = unit if metric == DOT else np.float32(-1)
        fewest, want = at_least, at_most
        done = np.int64(0)
        rows_seen = np.int64(0)
        buckets_seen = np.int64(0)
        size = np.int64(0)
        limit = INFINITY
        other_size = np.int64(0)
        other_limit = INFINITY
        begun = abreast > 0
        while True:
            own_chosen, own_buckets = (
                (all_chosen[own], all_buckets[own]) if begun else (chosen, chosen_buckets)
            )
            if begun:
                last = counts[own]
            else:
                last, reached = choose(
                    nearness[0],
                    lowest[0],
                    groups,
                    fewest,
                    want,
                    reach,
                    breadth,
                    unit,
                    chosen,
                    chosen_buckets,
                    exactly[0],
                    exactly[1],
                )
                if far >= 0 and reached > plan[MOST_REACHED]:
                    held[0] = 0
                    return DOUBTFUL
                if reached_at != 0:
                    parts.put_int64(reached_at, q, reached)
            for i in range(done, last):
                bucket = own_buckets[i]
                base = origin + own_chosen[i]
                seen_before = rows_seen
                position = parts.int64_at(offsets, bucket)
                end = parts.int64_at(offsets, bucket + 1)
                if not filtered:
                    rows_seen += end - position
                coming = blocks + parts.int64_at(starts, own_buckets[min(i + 1, last - 1)]) * block_bytes
                bucket_end = blocks + parts.int64_at(starts, bucket + 1) * block_bytes
                for line in range(0, AHEAD, 64):
                    parts.prefetch(coming + line)
                block = parts.int64_at(starts, bucket)
                while position < end:
                    two = end - position > 16
                    address = blocks + block * block_bytes
                    if two and not filtered:
                        done_rows, size = scans.scan_pairs(
                            address,
                            tables_at,
                            units,
                            table_step,
                            table_shift,
                            base,
                            limit,
                            end - position,
                            estimates_at,
                            places_at,
                            position,
                            size,
                            room,
                            ahead,
                            bucket_end,
                            coming,
                        )
                        position += done_rows
                        block += (done_rows + 15) >> 4
                    else:
                        bits = (np.int64(1) << min(end - position, np.int64(32))) - 1
                        if filtered:
                            shown = parts.uint16_at(visible, block)
                            if two:
                                shown |= parts.uint16_at(visible, block + 1) << 16
                            other_bits = bits & ~shown
                            bits &= shown
                            rows_seen += parts.ones_of(bits)
                            if counted and other_bits != 0:
                                other_size += scan(
                                    address,
                                    tables_at,
                                    units,
                                    table_step,
                                    table_shift,
                                    base,
                                    min(limit, other_limit),
                                    other_bits,
                                    others_at + 4 * other_size,
                                    other_places_at + 4 * other_size,
                                    position,
                                    two,
                                )
                                if other_size >= hidden_room:
                                    other_size, other_limit = select(
                                        others, other_places, other_size, most_hidden + 1, most_hidden >> 1
                                    )
                                    if other_size >= hidden_room:  # estimates are equal
                                        other_size = most_hidden + 1
                        if bits != 0:
                            size += scan(
                                address,
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
                                two,
                            )
                        position += 32
                        block += 2
                    if size >= room:
                        size, limit = keep_near(estimates, places, size, k, shallow, deep, margin, far_unit)
                        if size >= room:  # estimates are equal, or an outlier hides how they differ
                            size = deep
                buckets_seen += rows_seen > seen_before
            patient = enough > 0 and (rows_seen < enough or buckets_seen < most)
            if last == buckets or last <= done or (rows_seen >= k and not patient):
                break
            if begun:  # what `choose` needs was another query's since
                rotate(plan, queries_at + q * query_size, 1, moved, rotated, tables, told)
                compare_centroids(plan, queries_at + q * query_size, 1, tables, nearness, lowest, told)
                begun = False
            done = last
            fewest = want = min(buckets, 2 * last)
        if counted:
            parts.put_int64(hidden, q, 0)
            if size >= k:  # else all visible rows were seen
                within = max_distance * max_distance if metric == EUCLIDEAN else max_distance
                within = min(within + within if metric == COSINE else within, LARGEST)
                within = min(within, threshold(estimates_at, filled(estimates, size), k, 0))
                nearer = parts.count_at_most(others_at, filled(others, other_size), within)
                parts.put_int64(hidden, q, nearer)
        size, limit = keep_near(estimates, places, size, k, shallow, deep, margin, far_unit)
        compare_exactly(
            plan,
            queries[q * dimension : (q + 1) * dimension],
            estimates,
            places,
            numbers,
            size,
            exactly,
            max_distance,
            found_ids[q],
            found_distances[q],
        )
    held[0] = 0  # it lives as long as this
    if far >= 0 and far < found_distances[0, k - 1] < INFINITY:
        return DOUBTFUL
    return GOOD
