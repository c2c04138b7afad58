"""Exact rankings of sources by one feature, streamed from the catalogue, a block of vectors in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Int64, Rows
from lookalike.catalogue import Catalogue, FeatureRecord
from lookalike.index.plain_rows import nearest
from lookalike.index.row_forms import prepared
from lookalike.index.scan import merge, scan

BLOCK_BYTES = 64 << 20
"""Vectors of about so many bytes are compared at once."""
FEWEST_ROWS, MOST_ROWS = 256, 1 << 16

Advance = Callable[[int], None]
"""Is told how many vectors have been compared with all queries."""


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """The vectors of one feature in one state of the catalogue."""

    catalogue: Catalogue
    record: FeatureRecord

    def of(self, numbers: Int64) -> Rows:
        """Return the vectors (n, d) of sources that have the feature, as they are compared."""
        return prepared(self.catalogue.vectors(self.record.name, numbers)[1], self.record.metric)

    def blocks(self) -> Iterator[tuple[Int64, Rows]]:
        """Yield all vectors with their numbers, ascending."""
        rows = BLOCK_BYTES // (4 * self.record.dimension)
        blocks = self.catalogue.changes(self.record.name, block_rows=max(FEWEST_ROWS, min(rows, MOST_ROWS)))
        for numbers, vectors in blocks:
            yield numbers, prepared(vectors, self.record.metric)

    def nearest(self, queries: Int64, depth: int, advance: Advance) -> tuple[Int64, Float32]:
        """Return numbers and distances (q, depth) of the sources that are nearest to each of the sources `queries`.

        The query itself is left out; equal distances are ordered by number; padded with -1 and infinity.
        """
        asked = self.of(queries)
        shape = len(queries), depth + 1
        found = np.full(shape, -1, dtype=np.int64), np.full(shape, np.inf, dtype=np.float32)
        for numbers, vectors in self.blocks():
            near = scan(asked, vectors, numbers, depth + 1, self.record.metric, within=found[1][:, -1])
            found = merge(found, near)
            advance(len(numbers))
        return without(queries, *found)

    def distances(self, queries: Int64, numbers: Int64, advance: Advance) -> Float32:
        """Return the distance of each of the sources `queries` (q,) to its own `numbers` (q, m).

        NaN where a source lacks the feature, and for the number -1.
        """
        asked = self.of(queries)
        found = np.full(numbers.shape, np.nan, dtype=np.float32)
        order = np.argsort(
            numbers, axis=None, kind="stable"
        )  # pairs by number, so that those of a block are a run
        ordered = numbers.ravel()[order]
        for block, vectors in self.blocks():
            start, stop = np.searchsorted(ordered, (block[0], block[-1] + 1))
            pairs = np.sort(order[start:stop])
            place = np.searchsorted(block, numbers.ravel()[pairs])
            there = block[place] == numbers.ravel()[pairs]
            pairs, place = pairs[there], place[there]
            query = pairs // numbers.shape[1]
            offsets = np.searchsorted(query, np.arange(len(queries) + 1))
            most = int(np.diff(offsets).max(initial=0))
            if most:
                ids = np.arange(len(block))
                rows, distances = nearest(self.record.metric, vectors, ids, asked, offsets, place, most)
                _put(found.reshape(-1), pairs, query, place, rows, distances)
            advance(len(block))
        return found


def without(queries: Int64, numbers: Int64, distances: Float32) -> tuple[Int64, Float32]:
    """Return rankings (q, m - 1) of (q, m) without the query itself, or without the last where it was not found."""
    own = numbers == queries[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    shape = len(queries), numbers.shape[1] - 1
    return numbers[~own].reshape(shape), distances[~own].reshape(shape)


def _put(found: Float32, pairs: Int64, query: Int64, place: Int64, rows: Int64, distances: Float32) -> None:
    """Write the distance of each pair; `rows` and `distances` (q, m) are by distance, -1 for none."""
    asked, column = np.nonzero(rows >= 0)
    order = np.lexsort((rows[asked, column], asked))
    wanted = np.lexsort((place, query))
    found[pairs[wanted]] = distances[asked, column][order]
