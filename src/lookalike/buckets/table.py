"""The buckets of one table, in sorted arrays."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Int64, UInt64
from lookalike.errors import BucketStoreError


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The ids `members[starts[i] : starts[i + 1]]` are in the bucket of `keys[i]`. Arrays may be memory-mapped."""

    keys: UInt64
    """(b,), ascending."""
    starts: Int64
    """(b + 1,), ascending, from 0 to n."""
    members: npt.NDArray[Any]
    """(n,) int32 or int64, ascending within a bucket."""

    @classmethod
    def of(cls, ids: npt.NDArray[Any], keys: UInt64) -> Self:
        """Return the table of ids (n,) in the buckets of `keys` (n,); ids of 32 bits take half the room."""
        order = np.lexsort((ids, keys))
        ordered = keys[order]
        first = firsts(ordered)
        starts = np.append(np.flatnonzero(first), len(ids)).astype(np.int64)
        return cls(ordered[first], starts, ids[order].astype(_narrowest(ids)))

    def changed(self, removed: Int64, ids: Int64, keys: UInt64) -> Self:
        """Return the table without `removed`, and with `ids` (n,) in the buckets of `keys` (n,)."""
        kept = ~np.isin(self.members, removed)
        own = np.repeat(self.keys, np.diff(self.starts))
        return self.of(np.append(self.members[kept], ids), np.append(own[kept], keys))

    def renumbered(self, numbers: Int64, ids: Int64, keys: UInt64) -> Self:
        """Return the table whose id i is numbers[i] now, with more `ids` (n,) in the buckets of `keys` (n,).

        It is merged, not sorted: this takes time in proportion to what it holds, and the logarithm of `ids` alone.

        Args:
            numbers: ascending from 0, and -1 of ids that go.
            ids: ascending, and above all of `numbers`.

        Raises:
            BucketStoreError: the table has ids that have no number.
        """
        if len(self.members) and (self.members.min() < 0 or self.members.max() >= len(numbers)):
            raise BucketStoreError("buckets name ids that are not there; build them again")
        members = numbers[self.members]
        there = members >= 0
        sizes = np.diff(np.append(0, np.cumsum(there))[self.starts])
        own, sizes = self.keys[sizes > 0], sizes[sizes > 0]
        order = np.argsort(keys, kind="stable")
        fresh, counts = np.unique(keys[order], return_counts=True)
        before = np.searchsorted(own, fresh)
        lacked = before == len(own)
        lacked[~lacked] = own[before[~lacked]] != fresh[~lacked]
        after = np.append(0, np.cumsum(sizes))[before + ~lacked]
        members = np.insert(members[there], np.repeat(after, counts), ids[order])
        sizes = np.insert(sizes, before[lacked], 0)
        own = np.insert(own, before[lacked], fresh[lacked])
        sizes[np.searchsorted(own, fresh)] += counts
        return type(self)(own, np.append(0, np.cumsum(sizes)), members.astype(_narrowest(members)))

    def spans(self, keys: UInt64) -> tuple[Int64, Int64]:
        """Return the start and the number of the members of the bucket of each key."""
        if not len(self.keys):
            nothing = np.zeros(keys.shape, dtype=np.int64)
            return nothing, nothing
        bucket = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        start = self.starts[bucket]
        return start, np.where(self.keys[bucket] == keys, self.starts[bucket + 1] - start, 0)

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Return what the table is made of: keys, starts and members."""
        return self.keys, self.starts, self.members

    def is_sound(self) -> bool:
        """Whether types and lengths fit, and spans lie within the members one after another."""
        return (
            (self.keys.dtype.str, self.starts.dtype.str) == ("<u8", "<i8")
            and self.members.dtype in (np.int32, np.int64)
            and {self.keys.ndim, self.starts.ndim, self.members.ndim} == {1}
            and len(self.starts) == len(self.keys) + 1
            and (self.starts[0], self.starts[-1]) == (0, len(self.members))
            and bool((self.starts[1:] > self.starts[:-1]).all())
            and bool((self.keys[1:] > self.keys[:-1]).all())
        )


def _narrowest(ids: npt.NDArray[Any]) -> type[np.int32 | np.int64]:
    """Return the narrower of two types that holds `ids` (n,)."""
    return np.int32 if len(ids) and ids.max() <= np.iinfo(np.int32).max else np.int64


def firsts(*columns: npt.NDArray[Any]) -> Bool:
    """Return which rows of columns (n,), of which equal ones stand side by side, differ from the one before."""
    differing: Bool = functools.reduce(operator.or_, (column[1:] != column[:-1] for column in columns))
    return np.append(True, differing)[: len(columns[0])]
