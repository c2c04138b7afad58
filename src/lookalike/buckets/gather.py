"""What all bucket stores share: from the contents of probed buckets to candidates, and checks of ids and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Int32, Int64, UInt64
from lookalike.buckets.base import BucketStats, Candidates, Header
from lookalike.buckets.table import firsts
from lookalike.errors import OptionError, VectorError

GATHERED = 1 << 21
"""Queries are answered a few at a time, so that their buckets hold about this many entries in all."""
SPREAD = 16
"""Ids are dense where the greatest is below this many times their number."""

LARGEST_BUCKET = 1 << 20
"""Of a hot bucket's ids the lowest are looked at, up to this many: what more rows share tells little of likeness."""

Live = Callable[[npt.NDArray[Any]], tuple[Bool, Int64]]
"""Tells of entries (n,) of buckets which count, and the ids of those. Two entries that count have two ids."""


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where the entries of the buckets that q queries probe lie, in one table or several."""

    members: npt.NDArray[Any]
    """(n,) integers: ids, or what `Live` makes ids of. A bucket may hold one several times, which counts once."""
    starts: Int64
    """(q, tables, probes): a bucket is `members[start : start + length]`."""
    lengths: Int64
    """(q, tables, probes), 0 where there is no such bucket, or its key was `repeated`."""

    def taken(self, first: int, last: int) -> _Taken:
        """Return the entries for queries from `first` to `last`, which are counted from `first`."""
        starts, lengths = self.starts[first:last].reshape(-1), self.lengths[first:last].reshape(-1)
        before = np.cumsum(lengths) - lengths
        places = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        query, table, _ = np.indices(self.starts[first:last].shape).reshape(3, -1)
        return self.members[places].astype(np.int64), np.repeat(query, lengths), np.repeat(table, lengths)


_Taken = tuple[Int64, Int64, Int64]
"""Entries, and the query and the table of each."""


def gather(
    spans: Sequence[Spans],
    *,
    limit: int,
    allow: Int64 | None = None,
    live: Live | None = None,
    stamp: int | None = None,
) -> Candidates:
    """Return the candidates of the queries whose buckets `spans` tell, each of other tables.

    Args:
        limit, allow: see `BucketStore.candidates`.
        live: for stores whose buckets hold something else than ids, or entries that count no longer.
        stamp: of the state that the buckets are of.
    """
    queries = len(spans[0].starts)
    if not queries:
        return nobody(0, stamp)
    ends = np.cumsum(sum(span.lengths.sum(axis=(1, 2)) for span in spans))
    allowed = None if allow is None else _Allowed(allow)
    parts, first = [], 0
    while first < queries:
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + GATHERED, side="right")))
        parts.append(_gathered(_joined_tables(spans, first, last), last - first, limit, allowed, live))
        first = last
    return _joined(parts, stamp)


def nobody(queries: int, stamp: int | None = None) -> Candidates:
    """Return the candidates of queries that have none."""
    zeros = np.zeros(queries + 1, dtype=np.int64)
    return Candidates(zeros, zeros[:0], zeros[:0].astype(np.int32), zeros[1:], zeros[1:] > 0, stamp)


def repeated(keys: UInt64) -> Bool:
    """Return which keys (q, tables, probes) are there before within their query and table."""
    order = np.argsort(keys, axis=2, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=2)
    again = np.zeros(keys.shape, dtype=np.bool_)
    np.put_along_axis(again, order[:, :, 1:], ordered[:, :, 1:] == ordered[:, :, :-1], axis=2)
    return again


def lowest(entries: npt.NDArray[Any], live: Live | None = None) -> npt.NDArray[Any]:
    """Return the entries of one bucket that count, of no more than the `LARGEST_BUCKET` lowest ids."""
    entries = np.unique(entries)
    if live is not None:
        kept, ids = live(entries)
        entries = entries[kept][np.argsort(ids)]
    return entries[:LARGEST_BUCKET]


def capped(lengths: Int64) -> Int64:
    """Return how many ids of buckets of these numbers of ids are looked at."""
    return np.minimum(lengths, LARGEST_BUCKET)


def bucket_stats(
    sizes: Int64, *, ids: int, tables: int, size: int, notes: tuple[str, ...] = ()
) -> BucketStats:
    """Return the stats of buckets of `sizes` over all tables, `size` in bytes; with a note where some are hot."""
    hot = int((sizes > LARGEST_BUCKET).sum())
    if hot:
        notes = (
            f"{hot} of {len(sizes)} buckets have more than {LARGEST_BUCKET} ids, of which only the lowest are "
            "looked at; choose a family with more hashes a table",
            *notes,
        )
    return BucketStats(
        ids=ids,
        tables=tables,
        buckets=len(sizes),
        largest_bucket=int(sizes.max(initial=0)),
        median_bucket=float(np.median(sizes)) if len(sizes) else 0.0,
        bytes=size,
        notes=notes,
        histogram=histogram(sizes),
    )


def histogram(sizes: Int64) -> tuple[int, ...]:
    """Return how many of `sizes`, none of them 0, are 1, how many 2 to 3, 4 to 7, and so on."""
    return tuple(np.bincount(np.frexp(sizes)[1] - 1).tolist())


def checked(ids: Int64, keys: UInt64, header: Header) -> tuple[Int64, UInt64]:
    """Return ids (n,) and their keys (n, tables) as arrays of int64 and uint64.

    Raises:
        VectorError: not as many keys as ids, or another number of tables than the header names.
    """
    ids, keys = np.asarray(ids, dtype=np.int64), np.asarray(keys, dtype=np.uint64)
    if keys.ndim != 2 or len(keys) != len(ids):
        raise VectorError(f"keys have shape {keys.shape}; give one row for each of {len(ids)} ids")
    check_tables(keys, header)
    return ids, keys


def check_tables(keys: UInt64, header: Header) -> None:
    """Raise VectorError unless `keys` (n, tables, ...) are of the header's tables."""
    if keys.shape[1] != len(header.tables):
        raise VectorError(f"keys are of {keys.shape[1]} tables; the store has {len(header.tables)}")


