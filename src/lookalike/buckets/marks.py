"""Candidates as a bit for each id, where ids are dense: no list is written, read and written again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from lookalike.arrays import Bool, Int64
from lookalike.kernels.reference_buckets import packed


@dataclass(frozen=True, slots=True)
class Marks:
    """Who is in the probed buckets of q queries; see `Candidates`, which tells of hits too."""

    words: Int64
    """(q, ceil(size / 64)): id i is bit i % 64 of word i // 64."""
    size: int
    """Ids are below this."""
    counts: Int64
    """(q,), how many candidates each query has."""
    met: Int64
    """(q,), see `Candidates`."""
    cut: Bool
    """(q,), see `Candidates`."""

    def of(self, queries: Bool) -> Self:
        """See `Found`."""
        if queries.all():
            return self
        return replace(
            self,
            words=self.words[queries],
            counts=self.counts[queries],
            met=self.met[queries],
            cut=self.cut[queries],
        )


def marked(ids: Int64, size: int) -> Int64:
    """Return those of `ids` (n,) that are from 0 to `size` - 1 as one row of words."""
    bits = np.zeros(size, dtype=np.bool_)
    bits[ids[(ids >= 0) & (ids < size)]] = True
    return packed(bits)
