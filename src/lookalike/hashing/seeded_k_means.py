"""k-means for people: seeded with care, run until it stands still, the best of a few starts.

Seeds are those of greedy k-means++ (Arthur and Vassilvitskii, SODA 2007): each next one is drawn in proportion to its
squared distance from the nearest so far, a few times, and the draw kept that leaves the least. `k_means` is for
buckets, of which only the number matters.
"""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Float32, Float64
from lookalike.hashing.k_means import means_of, nearest_centroid

STARTS = 4
MOST_ROUNDS = 100
STANDS_STILL = 1e-4
"""Once the sum of squares falls by no more than this share, the rounds end."""
SEED_ROWS = 64
"""Rows a cluster among which seeds are drawn."""
BLOCK_ROWS = 4096


def seeded_k_means(sample: Float32, clusters: int, random: np.random.Generator) -> Float32:
    """Return `clusters` centroids (m, d) of `sample` (n, d), m <= n."""
    best, least = sample[:0], math.inf
    for _ in range(STARTS):
        few = sample
        if len(sample) > SEED_ROWS * clusters:
            few = sample[np.sort(random.choice(len(sample), SEED_ROWS * clusters, replace=False))]
        centroids, square = _rounds(sample, few[_seeds(few, clusters, random)], random)
        if square < least:
            best, least = centroids, square
    return best


def _rounds(sample: Float32, centroids: Float32, random: np.random.Generator) -> tuple[Float32, float]:
    """Return the centroids when they stand still, and the sum of the squared distances to them."""
    before = math.inf
    for _ in range(MOST_ROUNDS):
        labels = nearest_centroid(sample, centroids)
        square = 0.0
        for start in range(0, len(sample), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            square += float(((sample[part] - centroids[labels[part]]) ** 2).sum(dtype=np.float64))
        if before - square <= STANDS_STILL * square:
            break
        before = square
        centroids = means_of(sample, centroids, labels, random)
    return centroids, square


def _seeds(rows: Float32, clusters: int, random: np.random.Generator) -> list[int]:
    """Return the places of `clusters` of `rows` (n, d), by greedy k-means++."""
    draws = 2 + int(math.log(clusters))
    chosen = [int(random.integers(len(rows)))]
    lengths = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    nearest = _squares(rows, lengths, chosen)[:, 0]
    while len(chosen) < clusters:
        total = nearest.sum()
        if total <= 0:  # all rows are seeds, or equal one
            left = np.setdiff1d(np.arange(len(rows)), chosen)
            return [*chosen, *random.permutation(left)[: clusters - len(chosen)].tolist()]
        drawn = np.searchsorted(np.cumsum(nearest), random.uniform(0, total, draws), side="right")
        places = np.minimum(drawn, len(rows) - 1).tolist()
        left_over = np.minimum(_squares(rows, lengths, places), nearest[:, np.newaxis])
        best = int(left_over.sum(axis=0).argmin())
        chosen.append(places[best])
        nearest = left_over[:, best]
    return chosen


def _squares(rows: Float32, lengths: Float64, places: list[int]) -> Float64:
    """Return the squared distance of each row to those at `places`, (n, p)."""
    squares: Float64 = -2 * (rows @ rows[places].T).astype(np.float64)
    squares += lengths[:, np.newaxis] + lengths[places]
    squares[places, np.arange(len(places))] = 0
    return np.maximum(squares, 0, out=squares)
