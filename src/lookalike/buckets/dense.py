"""Candidates by a compiled count of hits a row, where ids are dense enough for one counter each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lookalike.arrays import Int64, UInt64
from lookalike.buckets import gather
from lookalike.buckets.base import Candidates
from lookalike.buckets.gather import limited
from lookalike.buckets.marks import Marks, marked
from lookalike.buckets.table import Table
from lookalike.kernels import plan as slots

COMPILED_KEYS = 1 << 16
"""Until Numba is loaded, NumPy gathers the buckets of fewer keys than these, in less time than loading takes."""
MOST_TABLES = 1 << 16
"""A counter has 16 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class DenseTables:
    """Tables whose ids are from 0 to a few times their number."""

    tables: tuple[Table, ...]
    """Whose arrays `plan` holds the addresses of."""
    plan: Int64
    """(tables, `TABLE_SLOTS`), see `kernels.plan`."""
    size: int
    """Ids are below this."""

    @classmethod
    def of(cls, tables: Sequence[Table]) -> Self | None:
        """Return the tables as the kernel takes them; None where ids are not dense."""
        ids = tables[0].members if tables else np.empty(0, dtype=np.int64)
        if not gather.are_dense(ids) or len(tables) >= MOST_TABLES:
            return None
        flat = tuple(Table(*map(np.ascontiguousarray, table.arrays())) for table in tables)
        plan = np.zeros((len(flat), slots.TABLE_SLOTS), dtype=np.int64)
        for slot, table in zip(plan, flat, strict=True):
            slot[slots.KEYS_AT], slot[slots.SPANS_AT] = table.keys.ctypes.data, table.starts.ctypes.data
            slot[slots.MEMBERS_AT], slot[slots.BUCKETS] = table.members.ctypes.data, len(table.keys)
            slot[slots.MEMBER_BYTES] = table.members.itemsize
        return cls(flat, plan, int(ids.max()) + 1)

    def candidates(
        self, keys: UInt64, *, limit: int, allow: Int64 | None, stamp: int | None
    ) -> Candidates | None:
        """See `BucketStore`; None where a table names an id that the first does not reach, as damaged ones do."""
        from lookalike.kernels.compiled.buckets import count_hits

        allowed = np.zeros(0 if allow is None else self.size, dtype=np.bool_)
        if allow is not None:
            allowed[allow[(allow >= 0) & (allow < self.size)]] = True
        counts, met = np.empty(len(keys), dtype=np.int64), np.empty(len(keys), dtype=np.int64)
        probed = np.require(keys, np.uint64, ["C", "W"])
        ids, hits, sound = count_hits(
            self.plan, probed, gather.LARGEST_BUCKET, allowed, counts, met, self.size
        )
        return limited(ids, hits, counts, met, limit, stamp) if sound else None

    def marks(self, keys: UInt64, *, limit: int, allow: Int64 | None) -> Marks | None:
        """Return what `candidates` does, as marks."""
        from lookalike.kernels.compiled.buckets import mark_met

        allowed = np.zeros(0, dtype=np.int64) if allow is None else marked(allow, self.size)
        counts, met = np.empty(len(keys), dtype=np.int64), np.empty(len(keys), dtype=np.int64)
        words = np.empty((len(keys), -(-self.size // 64)), dtype=np.int64)
        probed = np.require(keys, np.uint64, ["C", "W"])
        if not mark_met(self.plan, probed, gather.LARGEST_BUCKET, allowed, words, counts, met, self.size):
            return None
        cut = counts > limit
        if cut.any():
            fewer = self.candidates(probed[cut], limit=limit, allow=allow, stamp=None)
            if fewer is None:
                return None
            for query, own in zip(np.flatnonzero(cut), np.split(fewer.ids, fewer.offsets[1:-1]), strict=True):
                words[query] = marked(own, self.size)
            counts[cut] = fewer.counts
        return Marks(words, self.size, counts, met, cut)


def is_compiled_quicker(keys: UInt64) -> bool:
    """Whether it pays to load the kernel, if need be, for so many keys."""
    return "numba" in sys.modules or keys.size >= COMPILED_KEYS
