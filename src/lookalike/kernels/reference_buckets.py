"""How often the buckets of hash tables hold each id, in NumPy: the definition."""

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
