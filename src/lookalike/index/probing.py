"""How many buckets to look into and how many rows to compare, for a recall that is asked.

A partition measures itself: rows drawn from it are asked for, each left out of its own answer, and their exact
neighbours looked for. One pass over the buckets of each query, nearest first, notes where each neighbour's bucket
comes, and how many rows are estimated nearer than it; that is the recall of every setting at once. The settings
that no cheaper one surpasses are kept, so that any recall is a look-up when it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.errors import OptionError
from lookalike.index.partition import Partition
from lookalike.index.rows import release

SAMPLED_QUERIES = 512
LEAST_QUERIES = 128
PRODUCTS = 6e10
"""Fewer rows are drawn where the exact scan would take more products than this."""
NEIGHBOURS = (1, 10, 100)
MOST_SHARE = 0.5
"""Settings that look at more than this share of the rows are not measured: a scan is as good."""
ENOUGH = 0.999
"""Buckets beyond those that hold this share of the neighbours are not looked into."""
GROWTH = 2 ** (1 / 3)
HELD_BACK = 0.1
"""Of what a recall lacks to 1, so much more is aimed at; and one standard error."""
BLOCK_BYTES = 8 << 20
KEPT_CHOICES = 1024

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to search, and what was measured of it."""

    k: int
    probes: int
    rerank: int
    recall: float
    """Mean recall@k over the sampled queries."""
    error: float
    """Standard error of that mean."""
    rows: float
    """Mean rows whose distance is estimated for a query."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a partition measured: for each k of a few, settings of growing cost and recall."""

    queries: int
    settings: tuple[Setting, ...]
    _chosen: dict[tuple[int, float], Setting | None] = field(default_factory=dict, repr=False, compare=False)

    def choose(self, k: int, recall: float) -> Setting | None:
        """Return the cheapest setting that should reach `recall` at `k`; None where none does, and a scan is due.

        What was measured for the next larger k is used. Beyond the largest, probes and rows grow with k.
        """
        asked = (k, recall)
        if asked not in self._chosen:  # looking through the settings would take longer than a search
            if len(self._chosen) >= KEPT_CHOICES:
                self._chosen.clear()
            self._chosen[asked] = self._choose(k, recall)
        return self._chosen[asked]

    def _choose(self, k: int, recall: float) -> Setting | None:
        measured = sorted({setting.k for setting in self.settings})
        if not measured:
            return None
        at = next((known for known in measured if known >= k), measured[-1])
        wanted = recall + (1 - recall) * HELD_BACK
        growth = max(1.0, k / at)
        for setting in self.settings:
            if setting.k == at and setting.recall - setting.error >= wanted:
                return Setting(
                    k,
                    math.ceil(setting.probes * growth),
                    math.ceil(setting.rerank * growth),
                    setting.recall,
                    setting.error,
                    setting.rows * growth,
                )
        return None

    def to_json(self) -> dict[str, Any]:
        """Return types that JSON has."""
        return {
            "queries": self.queries,
            "settings": [[s.k, s.probes, s.rerank, s.recall, s.error, s.rows] for s in self.settings],
        }

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """Return what `to_json` was taken of. Raises OptionError where it is something else."""
        try:
            settings = tuple(
                Setting(int(k), int(probes), int(rerank), float(recall), float(error), float(rows))
                for k, probes, rerank, recall, error, rows in parts["settings"]
            )
            queries = int(parts["queries"])
        except (KeyError, TypeError, ValueError) as error:
            raise OptionError(f"measurements are damaged ({error}); build the index again") from None
        if any(s.k < 1 or s.probes < 1 or s.rerank < 1 or not 0 <= s.recall <= 1 for s in settings):
            raise OptionError("measurements are damaged; build the index again")
        return cls(queries, settings)


def measured(partition: Partition, seed: int, threads: int = 1) -> Tuning:
    """Return the measurements of `partition`, from rows drawn by `seed`."""
    from lookalike.kernels.compiled_trace import trace

    rows, dimension = partition.vectors.shape
    width = min(max(NEIGHBOURS), rows - 1)
    if width < 1:
        return Tuning(0, ())
    affordable = int(PRODUCTS / (rows * dimension))
    count = min(rows, SAMPLED_QUERIES, max(LEAST_QUERIES, affordable))
    random = np.random.default_rng([seed, rows])
    own = np.sort(random.choice(rows, count, replace=False))
    queries = partition.rows_as_hashed(own)
    wanted = _neighbours(partition, queries, own, width)
    buckets = (np.searchsorted(partition.offsets, wanted, side="right") - 1).astype(np.int32)
    levels = _levels(min(_buckets_needed(partition, queries, buckets), len(partition.centroids)))
    ranks = np.empty((count, width), dtype=np.int32)
    ahead = np.zeros((len(levels), count, width), dtype=np.int32)
    seen = np.zeros(len(levels))
    trace(partition.plan, partition.steps, queries, own, buckets, wanted, levels, ranks, ahead, seen)
    found: list[Setting] = []
    for k in sorted({min(k, width) for k in NEIGHBOURS}):
        found += _frontier(partition, k, levels, ranks[:, :k], ahead[:, :, :k], seen / count)
    return Tuning(count, tuple(found))


