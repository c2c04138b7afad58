"""Rows that lie elsewhere, and are fetched to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from lookalike.arrays import Float32, Int64, Rows, as_ids, as_vectors
from lookalike.buckets import Candidates
from lookalike.errors import BucketStoreError, EngineError, VectorError
from lookalike.index.approximate import Answer
from lookalike.index.base import VectorReader
from lookalike.index.finder import Finder, StaleBucketsError
from lookalike.index.lsh.probing import Probing, kept
from lookalike.index.options import Options
from lookalike.index.plain_rows import nearest
from lookalike.index.row_forms import prepared
from lookalike.index.scan import merge, scan
from lookalike.index.snapshot import block_rows

FETCHED_BYTES = 128 << 20
"""Queries are answered a few at a time, so that the vectors of their candidates take about as much at most."""


@dataclass(frozen=True, slots=True, eq=False)
class FetchedRows:
    """The rows of one state, but for those that are `hidden` and compared otherwise."""

    options: Options
    reader: VectorReader
    hidden: Int64
    """Ids, ascending: the buckets' entries of these are of another state."""
    probing: Finder | None
    seen: int
    """The stamp of the buckets that `probing` should meet."""
    allow: Int64 | None = None
    """The ids that may be found, ascending; None for all."""

    def check(self) -> None:
        """Look whether the buckets are of the state that was seen, though none is to be probed.

        Raises:
            StaleBucketsError: they are not, or cannot be read.
        """
        probing = self.probing
        if probing is None:
            return
        try:
            current = probing.is_current(self.seen, self.reader)
        except (BucketStoreError, EngineError) as error:
            raise StaleBucketsError(probing, error) from error
        if not current:
            raise StaleBucketsError(probing)

    def candidates(self, queries: Float32, probes: int, k: int, allow: Int64 | None) -> Candidates:
        """See `Compared`. Raises StaleBucketsError."""
        probing = cast(Probing, self.probing)
        try:
            found = probing.candidates(queries, probes, k, allow)
        except BucketStoreError as error:
            raise StaleBucketsError(probing, error) from error
        except VectorError:  # buckets of another family, which has more tables or fewer
            raise StaleBucketsError(probing) from None
        if found.stamp != self.seen:
            raise StaleBucketsError(probing)
        return kept(found, ~np.isin(found.ids, self.hidden)) if len(self.hidden) else found

    def answered(self, queries: Float32, found: Candidates, k: int, threads: int = 1) -> Answer:
        """See `Compared`. Where vectors of candidates are gone, and fewer than k are left, all rows are compared."""
        answer = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k), dtype=np.float32)
        most, first = max(1, FETCHED_BYTES // (4 * self.options.dimension)), 0
        while first < len(queries):
            last = int(np.searchsorted(found.offsets, found.offsets[first] + most, side="right")) - 1
            part = slice(first, max(first + 1, last))
            answer[0][part], answer[1][part] = self._nearest(queries[part], found, part, k, threads)
            first = part.stop
        short = (answer[0][:, -1] < 0) & (np.diff(found.offsets) >= k)
        if short.any():
            answer[0][short], answer[1][short] = self.scanned(queries[short], k, self.allow)
        return answer

    def scanned(self, queries: Float32, k: int, allow: Int64 | None) -> Answer:
        """See `Compared`; `allow` are ids, ascending."""
        ids = self.reader.ids() if allow is None else allow
        ids = ids[~np.isin(ids, self.hidden)]
        answer = (
            np.full((len(queries), k), -1, dtype=np.int64),
            np.full((len(queries), k), np.inf, dtype=np.float32),
        )
        for start in range(0, len(ids), step := block_rows(self.options.dimension)):
            numbers, vectors = self.fetch(ids[start : start + step])
            answer = merge(answer, scan(queries, vectors, numbers, k, self.options.metric))
        return answer

    def fetch(self, ids: Int64) -> tuple[Int64, Rows]:
        """Return those of `ids` (each there once) whose vectors there are, ascending, and these as they are compared.

        Raises:
            VectorError, DuplicateIdError: the reader gave something else than was asked for.
        """
        return fetched(self.reader, ids, self.options)

    def _nearest(self, queries: Float32, found: Candidates, part: slice, k: int, threads: int) -> Answer:
        first, last = found.offsets[part.start], found.offsets[part.stop]
        candidates = found.ids[first:last]
        ids, vectors = self.fetch(np.unique(candidates))
        if not len(ids):
            return (
                np.full((len(queries), k), -1, dtype=np.int64),
                np.full((len(queries), k), np.inf, dtype=np.float32),
            )
        positions = np.minimum(np.searchsorted(ids, candidates), len(ids) - 1)
        there = ids[positions] == candidates
        counts = np.append(0, np.cumsum(there))
        offsets = counts[found.offsets[part.start : part.stop + 1] - first]
        return nearest(
            self.options.metric, vectors, ids, queries, offsets, positions[there], k, threads=threads
        )


def fetched(reader: VectorReader, ids: Int64, options: Options) -> tuple[Int64, Rows]:
    """Return what `reader` has of `ids`, ascending, checked, and as it is compared."""
    numbers, rows = reader(ids) if len(ids) else (ids, None)
    numbers = as_ids(numbers, name="ids that were fetched")
    if rows is None or not len(numbers):
        return numbers, np.empty((0, options.dimension), dtype=options.dtype)
    name = "vectors that were fetched"
    vectors = as_vectors(rows, dimension=options.dimension, metric=options.metric, name=name)
    if len(vectors) != len(numbers):
        raise VectorError(f"{len(numbers)} ids were fetched with {len(vectors)} vectors; give one an id")
    strange = numbers[~np.isin(numbers, ids)]
    if len(strange):
        raise VectorError(f"id {strange[0]} was fetched, and not asked for; fetch those that are asked for")
    order = np.argsort(numbers)
    return numbers[order], prepared(vectors[order], options.metric)
