"""The contract of a bucket store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Int64

UInt64 = npt.NDArray[np.uint64]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BucketStats:
    """Counts of a bucket store."""

    ids: int
    tables: int
    buckets: int
    """Buckets in use, over all tables."""
    largest_bucket: int
    median_bucket: float


class BucketStore(Protocol):
    """Keeps the ids of each bucket of each table. It sees ids and keys only, never vectors or families."""

    def add(self, ids: Int64, keys: UInt64) -> None:
        """Put ids (n,) into the buckets of their keys (n, tables). Ids that are there already are moved.

        Raises:
            VectorError: not as many keys as ids, or another number of tables than before.
            DuplicateIdError: an id is there twice.
        """

    def remove(self, ids: Int64) -> None:
        """Take ids out of all buckets; ids that are not there are passed over."""

    def candidates(self, keys: UInt64, limit: int, allow: Int64 | None = None) -> tuple[Int64, Int64, Int32]:
        """Return who is in the probed buckets, in one round trip for the whole batch.

        Args:
            keys: (q, tables, probes); a key that is repeated within a table counts once.
            limit: at most so many ids a query.
            allow: only these ids, if given.

        Returns:
            offsets (q + 1,), ids and hits: the candidates of query i are `ids[offsets[i] : offsets[i + 1]]`, and
            hits says in how many tables each was met. Most hits first, then lower ids.
        """

    def generation(self) -> int:
        """Return the generation of the data that the store was last brought up to; 0 at first."""

    def set_generation(self, generation: int) -> None:
        """Set what `generation` returns."""

    def clear(self) -> None:
        """Take out everything; the generation is 0 again."""

    def stats(self) -> BucketStats:
        """Return counts."""
