"""k-means in NumPy: Lloyd's algorithm, flat for few clusters and in two levels for many; deterministic by seed.

The nearest centroid maximises <v, c> - |c|^2 / 2, so one product of matrices and one argmax find it: a column of
ones beside the vectors and of -|c|^2 / 2 beside the centroids bring the second term into the product. Vectors are
centred first, so that float32 loses nothing where they lie far from the origin.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from lookalike.arrays import Float32, Int64

BLOCK_BYTES = 16 << 20
PRODUCT_BYTES = 4 << 20
"""A product of matrices is taken in blocks of this size, whose largest values are found while in cache."""
ROUNDS = 10
MANY_ROWS = 32
"""Of a sample with so many rows a cluster and more, the first half of the rounds takes every second one."""

FEW_LARGEST = 4
"""Up to so many are found quicker one after another than by a partition."""
FLAT_CLUSTERS = 1024
"""More centroids than this are trained and searched in two levels: fewer take less time one by one."""
LOOKS = 8
"""Groups of centroids, of about the square root of their number, that are looked into for a vector."""
SPLIT_ROWS = 64
"""Rows of the sample a coarse cluster while coarse clusters are trained."""
REFINING_ROUNDS = 2
"""Rounds over all centroids at once, which mend the borders between coarse clusters."""


def k_means(sample: Float32, clusters: int, random: np.random.Generator) -> Float32:
    """Return at most `clusters` centroids (m, d) of `sample` (n, d); m = min(clusters, n).

    Seeds are rows drawn without repetition. After each round a centroid without rows is moved beside that of
    the largest cluster, which then splits.
    """
    clusters = min(clusters, len(sample))
    centroids = sample[np.sort(random.choice(len(sample), clusters, replace=False))].copy()
    for number in range(ROUNDS):
        few = number < ROUNDS // 2 and len(sample) >= MANY_ROWS * clusters
        part = sample[:: 2 if few else 1]
        centroids = means_of(part, centroids, nearest_centroid(part, centroids), random)
    return centroids


def many_means(sample: Float32, clusters: int, random: np.random.Generator, threads: int = 1) -> Float32:
    """Return at most `clusters` centroids (m, d) of `sample` (n, d), for any number of clusters.

    Beyond `FLAT_CLUSTERS` the sample is cut into about the square root of `clusters` parts, each is given centroids
    in proportion to its rows, and a few rounds over all centroids follow, in which only the likeliest are compared.
    So a round costs n sqrt(m) and not n m.
    """
    clusters = min(clusters, len(sample))
    if clusters <= FLAT_CLUSTERS:
        return k_means(sample, clusters, random)
    parts = round(clusters**0.5)
    few = sample[np.sort(random.choice(len(sample), min(len(sample), SPLIT_ROWS * parts), replace=False))]
    labels = nearest_centroid(sample, k_means(few, parts, random))
    counts = np.bincount(labels, minlength=parts)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    shares = _shares(counts, clusters)
    generators = random.spawn(parts)

    def split(part: int) -> Float32:
        return k_means(sample[members[part]], int(shares[part]), generators[part])

    with ThreadPoolExecutor(threads) as pool:
        centroids = np.concatenate(list(pool.map(split, np.flatnonzero(shares).tolist())))
    for _ in range(REFINING_ROUNDS):
        labels = Assigner(centroids, random).nearest(sample, threads)
        centroids = means_of(sample, centroids, labels, random)
    return centroids


def squared_distances(vectors: Float32, centroids: Float32) -> Float32:
    """Return the squared distance of each of `vectors` (n, d) to each of `centroids` (m, d), (n, m).

    By a product of matrices, so with float32's rounding error of the squared lengths; never below 0.
    """
    distances: Float32 = vectors @ centroids.T
    distances *= -2
    distances += np.einsum("ij,ij->i", centroids, centroids)
    distances += np.einsum("ij,ij->i", vectors, vectors)[:, np.newaxis]
    return np.maximum(distances, 0, out=distances)


def nearest_centroid(vectors: Float32, centroids: Float32) -> Int64:
    """Return the number of each vector's nearest centroid, the lower where two are as near, (n,)."""
    middle = centroids.mean(axis=0)
    table = _with_halves(centroids - middle)
    labels = np.empty(len(vectors), dtype=np.int64)
    for start, block in _blocks(vectors):
        labels[start : start + len(block)] = _largest(_with_ones(block, middle), table)[0]
    return labels


