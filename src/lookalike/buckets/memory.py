"""The bucket store in memory (or in memory-mapped arrays)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, UInt64, as_ids
from lookalike.buckets.base import BucketStats, BucketStore, Candidates, Header
from lookalike.buckets.batches import Batches
from lookalike.buckets.dense import DenseTables, is_compiled_quicker
from lookalike.buckets.gather import (
    Spans,
    bucket_stats,
    capped,
    check_limit,
    check_tables,
    checked,
    gather,
    nobody,
    repeated,
)
from lookalike.buckets.marks import Marks
from lookalike.buckets.table import Table
from lookalike.errors import BucketStoreError


@dataclass(frozen=True, eq=False)
class _Buckets:
    header: Header
    tables: tuple[Table, ...]

    @cached_property
    def dense(self) -> DenseTables | None:
        """The tables as the compiled kernel takes them."""
        return DenseTables.of(self.tables)


class _Namespace:
    """What all handles on one namespace share."""

    def __init__(self, buckets: _Buckets | None = None) -> None:
        self.buckets = buckets
        self.writing = threading.Lock()


class MemoryBuckets(BucketStore):
    """A `BucketStore` in sorted arrays, which never change: a write makes new ones, and swaps them in.

    So `apply` takes time in proportion to what is stored, and is meant for batches.
    """

    def __init__(self, namespace: _Namespace | None = None) -> None:
        """Make an empty store, or, as `open_bucket_store` does, a handle on a namespace that others share."""
        self._namespace = _Namespace() if namespace is None else namespace
        self._closed = False

    def header(self) -> Header | None:
        """See `BucketStore`."""
        buckets = self._open().buckets
        return None if buckets is None else buckets.header

    def fill(self, header: Header, batches: Iterable[tuple[Int64, UInt64]]) -> None:
        """See `BucketStore`."""
        namespace = self._open()
        header.properties_json()  # raises before anything is changed
        tables = tuple(Batches.of(header, batches).tables())
        with namespace.writing:
            namespace.buckets = _Buckets(header, tables)

    def apply(self, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
        """See `BucketStore`."""
        namespace = self._open()
        with namespace.writing:
            buckets = namespace.buckets
            if buckets is None or buckets.header.stamp != seen:
                return False
            ids, keys = checked(ids, keys, buckets.header)
            gone = np.append(np.asarray(removed, dtype=np.int64), as_ids(ids))
            tables = (table.changed(gone, ids, keys[:, i]) for i, table in enumerate(buckets.tables))
            namespace.buckets = _Buckets(replace(buckets.header, stamp=stamp), tuple(tables))
            return True

    def candidates(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Candidates:
        """See `BucketStore`."""
        check_limit(limit)
        buckets = self._open().buckets
        if buckets is None or not len(keys):
            return nobody(len(keys), None if buckets is None else buckets.header.stamp)
        check_tables(keys, buckets.header)
        stamp = buckets.header.stamp
        if is_compiled_quicker(keys) and (dense := buckets.dense) is not None:
            found = dense.candidates(keys, limit=limit, allow=allow, stamp=stamp)
            if found is not None:
                return found
        again = repeated(keys)
        spans = []
        for i, table in enumerate(buckets.tables):
            starts, lengths = table.spans(keys[:, i : i + 1])
            lengths = capped(lengths)  # ascending, so these are the lowest
            spans.append(Spans(table.members, starts, np.where(again[:, i : i + 1], 0, lengths)))
        return gather(spans, limit=limit, allow=allow, stamp=stamp)

    def marks(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Marks | None:
        """Return what `candidates` does, as marks, which are quicker; None where it has to be asked.

        Raises as `candidates` does.
        """
        check_limit(limit)
        buckets = self._open().buckets
        if buckets is None or not len(keys):
            return None
        check_tables(keys, buckets.header)
        dense = buckets.dense if is_compiled_quicker(keys) else None
        return None if dense is None else dense.marks(keys, limit=limit, allow=allow)

    def renumbered(self, numbers: Int64, keys: UInt64) -> MemoryBuckets:
        """Return a store of the same buckets whose id i is numbers[i] now, with more ids in those of `keys`.

        Args:
            numbers: ascending from 0, and -1 of ids that go.
            keys: (m, tables), of ids that are counted on.

        Raises:
            BucketStoreError: the buckets have ids that have no number.
            VectorError: keys of another number of tables.
        """
        buckets = self._open().buckets
        if buckets is None:
            raise BucketStoreError("there are no buckets; fill them")
        check_tables(keys, buckets.header)
        first = int(numbers.max(initial=-1)) + 1
        ids = np.arange(first, first + len(keys))
        tables = tuple(table.renumbered(numbers, ids, keys[:, i]) for i, table in enumerate(buckets.tables))
        return MemoryBuckets(_Namespace(_Buckets(buckets.header, tables)))

    def ids(self) -> Int64:
        """See `BucketStore`."""
        buckets = self._open().buckets
        members = [] if buckets is None else [table.members for table in buckets.tables[:1]]
        return np.sort(np.concatenate(members or [np.empty(0)]).astype(np.int64))

    def stats(self) -> BucketStats:
        """See `BucketStore`."""
        buckets = self._open().buckets
        if buckets is None:
            return BucketStats(ids=0, tables=0, buckets=0, largest_bucket=0, median_bucket=0.0)
        sizes = np.concatenate([np.diff(table.starts) for table in buckets.tables])
        return bucket_stats(
            sizes,
            ids=len(buckets.tables[0].members),
            tables=len(buckets.tables),
            size=sum(array.nbytes for table in buckets.tables for array in table.arrays()),
        )

    def drop(self) -> None:
        """See `BucketStore`."""
        namespace = self._open()
        with namespace.writing:
            namespace.buckets = None

    def close(self) -> None:
        """See `BucketStore`."""
        self._closed = True

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the store holds, for `restored`: `keys_I`, `starts_I` and `members_I` of each table."""
        buckets = self._open().buckets
        return {
            f"{name}_{i}": array
            for i, table in enumerate(() if buckets is None else buckets.tables)
            for name, array in zip(("keys", "starts", "members"), table.arrays(), strict=True)
        }

    @classmethod
    def restored(cls, header: Header, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the store that `arrays` was taken of, which is safe to ask whatever its members are.

        Raises:
            BucketStoreError: arrays that make no such store.
            KeyError: an array is missing.
        """
        tables = tuple(
            Table(arrays[f"keys_{i}"], arrays[f"starts_{i}"], arrays[f"members_{i}"])
            for i in range(len(header.tables))
        )
        for i, table in enumerate(tables):
            if not table.is_sound() or len(table.members) != len(tables[0].members):
                raise BucketStoreError(f"the buckets of table {i} are damaged; build them again")
        return cls(_Namespace(_Buckets(header, tables)))

    def _open(self) -> _Namespace:
        if self._closed:
            raise BucketStoreError("the bucket store was closed; open it again")
        return self._namespace


_shared: dict[tuple[str, str], _Namespace] = {}


def open_memory(url: str, namespace: str, *, timeout: float) -> MemoryBuckets:
    """Return a handle on a namespace that all handles of this process with the same URL share, until it ends."""
    return MemoryBuckets(_shared.setdefault((url, namespace), _Namespace()))
