"""The recall of one answer, estimated from where its hits lie among the buckets that were probed.

What was measured is a mean over queries like the rows. Of another query its own hits tell more: the more of them come
from the last buckets that were probed, the more lie in those that were not. Rows of a bucket are taken to be hits at a
rate that falls exponentially with y, by how much farther than the nearest bucket it is (a Poisson regression with the
buckets' rows as exposure):

    expected hits of a bucket = rows * exp(level - slope * y).

The hits of the probed buckets tell the slope, and the slope which share of all hits the probed buckets have. Few hits
tell little, and those of one bucket nothing, so that the logarithm of the slope has a normal prior, about the slopes of
rows of the index; the slope of largest posterior density is taken. A row's slope is the one at which the share is the
recall that was measured. Where rates do not fall just so, slopes of largest density are off by some factor: the one
that makes the mean estimate of these rows what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.index.approximate import Bool
from lookalike.index.drawn_queries import drawn_queries, stand_for_queries
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.operating_points import OperatingPoint
from lookalike.index.ivf.tuning import AMONG, COPY, MOST_COPIES

SLOPES: Float32 = (2.0 ** np.arange(-4, 12.5, 0.5)).astype(np.float32)
"""Those that are tried, in units of the mean y of all buckets; evenly apart in logarithms."""
PRIOR_DEVIATION = 1.0
"""Of the natural logarithm of the slope."""
LARGEST_PROMISE = 0.999
"""What was measured on a few hundred rows says no more."""
SAMPLED = 128
"""Rows that tell by how much slopes are off."""
LARGEST_SHIFT, HALVINGS = 10.0, 20
NUMBERS = 1 << 18
"""So many queries are estimated at a time as take about so many numbers."""

Float64 = npt.NDArray[np.float64]
_STEP = float(np.log(SLOPES[1] / SLOPES[0]))


@dataclass(frozen=True, slots=True)
class UsualSlope:
    """What rows tell of the slopes of queries like them."""

    place: float
    """Where the slope is among `SLOPES`, on average, if these were in the unit of y itself."""
    shift: float
    """By how many places the slopes of largest density are off."""


def estimated_recalls(
    inverted_file: InvertedFile,
    queries: Float32,
    positions: Int64,
    setting: OperatingPoint,
    usual: UsualSlope,
    shown: Bool | None = None,
    beyond: int = 0,
) -> Float32:
    """Return the recall that is estimated of each answer, (q,), from 0 to 1.

    Args:
        queries: (q, d), under cosine of length one.
        positions: (q, k), those of the hits among the rows, -1 where there is none.
        setting: by which the answers were found.
        usual: what `usual_slope` gave.
        shown: (n,), the rows that could be found; None for all.
        beyond: that of `InvertedFile.search`.
    """
    offsets = inverted_file.sketched.offsets
    sizes = np.diff(offsets if shown is None else np.append(0, np.cumsum(shown))[offsets])
    estimated: Float32 = np.ones(len(queries), dtype=np.float32)
    if not sizes.any():
        return estimated
    buckets = np.searchsorted(offsets, positions, side="right") - 1
    step = max(1, NUMBERS // (len(SLOPES) * len(sizes)))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        farther, unit = inverted_file.farther(queries[part])
        edge = _edge(farther, unit, setting, sizes, beyond if shown is not None else 0)
        estimated[part] = Fits.of(farther, edge, buckets[part], sizes, setting.recall).recalls(usual)
    return estimated


def usual_slope(
    inverted_file: InvertedFile, setting: OperatingPoint, find: Callable[[Int64], Int64]
) -> UsualSlope:
    """Return what the slope of rows is where answers are found by `setting`.

    Rows are asked for, without themselves and their near-copies, as when recall was measured.

    Args:
        find: returns the position of each id, -1 where there is none.
    """
    sketched = inverted_file.sketched
    standing = np.flatnonzero(stand_for_queries(sketched.ids))
    own = drawn_queries(
        sketched.vectors, SAMPLED, np.random.default_rng(0), standing if len(standing) else None
    )
    queries = sketched.rows_as_hashed(own)
    ids, distances = inverted_file.search(
        queries,
        max(setting.k + MOST_COPIES, AMONG) + 1,
        setting.probes,
        setting.rerank,
        reach=setting.reach,
        margin=setting.margin,
    )
    positions = find(ids.ravel()).reshape(ids.shape)
    left_out = positions == own[:, np.newaxis]
    if sketched.metric != "dot":
        squares = distances**2 if sketched.metric == "euclidean" else distances
        among = squares[:, AMONG, np.newaxis]
        left_out |= (squares <= COPY * among) & np.isfinite(among)
    order = np.argsort(left_out, axis=1, kind="stable")[:, : setting.k]
    hits = np.take_along_axis(np.where(left_out, -1, positions), order, axis=1)
    sizes = np.diff(sketched.offsets)
    farther, unit = inverted_file.farther(queries)
    buckets = np.searchsorted(sketched.offsets, hits, side="right") - 1
    fits = Fits.of(farther, _edge(farther, unit, setting, sizes, 0), buckets, sizes, setting.recall)
    place = float(np.mean(fits.usual - fits.unit))
    low, high = -LARGEST_SHIFT, LARGEST_SHIFT
    for _ in range(HALVINGS):  # the farther slopes are brought back, the less is estimated
        middle = (low + high) / 2
        enough = fits.recalls(UsualSlope(place, middle)).mean() >= min(setting.recall, LARGEST_PROMISE)
        low, high = (middle, high) if enough else (low, middle)
    return UsualSlope(place, low)


def _edge(farther: Float32, unit: Float32, setting: OperatingPoint, sizes: Int64, beyond: int) -> Float32:
    """Return how much farther than the nearest the last bucket is that was probed, (q, 1)."""
    count = len(sizes)
    order = np.argsort(farther, axis=1)
    ascending = np.take_along_axis(farther, order, axis=1)
    within = np.count_nonzero(ascending <= setting.reach * unit, axis=1)
    most = min(2 * setting.probes, count)
    probed = np.clip(within, min((setting.probes + 1) // 2, count), most)[:, np.newaxis]
    if beyond:
        in_order = sizes[order]
        enough = np.cumsum(in_order, axis=1) >= min(beyond * sizes.mean(), sizes.sum())
        enough &= np.cumsum(in_order > 0, axis=1) >= np.minimum(probed, np.count_nonzero(sizes))
        probed = np.maximum(probed, 1 + np.argmax(enough, axis=1, keepdims=True))
    edge: Float32 = np.take_along_axis(ascending, probed - 1, axis=1)
    return edge


@dataclass(frozen=True, slots=True)
class Fits:
    """How well each of `SLOPES` fits to where the hits of queries lie."""

    shares: Float64
    """(q, s): of all hits, those that lie in the probed buckets if the slope is that one; ascending."""
    fits: Float64
    """(q, s): logarithms of likelihoods."""
    usual: Float64
    """(q,): at which place of the slopes the share is what was measured."""
    unit: Float64
    """(q,): the logarithm of the unit of the slopes, in places."""
    by_rerank: Float64
    """(q,): which share is kept though nearly all buckets are probed."""

    @classmethod
    def of(cls, farther: Float32, edge: Float32, buckets: Int64, sizes: Int64, promise: float) -> Fits:
        """Return them, given y of all buckets (q, m), that of the last one probed (q, 1), and the hits' buckets (q, k).

        Args:
            buckets: -1 where there is no hit.
            sizes: (m,), the rows that each bucket has; some has any.
            promise: the recall that was measured.
        """
        there = buckets >= 0
        own = np.where(there, np.take_along_axis(farther, np.maximum(buckets, 0), axis=1), 0)
        full = np.flatnonzero(sizes)
        rows, farther = sizes[full].astype(np.float32), farther[:, full]
        nearest = farther.min(axis=1, keepdims=True)
        edge = np.maximum(np.maximum(edge, own.max(axis=1, keepdims=True)), nearest)
        probed = np.where(farther <= edge, rows, 0)
        unit = np.maximum((farther - nearest).mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        farther = (farther - nearest) / unit
        hits = np.count_nonzero(there, axis=1)
        own_sum = np.where(there, (own - nearest) / unit, 0).sum(axis=1)
        weights = np.exp(-SLOPES[:, np.newaxis] * farther[:, np.newaxis])
        seen = np.einsum("qsm,qm->qs", weights, probed).astype(np.float64)
        shares = seen / (weights @ rows)
        fits = -SLOPES * own_sum[:, np.newaxis] - hits[:, np.newaxis] * np.log(seen)
        promise = min(promise, LARGEST_PROMISE)
        by_rerank = np.minimum(1, promise / shares[:, 0])
        places = np.log(unit[:, 0].astype(np.float64)) / _STEP
        return cls(shares, fits, _place_of(shares, promise), places, by_rerank)

    def recalls(self, usual: UsualSlope) -> Float64:
        """Return the recall that is estimated of each answer, (q,)."""
        beyond = np.arange(len(SLOPES)) - (usual.place + self.unit + usual.shift)[:, np.newaxis]
        best = _largest(self.fits - (beyond * _STEP / PRIOR_DEVIATION) ** 2 / 2) - usual.shift
        recalls: Float64 = np.minimum(_at(self.shares, np.clip(best, 0, len(SLOPES) - 1)), 1) * self.by_rerank
        return recalls


def _place_of(shares: Float64, share: float) -> Float64:
    """Return at which place, (q,), the ascending `shares` (q, s) reach `share`, as a fraction of places."""
    above = np.clip(np.count_nonzero(shares < share, axis=1), 1, shares.shape[1] - 1)[:, np.newaxis]
    low, high = (np.take_along_axis(shares, place, axis=1)[:, 0] for place in (above - 1, above))
    part = np.divide(share - low, high - low, out=np.zeros(len(shares)), where=high > low)
    place: Float64 = above[:, 0] - 1 + np.clip(part, 0, 1)
    return place


def _largest(fits: Float64) -> Float64:
    """Return at which place, (q,), the `fits` (q, s) are largest, by a parabola through three of them."""
    best = np.clip(np.argmax(fits, axis=1), 1, fits.shape[1] - 2)[:, np.newaxis]
    before, here, after = (np.take_along_axis(fits, best + side, axis=1)[:, 0] for side in (-1, 0, 1))
    bend = before - 2 * here + after
    moved = np.divide((before - after) / 2, bend, out=np.zeros(len(fits)), where=bend < 0)
    place: Float64 = best[:, 0] + np.clip(moved, -1, 1)
    return place


def _at(values: Float64, place: Float64) -> Float64:
    """Return the `values` (q, s) at a fraction of places, (q,)."""
    low = np.minimum(place.astype(np.int64), values.shape[1] - 2)[:, np.newaxis]
    first, second = (np.take_along_axis(values, one, axis=1)[:, 0] for one in (low, low + 1))
    between: Float64 = first + (place - low[:, 0]) * (second - first)
    return between