def check_limit(limit: int) -> None:
    """Raise OptionError for a limit below 1."""
    if limit < 1:
        raise OptionError(f"limit is {limit}; give 1 or more")


def are_dense(ids: npt.NDArray[Any]) -> bool:
    """Whether ids (n,) are so close to one another, from 0 on, that a mark or a counter for each pays."""
    return len(ids) > 0 and bool(ids.min() >= 0 and ids.max() < SPREAD * len(ids))


class _Allowed:
    """Tells which of some ids are allowed."""

    def __init__(self, ids: Int64) -> None:
        self._ids = ids
        self._mask: Bool | None = None
        if are_dense(ids):
            self._mask = np.zeros(int(ids.max()) + 1, dtype=np.bool_)
            self._mask[ids] = True

    def among(self, ids: Int64) -> Bool:
        if self._mask is None:
            return np.isin(ids, self._ids)
        return self._mask.take(ids, mode="clip") & (ids >= 0) & (ids < len(self._mask))


def _joined_tables(spans: Sequence[Spans], first: int, last: int) -> _Taken:
    """Return the entries for queries from `first` to `last`, with tables counted on from one spans to the next."""
    taken = [span.taken(first, last) for span in spans]
    if len(taken) == 1:
        return taken[0]
    before = np.cumsum([0] + [span.starts.shape[1] for span in spans]).tolist()
    tables = [table + known for (_, _, table), known in zip(taken, before, strict=False)]
    return (
        np.concatenate([entry for entry, _, _ in taken]),
        np.concatenate([query for _, query, _ in taken]),
        np.concatenate(tables),
    )


def _gathered(
    taken: _Taken, queries: int, limit: int, allowed: _Allowed | None, live: Live | None
) -> Candidates:
    """Return the candidates of a few queries."""
    query, ids, hits = _counted(taken, queries)
    if live is not None:
        kept, own = live(ids)
        query, ids, hits = query[kept], own, hits[kept]
        if not ((np.diff(query) > 0) | (np.diff(ids) > 0)).all():
            order = np.lexsort((ids, query))
            query, ids, hits = query[order], ids[order], hits[order]
    met = np.bincount(query, minlength=queries)
    if allowed is not None:
        kept = allowed.among(ids)
        query, ids, hits = query[kept], ids[kept], hits[kept]
    counts = np.bincount(query, minlength=queries)
    return limited(ids, hits.astype(np.int32), counts, met, limit)


def limited(
    ids: Int64, hits: Int32, counts: Int64, met: Int64, limit: int, stamp: int | None = None
) -> Candidates:
    """Return the candidates of queries, of which each has `counts` in succession, no more than `limit` a query."""
    offsets = np.append(0, np.cumsum(counts))
    cut = counts > limit
    if cut.any():
        kept = np.ones(len(ids), dtype=np.bool_)
        for i in np.flatnonzero(cut):
            start, end = offsets[i], offsets[i + 1]
            kept[start + np.argsort(-hits[start:end], kind="stable")[limit:]] = False
        ids, hits = ids[kept], hits[kept]
        offsets = np.append(0, np.cumsum(np.minimum(counts, limit)))
    return Candidates(offsets, ids, hits, met, cut, stamp)


def _counted(taken: _Taken, queries: int) -> tuple[Int64, Int64, npt.NDArray[np.intp]]:
    """Return the different (query, entry) in order, and in how many tables each is."""
    entry, query, table = taken
    table_bits, entry_bits = int(table.max(initial=0)).bit_length(), int(entry.max(initial=0)).bit_length()
    if entry.min(initial=0) >= 0 and queries.bit_length() + entry_bits + table_bits < 64:
        # One sort of numbers is quicker than one of triples.
        packed = np.sort((query << (entry_bits + table_bits)) | (entry << table_bits) | table)
        packed = packed[firsts(packed)] >> table_bits
        first = np.flatnonzero(firsts(packed))
        query, entry = packed[first] >> entry_bits, packed[first] & ((1 << entry_bits) - 1)
        return query, entry, np.diff(np.append(first, len(packed)))
    order = np.lexsort((table, entry, query))
    query, entry, table = query[order], entry[order], table[order]
    once = firsts(query, entry, table)
    query, entry = query[once], entry[once]
    first = np.flatnonzero(firsts(query, entry))
    return query[first], entry[first], np.diff(np.append(first, len(query)))


def _joined(parts: list[Candidates], stamp: int | None) -> Candidates:
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    ids, hits, met, cut = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "hits", "met", "cut")
    )
    return Candidates(np.append(0, np.cumsum(counts)), ids, hits, met, cut, stamp)
