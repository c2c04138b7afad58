"""The batches that a store is filled with, once all of them are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from lookalike.arrays import Int64, UInt64, as_ids
from lookalike.buckets.base import Header
from lookalike.buckets.gather import checked
from lookalike.buckets.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """For stores that write table by table: 8 bytes an entry are held in memory until all is written."""

    ids: Int64
    """(n,)."""
    keys: tuple[UInt64, ...]
    """(m, tables) of each batch, together n rows in the order of `ids`."""

    @classmethod
    def of(cls, header: Header, batches: Iterable[tuple[Int64, UInt64]]) -> Self:
        """Return what `batches` give. Raises as `BucketStore.fill` does."""
        ids, keys = [np.empty(0, dtype=np.int64)], [np.empty((0, len(header.tables)), dtype=np.uint64)]
        for own, theirs in batches:
            own, theirs = checked(own, theirs, header)
            ids.append(own)
            keys.append(theirs)
        return cls(as_ids(np.concatenate(ids)), tuple(keys))

    def tables(self) -> Iterator[Table]:
        """Yield each table in turn."""
        for table in range(self.keys[0].shape[1]):
            yield Table.of(self.ids, np.concatenate([keys[:, table] for keys in self.keys]))
