"""The palette: a picture's five colours, found by k-means in CIE Lab, and their shares.

Palettes are matched by an optimal assignment of their colours, like the optimal colour composition distance of
Mojsilovic, Hu & Soljanin, "Extraction of perceptually important colors and similarity measurement for image matching",
IEEE Transactions on Image Processing 2002: what two matched colours have in common costs their distance in Lab, and
what one has more than the other a fixed price.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import ClassVar

import numpy as np

from lookalike.arrays import Array, Float32, Float64, Int64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.embeddings import normals, uniforms
from lookalike.features.descriptors.pixels import lab

COLOURS = 5
SURPLUS_PRICE = 25.0
"""Price of area that one of two matched colours has more than the other, in units of Lab."""

_BITS = 5  # of each of red, green and blue, by which pixels are counted before they are clustered
_ROUNDS = 20
_LANDMARKS = 256
_CHROMA = 25
_SEED = 1


class Palette(Descriptor):
    """Five colours, the largest first: 5 x (L 0 to 100, a, b, share in percent), 20 numbers; see the module's text.

    The embedding has the squared Euclidean distances of landmark multidimensional scaling (de Silva & Tenenbaum,
    Stanford 2004): palettes that are drawn at random are placed so that their squared distances are those of the
    assignment, as far as that is possible, and others by their distances to these. Over pictures it ranks alike to 0.87
    (on white grounds) to 0.97, and 62 to 70 of 100 of the ten nearest are the same (`docs/descriptors.md`).
    """

    version = "1"
    metric: ClassVar[Metric] = "euclidean"
    dimension = 128

    def describe(self, pixels: UInt8) -> Array:
        """Return the descriptor (20,), int8, of RGB pixels (height, width, 3)."""
        colours, counts = _counted(pixels)
        centres, sizes = _clustered(lab(colours).astype(np.float64), counts)
        shares = _percents(sizes)
        table = np.zeros((COLOURS, 4), np.int8)
        order = np.lexsort((*centres.T, -shares))
        table[: len(order), :3] = np.clip(np.rint(centres[order]), -127, 127)
        table[: len(order), 3] = shares[order]
        table[table[:, 3] == 0] = 0
        return table.ravel()

    def embed(self, rows: Array) -> Float32:
        """Return descriptors (n, 20) as float32 (n, 128)."""
        landmarks, means, axes = _landmarks()
        placed = [(means - assignment_distances(row, landmarks)) @ axes for row in rows]
        return np.stack(placed).astype(np.float32)

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the distances of the optimal assignment, in units of Lab: 0 to about 100."""
        return assignment_distances(query, rows)


def assignment_distances(query: Array, rows: Array) -> Float64:
    """Return how far a palette (20,) is from others (n, 20): the least mean price over all assignments of colours."""
    one, many = (
        query.reshape(1, COLOURS, 1, 4).astype(np.float64),
        rows.reshape(-1, 1, COLOURS, 4).astype(np.float64),
    )
    apart = np.sqrt(np.square(one[..., :3] - many[..., :3]).sum(axis=-1))
    common, surplus = np.minimum(one[..., 3], many[..., 3]), np.abs(one[..., 3] - many[..., 3])
    prices = (common * apart + SURPLUS_PRICE * surplus) / 100
    totals = prices[:, np.arange(COLOURS), _assignments()].sum(axis=-1)
    least: Float64 = totals.min(axis=1)
    return least


@cache
def _assignments() -> Int64:
    """All 120 orders of five colours."""
    return np.array(list(permutations(range(COLOURS))))


@cache
def _landmarks() -> tuple[Float64, Float64, Float64]:
    """Return landmarks (m, 20), their mean distances (m,), and what places others among them, (m, dimension).

    A landmark has colours of any lightness around a hue of its own, and shares that are uniform over the simplex.
    """
    size = _LANDMARKS * COLOURS
    table = np.empty((_LANDMARKS, COLOURS, 4))
    table[..., 0] = 100 * uniforms(size, _SEED).reshape(_LANDMARKS, COLOURS)
    hues = normals(2 * _LANDMARKS, _SEED + 1).reshape(_LANDMARKS, 1, 2)
    table[..., 1:3] = _CHROMA * (hues + 0.7 * normals(2 * size, _SEED + 2).reshape(_LANDMARKS, COLOURS, 2))
    parts = -np.log(uniforms(size, _SEED + 3)).reshape(_LANDMARKS, COLOURS)
    table[..., 3] = 100 * parts / parts.sum(axis=1, keepdims=True)
    landmarks = table.reshape(_LANDMARKS, -1)
    apart = np.stack([assignment_distances(landmark, landmarks) for landmark in landmarks])
    means = apart.mean(axis=0)
    values, vectors = np.linalg.eigh((means[:, None] + means - apart - means.mean()) / 2)
    values, vectors = values[: -Palette.dimension - 1 : -1], vectors[:, : -Palette.dimension - 1 : -1]
    return landmarks, means, vectors / (2 * np.sqrt(values))


def _counted(pixels: UInt8) -> tuple[UInt8, Float64]:
    """Return the mean colours of pixels that are nearly alike, uint8 (n, 3), and how many these are, (n,)."""
    red, green, blue = np.moveaxis(pixels.reshape(-1, 3), -1, 0)
    drop, size = 8 - _BITS, 1 << 3 * _BITS
    bins = (
        ((red >> drop).astype(np.int64) << 2 * _BITS)
        + ((green >> drop).astype(np.int64) << _BITS)
        + (blue >> drop)
    )
    counts = np.bincount(bins, minlength=size)
    there = np.flatnonzero(counts)
    sums = np.stack([np.bincount(bins, channel, size)[there] for channel in (red, green, blue)], axis=1)
    return np.rint(sums / counts[there, None]).astype(np.uint8), counts[there].astype(np.float64)


def _clustered(points: Float64, weights: Float64) -> tuple[Float64, Float64]:
    """Return centres of weighted points (k, 3) and their weights (k,): k-means from points that are far apart."""
    centres = points[[weights.argmax()]]
    nearest = np.square(points - centres[0]).sum(axis=1)
    while len(centres) < COLOURS and nearest.any():
        centres = np.concatenate([centres, points[[(weights * nearest).argmax()]]])
        nearest = np.minimum(nearest, np.square(points - centres[-1]).sum(axis=1))
    label = np.zeros(len(points), np.int64)
    for _ in range(_ROUNDS):
        before = label
        label = np.stack([np.square(points - centre).sum(axis=1) for centre in centres]).argmin(axis=0)
        if (label == before).all():
            break
        sizes = np.bincount(label, weights, len(centres))
        sums = np.stack([np.bincount(label, weights * axis, len(centres)) for axis in points.T], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return centres, np.bincount(label, weights, len(centres)).astype(np.float64)


def _percents(sizes: Float64) -> Int64:
    """Return shares of the whole in percent, whole numbers that add up to 100."""
    shares = 100 * sizes / sizes.sum()
    whole: Int64 = np.floor(shares).astype(np.int64)
    whole[np.argsort(whole - shares, kind="stable")[: 100 - whole.sum()]] += 1
    return whole
