"""Changes to buckets that are only ever added to: who counts is told by a journal, and not by the buckets.

A store whose buckets are appended to cannot take an entry out of them in one step with all else that a change
does, and a writer may be killed, or a command sent twice, amid a change. So a bucket's entry, 32 bits, is never an id
that may count at one time and not at another. It is one of two things:

- an id below 2**31 that was there when the buckets were filled, and that counts unless the journal says that it was
  removed or moved since;
- a number with the highest bit set, which is drawn anew for each id that a change puts in (and for ids that need more
  bits), and which counts only once the journal says whose it is.

A change first adds its entries, which count for nobody, and then one record to the journal, in one step with the
stamp: readers see the buckets before or after it. A writer that is killed before that leaves entries that never count,
since their numbers are not drawn again. An entry that is there twice is as good as one. Rewriting the buckets
(compaction) makes ids of the numbers, and leaves out what does not count.

This is multi-version concurrency control with the versions kept apart from the data, as in the log-structured
merge-tree of O'Neil et al., "The log-structured merge-tree" (Acta Informatica 1996), with one level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Int64

NUMBERED = 1 << 31
"""Entries from here are numbers that the journal gives ids to; ids below are entries as they are."""
ENTRY = np.dtype("<u4")
_NUMBER = np.dtype("<i8")
_HEAD = 5
"""Of a record: the stamps before and after, the first number, how many ids it removes, how many it puts in."""


def record(seen: int, stamp: int, first: int, removed: Int64, ids: Int64) -> bytes:
    """Return the record of a change from stamp `seen` to `stamp`, whose `ids` have the numbers from `first`."""
    head = np.array([seen, stamp, first, len(removed), len(ids)], dtype=_NUMBER)
    return b"".join(part.astype(_NUMBER).tobytes() for part in (head, removed, ids))


@dataclass(frozen=True, slots=True, eq=False)
class Journal:
    """Which entries count, in one state of the buckets."""

    length: int
    """Bytes of records that this was read from."""
    stamp: int
    gone: Int64
    """Ids, ascending, whose own entries count no longer."""
    owners: Int64
    """The id of each number, -1 where it counts for none."""
    changes: int
    """Ids that all records but the first remove or put in: what compaction would clear."""

    @classmethod
    def of(cls, records: bytes) -> Self | None:
        """Return what `records`, from the first on, say; None where they are damaged."""
        if len(records) < _HEAD * _NUMBER.itemsize:
            return None
        seen, _, _, removed, put = np.frombuffer(records, dtype=_NUMBER, count=_HEAD).tolist()
        nothing = np.empty(0, dtype=np.int64)
        return cls(0, seen, nothing, nothing, -removed - put).extended(records)

    def extended(self, more: bytes) -> Self | None:
        """Return what the records say with `more`; None where these do not follow, as after another history."""
        if len(more) % _NUMBER.itemsize:
            return None
        numbers = np.frombuffer(more, dtype=_NUMBER).astype(np.int64)
        stamp, gone, owners, changes, at = self.stamp, self.gone, self.owners, self.changes, 0
        while at < len(numbers):
            if at + _HEAD > len(numbers):
                return None
            seen, after, first, n_removed, n_put = numbers[at : at + _HEAD].tolist()
            middle, end = at + _HEAD + n_removed, at + _HEAD + n_removed + n_put
            if seen != stamp or min(first, n_removed, n_put) < 0 or end > len(numbers) or first >= NUMBERED:
                return None
            touched, put = numbers[at + _HEAD : end], numbers[middle:end]
            stamp, changes, at = after, changes + len(touched), end
            if not len(touched):
                continue
            gone = np.union1d(gone, touched[touched < NUMBERED])
            owners = np.where(np.isin(owners, touched), -1, owners)
            owners = np.append(owners, np.full(max(0, first + n_put - len(owners)), -1))
            owners[first : first + n_put] = put
        return type(self)(self.length + len(more), stamp, gone, owners, changes)

    def live(self, entries: npt.NDArray[Any]) -> tuple[Bool, Int64]:
        """Return which entries (n,) count, and the ids of those; see `gather`."""
        ids = entries.astype(np.int64)
        if not len(self.gone) and ids.max(initial=0) < NUMBERED:
            return np.ones(len(ids), dtype=np.bool_), ids
        numbered = ids >= NUMBERED
        number = ids[numbered] - NUMBERED
        known = number < len(self.owners)
        number[known], number[~known] = self.owners[number[known]], -1
        ids[numbered] = number
        kept = (ids >= 0) & (numbered | ~np.isin(ids, self.gone))
        return kept, ids[kept]


def numbered(first: int, count: int) -> npt.NDArray[np.uint32]:
    """Return the entries of `count` numbers from `first`."""
    return (np.arange(first, first + count, dtype=np.int64) + NUMBERED).astype(ENTRY)