class Centroids:
    """Centroids that are asked many times which of them are nearest."""

    def __init__(self, centroids: Float32) -> None:
        """Take `centroids` (m, d), m >= 1."""
        self._middle: Float32 = centroids.mean(axis=0)
        self._table = _with_halves(centroids - self._middle)

    def nearest(self, vectors: Float32, count: int) -> tuple[Int64, Float32]:
        """Return numbers and distances of the `count` nearest to each of `vectors` (n, d), (n, count) each.

        Nearest first, the lower number where two are as near; 1 <= count <= m.
        """
        numbers = np.empty((len(vectors), count), dtype=np.int64)
        distances = np.empty(numbers.shape, dtype=np.float32)
        step = max(1, PRODUCT_BYTES // (4 * len(self._table)))
        for start in range(0, len(vectors), step):
            rows = _with_ones(vectors[start : start + step], self._middle)
            here = slice(start, start + len(rows))
            numbers[here], products = several_largest(rows @ self._table.T, count)
            rows[:, -1] = 0
            squares = np.einsum("ij,ij->i", rows, rows)[:, np.newaxis] - 2 * products
            distances[here] = np.sqrt(np.maximum(squares, 0, out=squares))
        return numbers, distances


def nearest_centroids(vectors: Float32, centroids: Float32, count: int) -> tuple[Int64, Float32]:
    """Return what `Centroids.nearest` of `centroids` (m, d) does."""
    return Centroids(centroids).nearest(vectors, count)


def several_largest(products: Float32, count: int) -> tuple[Int64, Float32]:
    """Return places and values of the `count` largest of each of `products` (n, m), which are overwritten."""
    if count > FEW_LARGEST:
        lines = np.arange(len(products))[:, np.newaxis]
        places = np.argpartition(products, -count, axis=1)[:, -count:]
        values = products[lines, places]
        order = np.lexsort((places, -values), axis=1)
        return places[lines, order], values[lines, order]
    places = np.empty((len(products), count), dtype=np.int64)
    values = np.empty(places.shape, dtype=np.float32)
    for rank in range(count):
        largest = products.argmax(axis=1)[:, np.newaxis]
        places[:, rank : rank + 1] = largest
        values[:, rank : rank + 1] = np.take_along_axis(products, largest, axis=1)
        np.put_along_axis(products, largest, -np.inf, axis=1)
    return places, values


class Assigner:
    """Finds the nearest of many centroids: exactly where they are few, else among the likeliest groups of them.

    A vector that lies between many groups may be given its second nearest; about one in a hundred is.
    """

    def __init__(self, centroids: Float32, random: np.random.Generator) -> None:
        """Group `centroids` (m, d), m >= 1."""
        self._middle: Float32 = centroids.mean(axis=0)
        centred = centroids - self._middle
        self._flat = len(centroids) <= FLAT_CLUSTERS
        tables = _with_halves(centred)
        self._groups = tables
        if not self._flat:
            groups = k_means(centred, round(len(centroids) ** 0.5), random)
            labels = nearest_centroid(centred, groups)
            self._groups = _with_halves(groups)
            order = np.argsort(labels, kind="stable")
            ends = np.cumsum(np.bincount(labels, minlength=len(groups)))
            self._members = np.split(order, ends[:-1])
            self._tables = [tables[members] for members in self._members]

    def nearest(self, vectors: Float32, threads: int = 1) -> Int64:
        """Return the number of the centroid of each of `vectors` (n, d), (n,) int64."""
        labels = np.empty(len(vectors), dtype=np.int64)

        def take(item: tuple[int, Float32]) -> None:
            start, block = item
            rows = _with_ones(block, self._middle)
            labels[start : start + len(block)] = (
                _largest(rows, self._groups)[0] if self._flat else self._within_groups(rows)
            )

        if threads == 1:
            for item in _blocks(vectors):
                take(item)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(take, _blocks(vectors)))
        return labels

    def _within_groups(self, rows: Float32) -> Int64:
        looks = min(LOOKS, len(self._groups))
        products = rows @ self._groups.T
        looked = np.argpartition(products, -looks, axis=1)[:, -looks:]
        pairs = np.argsort(looked.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(looked.reshape(-1), minlength=len(self._groups)))
        best = np.full(len(rows), -np.inf, dtype=np.float32)
        labels = np.zeros(len(rows), dtype=np.int64)
        for group, pair in enumerate(np.split(pairs // looks, ends[:-1])):
            if not len(pair) or not len(self._members[group]):
                continue
            place, value = _largest(rows[pair], self._tables[group])
            number = self._members[group][place]
            better = (value > best[pair]) | ((value == best[pair]) & (number < labels[pair]))
            best[pair[better]] = value[better]
            labels[pair[better]] = number[better]
        return labels


def means_of(sample: Float32, centroids: Float32, labels: Int64, random: np.random.Generator) -> Float32:
    """Return the means of the rows of each label, and where there are none, a part of the largest cluster."""
    counts = np.bincount(labels, minlength=len(centroids))
    sums = np.zeros(centroids.shape, dtype=np.float32)
    for start, block in _blocks(sample):
        by_label = np.argsort(labels[start : start + len(block)], kind="stable")
        ordered, rows = labels[start + by_label], block[by_label]
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(rows)).tolist()
        for first, end in pairwise([0, *ends]):  # reduceat takes several times as long
            sums[ordered[first]] += rows[first:end].sum(axis=0)
    used = np.flatnonzero(counts)
    moved = centroids.copy()
    moved[used] = sums[used] / counts[used, np.newaxis].astype(np.float32)
    _repair(moved, counts, random)
    return moved


def _repair(centroids: Float32, counts: Int64, random: np.random.Generator) -> None:
    """Move each centroid without rows beside that of the largest cluster."""
    counts = counts.copy()
    for empty in np.flatnonzero(counts == 0):
        largest = int(counts.argmax())
        nudge = 1 + random.uniform(-1, 1, centroids.shape[1]) / 1024
        centroids[empty] = centroids[largest] * nudge
        counts[empty] = counts[largest] // 2
        counts[largest] -= counts[empty]


def _shares(counts: Int64, total: int) -> Int64:
    """Return `total` dealt out in proportion to `counts`, by largest remainders, none above its count."""
    exact = counts * (total / counts.sum())
    shares: Int64 = np.minimum(np.floor(exact).astype(np.int64), counts)
    for part in np.argsort(shares - exact, kind="stable"):
        if shares.sum() >= total:
            break
        shares[part] += shares[part] < counts[part]
    return shares


def _blocks(vectors: Float32) -> Iterable[tuple[int, Float32]]:
    """Yield first row and rows of each block of `vectors`."""
    step = max(1, BLOCK_BYTES // (4 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        yield start, np.asarray(vectors[start : start + step])


def _with_ones(vectors: Float32, middle: Float32) -> Float32:
    """Return `vectors` (n, d) about `middle`, and a column of ones, (n, d + 1)."""
    rows: Float32 = np.empty((len(vectors), vectors.shape[1] + 1), dtype=np.float32)
    np.subtract(vectors, middle, out=rows[:, :-1])
    rows[:, -1] = 1
    return rows


def _with_halves(centroids: Float32) -> Float32:
    halves = np.einsum("ij,ij->i", centroids, centroids) / np.float32(-2)
    return np.append(centroids, halves[:, np.newaxis], axis=1)


def _largest(rows: Float32, table: Float32) -> tuple[Int64, Float32]:
    """Return place and value of the largest product of each of `rows` with a row of `table`."""
    places = np.empty(len(rows), dtype=np.int64)
    values = np.empty(len(rows), dtype=np.float32)
    step = max(1, PRODUCT_BYTES // (4 * len(table)))
    for start in range(0, len(rows), step):
        products = rows[start : start + step] @ table.T
        here = slice(start, start + len(products))
        places[here] = products.argmax(axis=1)
        values[here] = np.take_along_axis(products, places[here, np.newaxis], axis=1)[:, 0]
    return places, values