def _buckets_needed(partition: Partition, queries: Float32, wanted: npt.NDArray[np.int32]) -> int:
    """Return how many buckets a query takes to have all but few of the `wanted`, or `MOST_SHARE` of all."""
    nearness: Float32 = queries @ partition.centroids.T
    if partition.metric == "dot":
        np.negative(nearness, out=nearness)
    else:
        nearness *= -2
        nearness += np.einsum("ij,ij->i", partition.centroids, partition.centroids)
    ranks = np.argsort(np.argsort(nearness, axis=1), axis=1)
    needed = float(np.quantile(np.take_along_axis(ranks, wanted, axis=1), ENOUGH)) + 1
    return math.ceil(min(needed * GROWTH, MOST_SHARE * len(partition.centroids)))


def _levels(buckets: int) -> Int64:
    """Return growing numbers of probes, up to so many buckets."""
    levels = [1]
    while levels[-1] < buckets:
        levels.append(min(buckets, max(levels[-1] + 1, math.ceil(levels[-1] * GROWTH))))
    return np.array(levels, dtype=np.int64)


def _neighbours(partition: Partition, queries: Float32, own: Int64, k: int) -> Int64:
    """Return the positions (q, k) of the exact nearest rows of each query, its own row left out."""
    rows, dimension = partition.vectors.shape
    nearest = np.full((len(queries), k), np.inf, dtype=np.float32)
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    step = max(k + 1, BLOCK_BYTES // (4 * max(dimension, len(queries))))
    for start in range(0, rows, step):
        block = partition.rows_as_hashed(np.arange(start, min(rows, start + step)))
        release(partition.vectors)
        scores: Float32 = queries @ block.T
        if partition.metric == "dot":
            np.negative(scores, out=scores)
        else:
            scores *= -2
            scores += np.einsum("ij,ij->i", block, block)
        inside = np.flatnonzero((own >= start) & (own < start + len(block)))
        scores[inside, own[inside] - start] = np.inf
        query, column = np.nonzero(scores < nearest[:, -1:])
        if not len(query):
            continue
        order = np.lexsort((column, scores[query, column], query))
        query, column = query[order], column[order]
        place = np.arange(len(query)) - np.searchsorted(query, query)
        kept = place < k
        query, column, place = query[kept], column[kept], place[kept]
        more = np.full((len(queries), k), np.inf, dtype=np.float32)
        numbers = np.full((len(queries), k), -1, dtype=np.int64)
        more[query, place] = scores[query, column]
        numbers[query, place] = column + start
        both = np.concatenate((nearest, more), axis=1)
        order = np.argsort(both, axis=1, kind="stable")[:, :k]
        nearest = np.take_along_axis(both, order, axis=1)
        positions = np.take_along_axis(np.concatenate((positions, numbers), axis=1), order, axis=1)
    return positions


def _frontier(
    partition: Partition,
    k: int,
    levels: Int64,
    ranks: npt.NDArray[np.int32],
    ahead: npt.NDArray[np.int32],
    rows: Float64,
) -> list[Setting]:
    """Return the settings for `k` that no cheaper one surpasses in recall, cheapest first."""
    depths = [k]
    while depths[-1] < min(64 * k + 1024, len(partition.ids)):
        depths.append(max(depths[-1] + 1, math.ceil(depths[-1] * GROWTH)))
    tried: list[tuple[float, Setting]] = []
    for level, probes in enumerate(levels.tolist()):
        if rows[level] > MOST_SHARE * len(partition.ids):
            break
        probed = (ranks >= 0) & (ranks < probes)
        for depth in depths:
            found = (probed & (ahead[level] < depth)).mean(axis=1)
            recall, error = float(found.mean()), float(found.std()) / math.sqrt(len(found))
            setting = Setting(k, probes, depth, recall, error, float(rows[level]))
            tried.append((_cost(partition, setting), setting))
            if depth > rows[level]:
                break
    kept: list[Setting] = []
    for _, setting in sorted(tried, key=lambda pair: (pair[0], pair[1].probes)):
        if not kept or setting.recall > kept[-1].recall:
            kept.append(setting)
    return kept


def _cost(partition: Partition, setting: Setting) -> float:
    """Return about how many nanoseconds more a query takes for a setting than for none.

    Measured on one core of a server: only the proportions matter, and they are of memory's speed.
    """
    row_bytes: int = partition.vectors.shape[1] * partition.vectors.itemsize
    estimated: float = 0.09 * partition.projection.block_bytes / 16 * setting.rows
    return 40 * setting.probes + estimated + (45 + 0.12 * row_bytes) * setting.rerank
