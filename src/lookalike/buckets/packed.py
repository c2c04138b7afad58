"""Buckets that a store keeps as bytes: which ones a batch of queries needs, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.gather import Live, Spans, capped, lowest, repeated
from lookalike.errors import BucketStoreError


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """The different buckets that a batch of queries probes, each of which is read once."""

    tables: Int64
    """(n,), ascending."""
    keys: UInt64
    """(n,), ascending within a table."""
    places: Int64
    """(q, tables, probes): where each probe's bucket is among the n; -1 where a query has probed it already."""

    @classmethod
    def of(cls, keys: UInt64) -> Probed:
        """Return what `keys` (q, tables, probes) probe."""
        places = np.empty(keys.shape, dtype=np.int64)
        found: list[UInt64] = []
        for table in range(keys.shape[1]):
            distinct, inverse = np.unique(keys[:, table], return_inverse=True)
            places[:, table] = inverse.reshape(places[:, table].shape) + sum(map(len, found))
            found.append(distinct)
        places[repeated(keys)] = -1
        tables = np.repeat(np.arange(keys.shape[1]), [len(distinct) for distinct in found])
        return cls(tables, np.concatenate(found), places)

    def spans(
        self, contents: Sequence[bytes | None], dtype: npt.DTypeLike, live: Live | None = None
    ) -> list[Spans]:
        """Return the spans of each table for `gather`, of the contents of the n buckets.

        Args:
            contents: packed entries of `dtype`, in any order; None where there is no such bucket.
            live: see `gather`; used here for hot buckets, of which the lowest ids are kept.

        Raises:
            BucketStoreError: bytes that are no whole number of entries.
        """
        size = np.dtype(dtype).itemsize
        packed = [content or b"" for content in contents]
        lengths = np.fromiter(map(len, packed), dtype=np.int64, count=len(packed))
        if (lengths % size).any():
            raise BucketStoreError("a bucket holds no whole number of entries; fill the store again")
        lengths //= size
        for i in np.flatnonzero(lengths > capped(lengths)).tolist():
            kept = lowest(np.frombuffer(packed[i], dtype=dtype), live)
            packed[i], lengths[i] = kept.tobytes(), len(kept)
        members = np.frombuffer(b"".join(packed), dtype=dtype)
        starts = np.cumsum(lengths) - lengths
        return [
            Spans(members, starts[places], np.where(places < 0, 0, lengths[places]))
            for places in (self.places[:, table] for table in range(self.places.shape[1]))
        ]
