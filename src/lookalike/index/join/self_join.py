"""Which rows of an index are within a distance of one another, whatever its buckets are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lookalike.arguments import as_finite
from lookalike.arrays import Float32, Int64
from lookalike.errors import OptionError
from lookalike.hashing.k_means import nearest_centroid
from lookalike.index.base import IndexView
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.join.by_cells import Pairs, pairs_in_cells
from lookalike.index.join.by_search import pairs_by_search
from lookalike.index.join.cells import Cells
from lookalike.index.join.compare import Comparison
from lookalike.index.join.copies import fingerprints, first_of_equal
from lookalike.index.queries import LARGEST
from lookalike.index.row_forms import as_hashed
from lookalike.index.view import SnapshotView

READ_ROWS = 8192
EXPANDED_PAIRS = 1 << 20


@dataclass(frozen=True, eq=False)
class SelfJoin:
    """Rows, by their places in `ids`, and the pairs of them that are near.

    Attributes:
        ids: (n,), of all rows.
        first: (n,), for each row the place of the first that equals it to the last bit: its own where none does.
        distinct: pairs of rows that are the first of their equals, within the distance, each once, in blocks.
    """

    ids: Int64
    first: Int64
    distinct: Iterator[Pairs]

    def pairs(self) -> Iterator[tuple[Int64, Float32]]:
        """Yield all pairs as ids (p, 2), the smaller one first, and distances (p,), in blocks."""
        order = np.argsort(self.first, kind="stable")
        counts = np.bincount(self.first, minlength=len(self.ids))
        starts = np.append(0, np.cumsum(counts))
        for place in np.flatnonzero(counts > 1).tolist():
            members = order[starts[place] : starts[place + 1]]
            for rank in range(1, len(members)):
                zeros: Float32 = np.zeros(rank, dtype=np.float32)
                yield self._as_ids(np.full(rank, members[rank]), members[:rank]), zeros
        for one, other, distances in self.distinct:
            products = counts[one] * counts[other]
            ends = np.cumsum(products)
            begin = 0
            while begin < len(one):
                done = int(ends[begin - 1]) if begin else 0
                end = max(begin + 1, int(np.searchsorted(ends, done + EXPANDED_PAIRS, side="right")))
                last = int(ends[end - 1])
                for least in range(done, last, EXPANDED_PAIRS):  # once, unless it is a pair of crowds
                    number = np.arange(least, min(last, least + EXPANDED_PAIRS))
                    pair = begin + np.searchsorted(ends[begin:end], number, side="right")
                    rank = number - (ends[pair] - products[pair])
                    left = order[starts[one[pair]] + rank // counts[other[pair]]]
                    right = order[starts[other[pair]] + rank % counts[other[pair]]]
                    yield self._as_ids(left, right), distances[pair]
                begin = end

    def _as_ids(self, one: Int64, other: Int64) -> Int64:
        return np.sort(np.stack((self.ids[one], self.ids[other]), axis=1), axis=1)


def as_limit(max_distance: object) -> float:
    """Return a distance from 0 as a float that float32 holds. Raises OptionError for another value."""
    limit = as_finite(max_distance, "max_distance")
    if limit < 0:
        raise OptionError(f"max_distance is {limit:g}; give a distance from 0")
    return min(limit, LARGEST)


def self_join(
    view: IndexView, ids: Int64, max_distance: float, *, recall: float, seed: int = 0, threads: int = 1
) -> SelfJoin:
    """Return which rows are within `max_distance` of one another.

    Over learned buckets, rows look beyond the borders of their buckets (`cells.py`), and sketches leave out most pairs
    before any are compared exactly. Over buckets of a hash family, in stores and engines, and where there are none, the
    index is asked for each row's neighbours.

    Args:
        ids: (n,), ascending, of all rows of `view`.
        recall: the share of the pairs that should be found; at 1 every row is compared with every other.

    Raises:
        OptionError: the metric is "dot", under which no row is near itself.
    """
    if view.metric == "dot":
        raise OptionError(
            "inner products tell how long vectors are, and not which are near; use another metric"
        )
    if isinstance(view, SnapshotView) and recall < 1:
        buckets = view.snapshot.base.buckets
        if isinstance(buckets, InvertedFileSearch):
            return _by_cells(view, buckets, max_distance, recall, seed, threads)
    prints = [
        fingerprints(view.vectors(ids[start : start + READ_ROWS])) for start in range(0, len(ids), READ_ROWS)
    ]
    first = first_of_equal(np.concatenate(prints)) if prints else np.empty(0, dtype=np.int64)
    own = np.flatnonzero(first == np.arange(len(ids)))
    found = pairs_by_search(view, ids[own], max_distance, recall, threads, all_rows=len(own) == len(ids))
    return SelfJoin(ids, first, ((own[one], own[other], far) for one, other, far in found))


def _by_cells(
    view: SnapshotView,
    buckets: InvertedFileSearch,
    max_distance: float,
    recall: float,
    seed: int,
    threads: int,
) -> SelfJoin:
    state, sketched, metric = view.snapshot, buckets.sketched, view.metric
    rows = np.flatnonzero(state.alive)
    split = len(state.base.ids)
    labels = np.repeat(np.arange(len(sketched.centroids)), np.diff(sketched.offsets))[rows[rows < split]]
    tail = rows[rows >= split]
    if len(tail):
        hashed = as_hashed(state.gather(tail), metric)
        labels = np.concatenate((labels, nearest_centroid(hashed, sketched.centroids)))
        order = np.argsort(labels, kind="stable")
        rows, labels = rows[order], labels[order]
    prints = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), READ_ROWS):
        prints[start : start + READ_ROWS] = fingerprints(state.gather(rows[start : start + READ_ROWS]))
    first = first_of_equal(prints)
    own = np.flatnonzero(first == np.arange(len(rows)))
    chosen = rows[own]

    def read(places: Int64) -> Float32:
        return as_hashed(state.gather(chosen[places]), metric)

    cells = Cells(read, labels[own].astype(np.int32), sketched.centroids, sketched.rotation)
    radius = math.sqrt(2 * max(max_distance, 0)) if metric == "cosine" else max_distance
    random = np.random.default_rng([seed, len(own)])
    compare = Comparison(view, chosen, max_distance)
    found = pairs_in_cells(cells, compare, radius, recall, random, threads)

    told = ((own[one], own[other], far) for one, other, far in found)
    return SelfJoin(state.row_ids()[rows], first, told)
