"""The base's rows in the order of their buckets, searched by bucket, sketch and rerank in one compiled call.

Rows are grouped by their nearest centroid. Of each row there is a sketch (`lookalike.hashing.sketch`), laid out
in blocks of 16 rows so that one instruction looks up 64 half bytes. A query is turned once; its buckets are
chosen by their centroids, their rows' distances estimated from the sketches, and the least estimates compared
exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.hashing.sketch import Sketcher

BLOCK_ROWS = 16

Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Partition:
    """The searchable rows of a base; arrays may be memory-mapped and are only read.

    Under "cosine" rows need not be of length one: their lengths are divided out. Under "dot" inner products are
    estimated directly.
    """

    metric: Metric
    centroids: Float32
    """(m, d), of the rows as they are hashed: under "cosine", of rows at length one."""
    offsets: Int64
    """(m + 1,): the rows of bucket i are at positions offsets[i] to offsets[i + 1]."""
    vectors: npt.NDArray[Any]
    """(n, d) uint8, int8, float16 or float32, in bucket order."""
    ids: Int64
    """(n,), of each position."""
    sketcher: Sketcher
    blocks: UInt8
    """(blocks, sketcher.block_bytes), what `encode` gives; bucket i has ceil(rows / 16) of them, in order."""

    @classmethod
    def from_arrays(
        cls,
        metric: Metric,
        centroids: Float32,
        offsets: Int64,
        vectors: npt.NDArray[Any],
        ids: Int64,
        sketcher: Sketcher,
        blocks: UInt8 | None = None,
        threads: int = 1,
    ) -> Self:
        """Check that the arrays fit together, and encode the rows where `blocks` are not given.

        Raises:
            OptionError: shapes, types or offsets that do not fit; what was read from a file is safe to search
                after this check, whatever its values.
        """
        raise NotImplementedError

    def search(
        self,
        queries: Float32,
        k: int,
        probes: int,
        rerank: int,
        *,
        visible: UInt16 | None = None,
        max_distance: float = np.inf,
        threads: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return ids and distances (q, k), nearest first, padded with -1 and inf.

        Args:
            queries: (q, d) float32, finite, contiguous; under "cosine" of length one.
            probes: buckets to look into, at least 1.
            rerank: rows to compare exactly, at least k.
            visible: what `mask` gave for the rows that may be found; None for all. Buckets are then looked into
                until as many visible rows were seen as the same probes show without a mask.
            max_distance: rows farther than this are left out.
            threads: at most so many, each with queries of its own; the interpreter's lock is not held.
        """
        raise NotImplementedError

    def mask(self, rows: Bool) -> UInt16:
        """Return the form of `rows` (n,), by position, that `search` takes: a word of 16 bits a block."""
        raise NotImplementedError


def encode(
    metric: Metric,
    sketcher: Sketcher,
    centroids: Float32,
    offsets: Int64,
    rows: npt.NDArray[Any],
    first: int,
    last: int,
    threads: int = 1,
) -> UInt8:
    """Return the blocks of buckets `first` to `last` - 1, given their rows in order.

    So a base larger than memory is encoded a few buckets at a time, and the parts written one after another.
    `rows` are those at positions offsets[first] to offsets[last], as they are kept.
    """
    raise NotImplementedError


def block_count(offsets: Int64) -> int:
    """Return how many blocks the buckets of `offsets` have in all."""
    return int((-(-np.diff(offsets) // BLOCK_ROWS)).sum())
