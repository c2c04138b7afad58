"""Which ids the buckets of hash tables hold, and how often: what `kernels.reference_buckets` defines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from lookalike.kernels.compiled import scan_intrinsics
from lookalike.kernels.compiled.entry import entry
from lookalike.kernels.plan import BUCKETS, KEYS_AT, MEMBER_BYTES, MEMBERS_AT, SPANS_AT

parts: Any = scan_intrinsics  # intrinsics are called without their first argument
inner: Any = njit(nogil=True, error_model="numpy")


AHEAD = 8
"""Members are asked for so many buckets before they are read."""


@inner
def _search(keys: int, buckets: int, probed: Any, at: Any) -> None:
    """Fill `at` with the number of the last of ascending keys that is no greater than each of `probed`, or 0.

    All search at once, step by step, so that each step waits for memory once and not for each of them.
    """
    at[:] = 0
    left = np.int64(buckets)
    while left > 1:
        half = left >> 1
        for probe in range(len(probed)):
            middle = at[probe] + half
            at[probe] = middle if np.uint64(parts.int64_at(keys, middle)) <= probed[probe] else at[probe]
        left -= half


@inner
def _probed(table: Any, probed: Any, most: Any, seen: Any, first: Any, last: Any) -> Any:
    """Fill `first` and `last` with the spans of the different buckets of `table` that `probed` names; return how many.

    All three have room for each of `probed`. `seen` is false for every bucket, and is so again afterwards.
    """
    keys, spans, buckets = table[KEYS_AT], table[SPANS_AT], table[BUCKETS]
    taken = 0
    _search(keys, buckets, probed, first)
    for probe in range(len(probed) if buckets else 0):
        bucket = first[probe]
        if np.uint64(parts.int64_at(keys, bucket)) == probed[probe] and not seen[bucket]:
            seen[bucket] = True
            first[taken] = bucket
            taken += 1
    for i in range(taken):
        bucket = first[i]
        seen[bucket] = False
        first[i] = parts.int64_at(spans, bucket)
        last[i] = min(parts.int64_at(spans, bucket + 1), first[i] + most)
    return taken


@inner
def _count(members: int, width: int, first: int, last: int, found: Any, marked: Any) -> bool:
    """Count the members from `first` to `last` in `found` and mark them; False where one is not below its length."""
    for i in range(first, last):
        member = parts.int32_at(members, i) if width == 4 else parts.int64_at(members, i)
        if member < 0 or member >= len(found):
            return False
        found[member] += np.uint16(1)
        marked[member >> 6] |= np.int64(1) << (member & 63)
    return True


@inner
def _mark(members: int, width: int, first: int, last: int, marked: Any, size: int) -> bool:
    """Mark the members from `first` to `last`; False where one is not below `size`."""
    for i in range(first, last):
        member = parts.int32_at(members, i) if width == 4 else parts.int64_at(members, i)
        if member < 0 or member >= size:
            return False
        marked[member >> 6] |= np.int64(1) << (member & 63)
    return True


@entry(
    "Tuple((int64[::1], int32[::1], boolean))"
    "(int64[:, ::1], uint64[:, :, ::1], int64, boolean[::1], int64[::1], int64[::1], int64)",
)
def count_hits(
    tables: Any, probed: Any, most: Any, allowed: Any, counts: Any, met: Any, size: Any
) -> tuple[Any, Any, bool]:
    """See `reference_buckets.count_hits`; `tables` (tables, `TABLE_SLOTS`), fewer than 65,536.

    The third that is returned is False, and the others mean nothing, where a member is not from 0 to `size` - 1.
    """
    found, marked = np.zeros(size, dtype=np.uint16), np.zeros((size + 63) >> 6, dtype=np.int64)
    seen = np.zeros(max(np.int64(1), tables[:, BUCKETS].max()), dtype=np.bool_)
    own, last = np.empty(probed.shape[2], dtype=np.int64), np.empty(probed.shape[2], dtype=np.int64)
    ids, hits = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int32)
    used = np.int64(0)
    for query in range(len(probed)):
        for table in range(len(tables)):
            members, width = tables[table, MEMBERS_AT], tables[table, MEMBER_BYTES]
            taken = _probed(tables[table], probed[query, table], most, seen, own, last)
            for i in range(taken):
                if i + AHEAD < taken:
                    parts.prefetch(members + own[i + AHEAD] * width)
                if not _count(members, width, own[i], last[i], found, marked):
                    return ids, hits, False
        before, entries = used, np.int64(0)
        for word in range(len(marked)):
            bits = marked[word]
            entries += parts.ones_of(bits)
            if used + 64 > len(ids):
                ids, hits = np.append(ids, np.empty_like(ids)), np.append(hits, np.empty_like(hits))
            while bits:
                member = (word << 6) + parts.ones_of((bits & -bits) - 1)
                bits &= bits - 1
                if len(allowed) == 0 or allowed[member]:
                    ids[used], hits[used] = member, found[member]
                    used += 1
                found[member] = 0
            marked[word] = 0
        counts[query], met[query] = used - before, entries
    return ids[:used], hits[:used], True


@entry(
    "boolean(int64[:, ::1], uint64[:, :, ::1], int64, int64[::1], int64[:, ::1], int64[::1], int64[::1], int64)",
)
def mark_met(
    tables: Any, probed: Any, most: Any, allowed: Any, marks: Any, counts: Any, met: Any, size: Any
) -> bool:
    """See `reference_buckets.mark_met`; `tables` (tables, `TABLE_SLOTS`).

    What is returned is False, and what is filled means nothing, where a member is not from 0 to `size` - 1.
    """
    seen = np.zeros(max(np.int64(1), tables[:, BUCKETS].max()), dtype=np.bool_)
    own, last = np.empty(probed.shape[2], dtype=np.int64), np.empty(probed.shape[2], dtype=np.int64)
    for query in range(len(probed)):
        marked = marks[query]
        marked[:] = 0
        for table in range(len(tables)):
            members, width = tables[table, MEMBERS_AT], tables[table, MEMBER_BYTES]
            taken = _probed(tables[table], probed[query, table], most, seen, own, last)
            for i in range(taken):
                if i + AHEAD < taken:
                    parts.prefetch(members + own[i + AHEAD] * width)
                if not _mark(members, width, own[i], last[i], marked, size):
                    return False
        entries, left = np.int64(0), np.int64(0)
        for word in range(len(marked)):
            entries += parts.ones_of(marked[word])
            if len(allowed) > 0:
                marked[word] &= allowed[word]
                left += parts.ones_of(marked[word])
        met[query], counts[query] = entries, left if len(allowed) > 0 else entries
    return True
