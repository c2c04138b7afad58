"""Folds added and removed rows into an inverted file for what they cost, not for what a build does.

Centroids and rotation stay. Added rows are assigned to the buckets that are there and sketched; rows that stay are
copied bucket by bucket with their sketches. That is right only while added rows are like those
that were learned from; SPFresh (Xu et al., SOSP 2023) shows how answers decay where nothing is ever learned anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.hashing.k_means import Assigner
from lookalike.index.fold_steps import groups, placed_anew
from lookalike.index.io.mapping import release
from lookalike.index.io.sinks import Sinks
from lookalike.index.io.sources import SnapshotRows, blocks
from lookalike.index.ivf.build import bucket_count, lengths, longest_usual
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.search import InvertedFileSearch
from lookalike.index.ivf.tuning import measured
from lookalike.index.options import Options
from lookalike.index.row_forms import comparable
from lookalike.index.sketches.sketched_rows import SketchedRows
from lookalike.index.snapshot import Base, Snapshot

GROWN = math.sqrt(2)
"""Buckets are learned anew where a build would have so many times more or fewer, of twice or half as many rows."""
SPREAD, CROWDED = 1.25, 2
"""They are, too, where added rows lie farther from their centroids than those learned from, by this factor of the mean
square; or where their buckets are so many times as full as those of the others."""
LIKE, FILLED = (0.85, 1.1), 1.25
"""Recall is measured anew where the first factor lies outside of this, or the second above."""
CHANGED = 0.3
"""It is, too, once more than this share of the rows came or went since."""
SAMPLED_ROWS, RUN_ROWS = 8192, 32
"""So many rows tell how far they lie from their centroids; in runs, since each place of a file brings in pages."""


@dataclass(frozen=True, slots=True)
class _Added:
    """Rows of the tail in the buckets that are there."""

    rows: Int64
    labels: Int64
    spread: float
    """Their mean squared distance to their centroids."""
    longest: float


def folded_in(state: Snapshot, settings: Options, place: Sinks, threads: int) -> Base | None:
    """Return the base of all rows of `state`, in the buckets that it has.

    None where it has no learned buckets, or these no longer suit the rows, and should be learned anew.
    """
    buckets = state.base.buckets
    if not isinstance(buckets, InvertedFileSearch):
        return None
    sketched, tuning = buckets.sketched, buckets.tuning
    wanted, there = bucket_count(state.count), len(sketched.centroids)
    if not there / GROWN <= wanted <= there * GROWN:
        return None
    random = np.random.default_rng([settings.seed, state.count])
    starts = np.arange(0, len(sketched), RUN_ROWS)
    starts = random.choice(starts, min(SAMPLED_ROWS // RUN_ROWS, len(starts)), replace=False)
    sample = (np.sort(starts)[:, np.newaxis] + np.arange(RUN_ROWS)).reshape(-1)
    sample = sample[sample < len(sketched)]
    own = sketched.rows_as_hashed(sample)
    release(sketched.vectors)
    squares = _squares(own, sketched.centroids[groups(sketched)[sample]])
    spread = tuning.spread or float(squares.mean(dtype=np.float64))
    added = _assigned(state, settings, sketched, random, threads)
    if settings.metric == "dot" and added.longest > longest_usual(own):
        return None
    base_rows, sizes = len(sketched), np.diff(sketched.offsets)
    counts = np.bincount(added.labels, minlength=there)
    crowded = _fullness(sizes + counts, counts) / _fullness(sizes, sizes)
    farther = added.spread / spread if spread else 1.0 + added.spread
    if len(added.rows) and (farther > SPREAD or crowded > CROWDED):
        return None
    placed = placed_anew(state, sketched, added.rows, added.labels, place, threads)
    inverted_file = InvertedFile(placed)
    changed = tuning.changed + len(added.rows) + base_rows - np.count_nonzero(state.alive[:base_rows])
    alike = not len(added.rows) or (LIKE[0] <= farther <= LIKE[1] and crowded <= FILLED)
    if alike and changed <= CHANGED * state.count:
        tuning = replace(tuning, spread=spread, changed=int(changed))
    else:
        tuning = replace(measured(inverted_file, settings.seed), spread=spread)
    release(placed.vectors)
    return Base(placed.vectors, placed.ids, np.argsort(placed.ids), InvertedFileSearch(inverted_file, tuning))


def _assigned(
    state: Snapshot, settings: Options, sketched: SketchedRows, random: np.random.Generator, threads: int
) -> _Added:
    rows = len(sketched) + np.sort(state.tail_order)
    labels = np.empty(len(rows), dtype=np.int64)
    assigner = Assigner(sketched.centroids, random)
    total, longest = 0.0, 0.0
    for start, block in blocks(SnapshotRows(state, rows)):
        wide = comparable(block, settings.metric)
        own = labels[start : start + len(block)] = assigner.nearest(wide, threads)
        total += float(_squares(wide, sketched.centroids[own]).sum(dtype=np.float64))
        longest = max(longest, float(lengths(wide).max()))
    return _Added(rows, labels, total / max(1, len(rows)), longest)


def _squares(rows: Float32, centroids: Float32) -> Float32:
    moved = rows - centroids
    squares: Float32 = np.einsum("ij,ij->i", moved, moved)
    return squares


def _fullness(sizes: Int64, counts: Int64) -> float:
    """Return the mean size of the buckets, (m,), over rows of which each bucket has so many of `counts` (m,)."""
    return float(sizes @ counts) / max(1, int(counts.sum()))
