"""Which ids the buckets of hash tables hold, and how often, in NumPy: the definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
Table = tuple[UInt64, Int64, npt.NDArray[Any]]
"""Keys (b,), ascending; spans (b + 1,): the members of the bucket of keys[i] are members[spans[i] : spans[i + 1]]."""


def count_hits(
    tables: Sequence[Table], probed: UInt64, most: int, allowed: Bool, counts: Int64, met: Int64, size: int
) -> tuple[Int64, Int32]:
    """Return the ids in the buckets that are probed, ascending a query, and in how many tables each was met.

    Args:
        probed: (q, tables, probes); a key that is there twice in a table counts once.
        most: of a bucket's members the first are looked at, up to this many.
        allowed: (size,), which ids are returned; (0,) for all.
        counts: (q,), filled with how many ids each query is given.
        met: (q,), filled with how many ids each query met, allowed or not.
        size: ids are below this.
    """
    ids, hits = [], []
    for query, of_tables in enumerate(probed):
        members = [np.empty(0, dtype=np.int64)]
        for (keys, spans, own), asked in zip(tables, of_tables, strict=True):
            for bucket in np.flatnonzero(np.isin(keys, asked)).tolist():
                members.append(own[spans[bucket] : spans[bucket + 1]][:most].astype(np.int64))
        found = np.bincount(np.concatenate(members), minlength=size)
        met[query] = np.count_nonzero(found)
        given = np.flatnonzero(found if not len(allowed) else found * allowed)
        counts[query] = len(given)
        ids.append(given.astype(np.int64))
        hits.append(found[given].astype(np.int32))
    return np.concatenate(ids), np.concatenate(hits)


def mark_met(
    tables: Sequence[Table],
    probed: UInt64,
    most: int,
    allowed: Int64,
    marks: Int64,
    counts: Int64,
    met: Int64,
    size: int,
) -> None:
    """Fill `marks` (q, ceil(size / 64)) with a bit for each id that `count_hits` returns; see there for the others.

    Id i is bit i % 64 of word i // 64. `allowed` is of that form too, (ceil(size / 64),), or (0,) for all.
    """
    there = np.empty(0, dtype=np.bool_) if not len(allowed) else unpacked(allowed, size)
    ids, _ = count_hits(tables, probed, most, there, counts, met, size)
    for query, own in enumerate(np.split(ids, np.cumsum(counts)[:-1])):
        bits = np.zeros(size, dtype=np.bool_)
        bits[own] = True
        marks[query] = packed(bits)


def packed(bits: Bool) -> Int64:
    """Return `bits` (n,) as words (ceil(n / 64),): bit i is bit i % 64 of word i // 64."""
    words = np.zeros(-(-len(bits) // 64) * 8, dtype=np.uint8)
    words[: -(-len(bits) // 8)] = np.packbits(bits, bitorder="little")
    return words.view("<i8").astype(np.int64, copy=False)


def unpacked(words: Int64, size: int) -> Bool:
    """Return the bits (size,) that `packed` made `words` of."""
    octets = words.astype("<i8", copy=False).view(np.uint8)
    return np.unpackbits(octets, bitorder="little", count=size).view(np.bool_)
