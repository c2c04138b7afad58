"""The bucket store in memory (or in memory-mapped arrays)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, as_ids
from lookalike.buckets.base import BucketStats, Int32, UInt64
from lookalike.errors import OptionError, VectorError


@dataclass(frozen=True)
class _Table:
    """The buckets of one table: `members[starts[i] : starts[i + 1]]` are in the bucket of `keys[i]`."""

    keys: UInt64
    """Ascending."""
    starts: Int64
    members: npt.NDArray[Any]
    """Ids, ascending within a bucket."""

    @classmethod
    def of(cls, ids: npt.NDArray[Any], keys: UInt64) -> Self:
        order = np.lexsort((ids, keys))
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ids) else ids
        return cls(ordered[starts], np.append(starts, len(ids)).astype(np.int64), ids[order])

    def row_keys(self) -> UInt64:
        """Return the key of each member."""
        return np.repeat(self.keys, np.diff(self.starts))

    def spans(self, keys: UInt64) -> tuple[Int64, Int64]:
        """Return start and length of the members of the bucket of each key."""
        if not len(self.keys):
            nothing = np.zeros(len(keys), dtype=np.int64)
            return nothing, nothing
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        start = self.starts[place]
        return start, np.where(self.keys[place] == keys, self.starts[place + 1] - start, 0)


class MemoryBuckets:
    """A `BucketStore` in sorted arrays.

    Each `add` and `remove` rewrites the arrays, so it is meant for batches; the index adds all its rows at once.
    """

    def __init__(self) -> None:
        self._tables: list[_Table] = []
        self._generation = 0

    def add(self, ids: Int64, keys: UInt64) -> None:
        """See `BucketStore`."""
        ids = as_ids(ids)
        if keys.ndim != 2 or len(keys) != len(ids):
            raise VectorError(f"keys have shape {keys.shape}; give one row for each of {len(ids)} ids")
        if self._tables and keys.shape[1] != len(self._tables):
            raise VectorError(f"keys are of {keys.shape[1]} tables; this store has {len(self._tables)}")
        self.remove(ids)
        tables = self._tables or [_Table.of(ids[:0], keys[:0, 0])] * keys.shape[1]
        joined = []
        for table, own in enumerate(tables):
            members = np.concatenate((own.members, ids))
            joined.append(_Table.of(_narrowed(members), np.concatenate((own.row_keys(), keys[:, table]))))
        self._tables = joined

    def remove(self, ids: Int64) -> None:
        """See `BucketStore`."""
        if not self._tables or not np.isin(ids, self._tables[0].members).any():
            return
        left = []
        for table in self._tables:
            kept = ~np.isin(table.members, ids)
            left.append(_Table.of(table.members[kept], table.row_keys()[kept]))
        self._tables = left

    def members(self, keys: UInt64) -> tuple[Int64, Int64]:
        """Return offsets (q + 1,) and ids of the buckets of `keys` (q, tables, probes), bucket by bucket.

        An id is there once for each table in which it was met.
        """
        queries, tables, probes = keys.shape
        if tables != len(self._tables):
            if self._tables:
                raise VectorError(f"keys are of {tables} tables; this store has {len(self._tables)}")
            return np.zeros(queries + 1, dtype=np.int64), np.empty(0, dtype=np.int64)
        starts = np.empty(keys.shape, dtype=np.int64)
        lengths = np.empty(keys.shape, dtype=np.int64)
        for table, own in enumerate(self._tables):
            start, length = own.spans(keys[:, table].reshape(-1))
            starts[:, table], lengths[:, table] = start.reshape(-1, probes), length.reshape(-1, probes)
        if lengths.size and lengths.min() < 0:
            raise VectorError("the store's buckets are damaged; build it again")
        lengths[_repeated(keys)] = 0
        offsets = np.concatenate(([0], np.cumsum(lengths.sum(axis=(1, 2)))))
        ids = np.empty(offsets[-1], dtype=np.int64)
        flat = lengths.reshape(-1)
        # Location in `ids` of each span, and from it the place in the table's members of each of its ids.
        places = np.cumsum(flat) - flat
        for table, own in enumerate(self._tables):
            here = np.arange(table * probes, (table + 1) * probes)
            span = (np.arange(queries)[:, np.newaxis] * tables * probes + here).reshape(-1)
            length = flat[span]
            total = int(length.sum())
            within = np.arange(total) - np.repeat(np.cumsum(length) - length, length)
            taken = own.members[within + np.repeat(starts.reshape(-1)[span], length)]
            if tables == 1:
                return offsets, taken.astype(np.int64, copy=False)
            ids[within + np.repeat(places[span], length)] = taken
        return offsets, ids

    def candidates(self, keys: UInt64, limit: int, allow: Int64 | None = None) -> tuple[Int64, Int64, Int32]:
        """See `BucketStore`."""
        if limit < 1:
            raise OptionError(f"limit is {limit}; give 1 or more")
        offsets, ids = self.members(keys)
        query = np.repeat(np.arange(len(keys)), np.diff(offsets))
        if allow is not None:
            allowed = np.isin(ids, allow)
            query, ids = query[allowed], ids[allowed]
        order = np.lexsort((ids, query))
        query, ids = query[order], ids[order]
        first = np.flatnonzero(
            np.concatenate((np.ones(min(len(ids), 1), bool), (np.diff(query) != 0) | (np.diff(ids) != 0)))
        )
        hits = np.diff(np.append(first, len(ids)))
        query, ids = query[first], ids[first]
        order = np.lexsort((ids, -hits, query))
        query, ids, hits = query[order], ids[order], hits[order]
        kept = np.arange(len(query)) - np.searchsorted(query, query) < limit
        query, ids, hits = query[kept], ids[kept], hits[kept]
        return np.searchsorted(query, np.arange(len(keys) + 1)), ids, hits.astype(np.int32)

    def generation(self) -> int:
        """See `BucketStore`."""
        return self._generation

    def set_generation(self, generation: int) -> None:
        """See `BucketStore`."""
        self._generation = generation

    def clear(self) -> None:
        """See `BucketStore`."""
        self._tables, self._generation = [], 0

    def stats(self) -> BucketStats:
        """See `BucketStore`."""
        sizes = self.sizes()
        return BucketStats(
            ids=len(self._tables[0].members) if self._tables else 0,
            tables=len(self._tables),
            buckets=len(sizes),
            largest_bucket=int(sizes.max(initial=0)),
            median_bucket=float(np.median(sizes)) if len(sizes) else 0.0,
        )

    def sizes(self) -> Int64:
        """Return the number of members of each bucket in use, of all tables."""
        return np.concatenate([np.diff(table.starts) for table in self._tables] or [np.empty(0, np.int64)])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the store holds, for `restored`: `keys_I`, `starts_I` and `members_I` of each table."""
        return {
            f"{name}_{i}": getattr(table, name)
            for i, table in enumerate(self._tables)
            for name in ("keys", "starts", "members")
        }

    @classmethod
    def restored(cls, tables: int, arrays: Mapping[str, npt.NDArray[Any]], *, verify: bool = False) -> Self:
        """Return the store that `arrays` was taken of; with `verify`, contents are checked and not lengths only.

        Raises:
            VectorError: arrays that make no such store.
            KeyError: an array is missing.
        """
        store = cls()
        store._tables = [
            _Table(arrays[f"keys_{i}"], arrays[f"starts_{i}"], arrays[f"members_{i}"]) for i in range(tables)
        ]
        for i, table in enumerate(store._tables):
            if (
                (table.keys.dtype.str, table.starts.dtype.str) != ("<u8", "<i8")
                or table.members.dtype not in (np.int32, np.int64)
                or {table.keys.ndim, table.starts.ndim, table.members.ndim} != {1}
                or len(table.starts) != len(table.keys) + 1
                or (table.starts[0], table.starts[-1]) != (0, len(table.members))
                or (
                    verify
                    and (np.any(np.diff(table.starts) <= 0) or np.any(table.keys[1:] <= table.keys[:-1]))
                )
            ):
                raise VectorError(f"the buckets of table {i} are damaged")
        return store


def _narrowed(ids: Int64) -> npt.NDArray[Any]:
    """Return ids in 32 bits where they fit: a table's members are most of what a store holds."""
    return ids.astype(np.int32) if len(ids) and ids.max() <= np.iinfo(np.int32).max else ids


def _repeated(keys: UInt64) -> npt.NDArray[np.bool_]:
    """Return which keys (q, tables, probes) are there before within their table."""
    order = np.argsort(keys, axis=2, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=2)
    again = np.zeros(keys.shape, dtype=np.bool_)
    np.put_along_axis(again, order[:, :, 1:], ordered[:, :, 1:] == ordered[:, :, :-1], axis=2)
    return again
