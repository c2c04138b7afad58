"""Buckets that a store keeps as bytes: which ones a batch of queries needs, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.gather import Live, Spans, capped, lowest, repeated
from lookalike.buckets.table import firsts
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
        tables = np.indices(keys.shape)[1].reshape(-1)
        flat = keys.reshape(-1)
        order = np.lexsort((flat, tables))
        ordered, own = flat[order], tables[order]
        first = firsts(ordered, own)
        places = np.empty(len(flat), dtype=np.int64)
        places[order] = np.cumsum(first) - 1
        places = np.where(repeated(keys), -1, places.reshape(keys.shape))
        return cls(own[first], ordered[first], places)

    def spans(
        self, contents: Sequence[bytes | None], dtype: npt.DTypeLike, live: Live | None = None
    ) -> list[Spans]:
        """Return the spans for `gather`, of the contents of the n buckets.

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
        return [Spans(members, starts[self.places], np.where(self.places < 0, 0, lengths[self.places]))]
