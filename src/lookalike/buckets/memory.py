"""The bucket store in memory (or in memory-mapped arrays)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, as_ids
from lookalike.buckets.base import Bool, BucketStats, Candidates, Header, UInt64
from lookalike.buckets.table import Table
from lookalike.errors import BucketStoreError, OptionError, VectorError

GATHERED = 1 << 21
"""Queries are answered a few at a time, so that their buckets hold about so many ids in all."""
SPREAD = 16
"""Allowed ids are made a mask where the greatest is less than so many times their number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Buckets:
    header: Header
    tables: tuple[Table, ...]


class _Namespace:
    """What all handles on one namespace share."""

    def __init__(self) -> None:
        self.buckets: _Buckets | None = None
        self.writing = threading.Lock()


class MemoryBuckets:
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
        checked = [_checked(ids, keys, header) for ids, keys in batches]
        ids = as_ids(np.concatenate([ids for ids, _ in checked] or [np.empty(0, dtype=np.int64)]))
        tables = []
        for table in range(len(header.tables)):
            keys = [keys[:, table] for _, keys in checked]
            tables.append(Table.of(ids, np.concatenate(keys or [np.empty(0, dtype=np.uint64)])))
        with namespace.writing:
            namespace.buckets = _Buckets(header, tuple(tables))

    def apply(self, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
        """See `BucketStore`."""
        namespace = self._open()
        with namespace.writing:
            buckets = namespace.buckets
            if buckets is None or buckets.header.stamp != seen:
                return False
            ids, keys = _checked(ids, keys, buckets.header)
            gone = np.append(np.asarray(removed, dtype=np.int64), as_ids(ids))
            tables = (table.changed(gone, ids, keys[:, i]) for i, table in enumerate(buckets.tables))
            namespace.buckets = _Buckets(replace(buckets.header, stamp=stamp), tuple(tables))
            return True

    def candidates(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Candidates:
        """See `BucketStore`."""
        if limit < 1:
            raise OptionError(f"limit is {limit}; give 1 or more")
        buckets, queries = self._open().buckets, len(keys)
        if buckets is None or not queries:
            return _nobody(queries)
        _check_tables(keys, buckets.header)
        spans = [table.spans(keys[:, i]) for i, table in enumerate(buckets.tables)]
        again = _repeated(keys)
        for i, (_, lengths) in enumerate(spans):
            lengths[again[:, i]] = 0
        ends = np.cumsum(sum(lengths.sum(axis=1) for _, lengths in spans))
        allowed = None if allow is None else _Allowed(allow)
        parts, first = [], 0
        while first < queries:
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + GATHERED, side="right")))
            here = [(starts[first:last], lengths[first:last]) for starts, lengths in spans]
            parts.append(_gathered(buckets.tables, here, limit, allowed))
            first = last
        return parts[0] if len(parts) == 1 else _joined(parts)

    def stats(self) -> BucketStats:
        """See `BucketStore`."""
        buckets = self._open().buckets
        if buckets is None:
            return BucketStats(ids=0, tables=0, buckets=0, largest_bucket=0, median_bucket=0.0)
        sizes = np.concatenate([np.diff(table.starts) for table in buckets.tables])
        return BucketStats(
            ids=len(buckets.tables[0].members),
            tables=len(buckets.tables),
            buckets=len(sizes),
            largest_bucket=int(sizes.max(initial=0)),
            median_bucket=float(np.median(sizes)) if len(sizes) else 0.0,
        )

    def drop(self) -> None:
        """See `BucketStore`."""
        namespace = self._open()
        with namespace.writing:
            namespace.buckets = None

    def close(self) -> None:
        """See `BucketStore`."""
        self._closed = True

    def __enter__(self) -> Self:
        """See `BucketStore`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See `BucketStore`."""
        self.close()

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the store holds, for `restored`: `keys_I`, `starts_I` and `members_I` of each table."""
        buckets = self._open().buckets
        return {
            f"{name}_{i}": getattr(table, name)
            for i, table in enumerate(() if buckets is None else buckets.tables)
            for name in ("keys", "starts", "members")
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
        store = cls()
        store._namespace.buckets = _Buckets(header, tables)
        return store

    def _open(self) -> _Namespace:
        if self._closed:
            raise BucketStoreError("the bucket store was closed; open it again")
        return self._namespace


_shared: dict[tuple[str, str], _Namespace] = {}


def open_memory(url: str, namespace: str, *, timeout: float) -> MemoryBuckets:
    """Return a handle on a namespace that all handles of this process with the same URL share, until it ends."""
    return MemoryBuckets(_shared.setdefault((url, namespace), _Namespace()))


class _Allowed:
    """Tells which of some ids are allowed."""

    def __init__(self, ids: Int64) -> None:
        self._ids = ids
        self._mask: Bool | None = None
        if len(ids) and ids.min() >= 0 and ids.max() < SPREAD * len(ids):
            self._mask = np.zeros(int(ids.max()) + 1, dtype=np.bool_)
            self._mask[ids] = True

    def among(self, ids: Int64) -> Bool:
        if self._mask is None:
            return np.isin(ids, self._ids)
        return self._mask.take(ids, mode="clip") & (ids >= 0) & (ids < len(self._mask))


def _gathered(
    tables: tuple[Table, ...], spans: list[tuple[Int64, Int64]], limit: int, allowed: _Allowed | None
) -> Candidates:
    """Return the candidates of a few queries, whose spans of each table are starts and lengths (q, probes)."""
    queries = len(spans[0][0])
    found, owner = [], []
    for table, (starts, lengths) in zip(tables, spans, strict=True):
        found.append(table.taken(starts.reshape(-1), lengths.reshape(-1)))
        owner.append(np.repeat(np.arange(queries), lengths.sum(axis=1)))
    ids, query = np.concatenate(found).astype(np.int64), np.concatenate(owner)
    width = int(ids.max(initial=0)) + 1
    if (
        ids.min(initial=0) >= 0 and width < 2**63 // queries
    ):  # one sort of numbers is quicker than one of pairs
        both = np.sort(query * width + ids)
        query, ids = both // width, both % width
    else:
        order = np.lexsort((ids, query))
        query, ids = query[order], ids[order]
    first = np.flatnonzero(np.append(True, (np.diff(query) != 0) | (np.diff(ids) != 0))[: len(ids)])
    hits = np.diff(np.append(first, len(ids)))
    query, ids = query[first], ids[first]
    met = np.bincount(query, minlength=queries)
    if allowed is not None:
        kept = allowed.among(ids)
        query, ids, hits = query[kept], ids[kept], hits[kept]
    counts = np.bincount(query, minlength=queries)
    cut = counts > limit
    if cut.any():
        kept = np.ones(len(ids), dtype=np.bool_)
        for i in np.flatnonzero(cut):
            start = int(counts[:i].sum())
            kept[start + np.argsort(-hits[start : start + counts[i]], kind="stable")[limit:]] = False
        query, ids, hits = query[kept], ids[kept], hits[kept]
    offsets = np.append(0, np.cumsum(np.minimum(counts, limit)))
    return Candidates(offsets, ids, hits.astype(np.int32), met, cut)


def _joined(parts: list[Candidates]) -> Candidates:
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    ids, hits, met, cut = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "hits", "met", "cut")
    )
    return Candidates(np.append(0, np.cumsum(counts)), ids, hits, met, cut)


def _nobody(queries: int) -> Candidates:
    zeros = np.zeros(queries + 1, dtype=np.int64)
    return Candidates(zeros, zeros[:0], zeros[:0].astype(np.int32), zeros[1:], zeros[1:] > 0)


def _checked(ids: Int64, keys: UInt64, header: Header) -> tuple[Int64, UInt64]:
    ids, keys = np.asarray(ids, dtype=np.int64), np.asarray(keys, dtype=np.uint64)
    if keys.ndim != 2 or len(keys) != len(ids):
        raise VectorError(f"keys have shape {keys.shape}; give one row for each of {len(ids)} ids")
    _check_tables(keys, header)
    return ids, keys


def _check_tables(keys: UInt64, header: Header) -> None:
    if keys.shape[1] != len(header.tables):
        raise VectorError(f"keys are of {keys.shape[1]} tables; the store has {len(header.tables)}")


def _repeated(keys: UInt64) -> Bool:
    """Return which keys (q, tables, probes) are there before within their table."""
    order = np.argsort(keys, axis=2, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=2)
    again = np.zeros(keys.shape, dtype=np.bool_)
    np.put_along_axis(again, order[:, :, 1:], ordered[:, :, 1:] == ordered[:, :, :-1], axis=2)
    return again
