"""The first version of `look`: four blocks of edges, texture and colour.

A picture is stretched to a square of `SIDE` pixels and described by four blocks. Each is centred and scaled to length
one, then weighted by the square root of its weight, so that a cosine of two vectors is the weighted mean of the
correlations of their blocks.

| block | what | numbers | weight |
| --- | --- | --- | --- |
| edges | histograms of 6 unsigned gradient directions in 12 x 12 cells | 864 | 1 |
| outline | histograms of 12 signed gradient directions in 4 x 4 cells | 192 | 0.3 |
| texture | histograms of 10 local binary patterns in 4 x 4 cells | 160 | 0.5 |
| palette | histograms of 5 lightnesses x (grey and 8 hues) in 2 x 2 cells | 180 | 0.15 |

Sources, and what differs from them:

- Gradient histograms: Dalal & Triggs, "Histograms of Oriented Gradients", CVPR 2005. Energy is that of 3 x 3
  cells, once a cell, where they keep four overlapping normalisations; the noise floor keeps flat areas quiet.
- Two grids of the same gradients: Lazebnik, Schmid & Ponce, "Beyond Bags of Features", CVPR 2006. Two levels, weighted
  apart, compared by cosine and not by intersection.
- Square roots of histograms: Arandjelovic & Zisserman, "Three things everyone should know", CVPR 2012.
- Local binary patterns: Ojala, Pietikainen & Maenpaa, PAMI 2002; uniform, rotation-invariant, 8 neighbours at
  distance one (the square's corners are not interpolated), with a small threshold against noise.
- Mirroring: a picture and its mirror image get the same vector, up to the rounding of the resize. Every grid of
  cells is replaced by its sum with its mirrored self and the absolute difference of the two, each on one half: as many
  numbers. A shoe that points left finds those that point right.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from lookalike.arrays import Float32
from lookalike.features.look.pieces import (
    AROUND,
    HUES,
    LIGHTNESSES,
    PALETTE_CELLS,
    contrast_free,
    lab,
    means,
    mirror_invariant,
    mixed,
    offsets,
    palette,
    pooled,
    unit,
)

if TYPE_CHECKING:
    from PIL import Image

SIDE = 96

_HALF_CELLS = 24  # a side; two make a cell of the edges
_DIRECTIONS = 12
_OUTLINE_CELLS = 4
_ENERGY_FLOOR = np.float32(0.02)  # gradient of a cell below which it counts as flat

_TEXTURE_CELLS = 4
_PATTERNS = 10
_TEXTURE_THRESHOLD = np.float32(0.01)

_PALETTE_STEP = 4  # pixels of the square that are averaged before they are looked at

_AT_ONCE = 8
"""Pictures that are described together: of one, calls cost as much as numbers; of many, these leave the cache."""

_WEIGHTS = {"edges": 1.0, "outline": 0.3, "texture": 0.5, "palette": 0.15}


DIMENSION = (
    (_HALF_CELLS // 2) ** 2 * (_DIRECTIONS // 2)
    + _OUTLINE_CELLS**2 * _DIRECTIONS
    + _TEXTURE_CELLS**2 * _PATTERNS
    + PALETTE_CELLS**2 * LIGHTNESSES * (1 + HUES)
)


def describe(pictures: Sequence[Image.Image]) -> Float32:
    """Return a vector for each RGB picture of any size, (n, DIMENSION) float32, of length one."""
    vectors = np.empty((len(pictures), DIMENSION), np.float32)
    for start in range(0, len(pictures), _AT_ONCE):
        vectors[start : start + _AT_ONCE] = _described(pictures[start : start + _AT_ONCE])
    return vectors


def _described(pictures: Sequence[Image.Image]) -> Float32:
    small = [
        picture.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=2.0)
        for picture in pictures
    ]
    pixels = np.stack([np.asarray(one) for one in small]).astype(np.float32)
    pixels *= np.float32(1 / 255)
    grey = mixed(pixels, (0.299, 0.587, 0.114))
    votes = _direction_votes(grey)
    blocks = {
        "edges": _edges(votes),
        "outline": _outline(votes),
        "texture": _texture(grey),
        "palette": palette(lab(np.stack([np.asarray(one.reduce(_PALETTE_STEP)) for one in small]))),
    }
    weighted = [unit(block) * np.float32(_WEIGHTS[name] ** 0.5) for name, block in blocks.items()]
    return unit(np.concatenate(weighted, axis=-1))


def _direction_votes(grey: Float32) -> Float32:
    """Histogram signed gradient directions by half-cell: pictures (n, side, side) to (n, 24, 24, 12).

    A pixel votes for its two nearest directions. These are counted in a row of their own for each half-cell, from half
    a turn back to half a turn on and one more, whose ends are the same two directions.
    """
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    np.subtract(grey[:, :, 2:], grey[:, :, :-2], out=dx[:, :, 1:-1])
    np.subtract(grey[:, 2:], grey[:, :-2], out=dy[:, 1:-1])
    above = np.arctan2(dy, dx)
    above *= np.float32(_DIRECTIONS / (2 * np.pi))
    strength = np.sqrt(np.add(np.square(dx, out=dx), np.square(dy, out=dy), out=dx), out=dx)
    below = np.floor(above, out=dy)
    above -= below
    above *= strength
    strength -= above
    row = _DIRECTIONS + 2
    size = _HALF_CELLS * _HALF_CELLS * row
    places = below.astype(np.int64)
    places += offsets(SIDE, _HALF_CELLS, row) + _DIRECTIONS // 2
    places += (np.arange(len(grey)) * size)[:, None, None]
    flat, counted = places.ravel(), len(grey) * size
    votes = np.bincount(flat, strength.ravel(), counted + 1)
    votes[1:] += np.bincount(flat, above.ravel(), counted + 1)[:-1]
    turns = votes[:-1].reshape(len(grey), _HALF_CELLS, _HALF_CELLS, row)
    turns[..., :2] += turns[..., _DIRECTIONS:]
    means_of_cells = turns[..., :_DIRECTIONS] / (SIDE // _HALF_CELLS) ** 2
    return np.roll(means_of_cells, _DIRECTIONS // 2, axis=-1).astype(np.float32)


def _edges(votes: Float32) -> Float32:
    half = _DIRECTIONS // 2
    unsigned = votes[..., :half] + votes[..., half:]
    return mirror_invariant(contrast_free(pooled(unsigned), _ENERGY_FLOOR), -np.arange(half) % half)


def _outline(votes: Float32) -> Float32:
    cells = contrast_free(pooled(means(votes, 2 * _OUTLINE_CELLS)), _ENERGY_FLOOR)
    return mirror_invariant(cells, (_DIRECTIONS // 2 - np.arange(_DIRECTIONS)) % _DIRECTIONS)


def _texture(grey: Float32) -> Float32:
    side, bins = SIDE - 2, _TEXTURE_CELLS**2 * _PATTERNS
    threshold = grey[:, 1:-1, 1:-1] + _TEXTURE_THRESHOLD
    codes = np.zeros(threshold.shape, np.uint8)
    above = np.empty(threshold.shape, np.bool_)
    for bit, (y, x) in enumerate(AROUND):
        np.greater(grey[:, y : y + side, x : x + side], threshold, out=above)
        codes |= above.view(np.uint8) << np.uint8(bit)
    places = _uniform_patterns()[codes]
    places += offsets(side, _TEXTURE_CELLS, _PATTERNS)
    places += (np.arange(len(grey)) * bins)[:, None, None]
    counts = np.bincount(places.ravel(), minlength=len(grey) * bins)
    shares = counts.reshape(-1, _TEXTURE_CELLS, _TEXTURE_CELLS, _PATTERNS) * (_TEXTURE_CELLS / side) ** 2
    return mirror_invariant(np.sqrt(shares.astype(np.float32)), np.arange(_PATTERNS))


@cache
def _uniform_patterns() -> npt.NDArray[np.int64]:
    """For each code of 8 neighbours: how many are set if they lie in one run, else 9."""
    codes = range(256)
    turned = [(code >> 1) | ((code & 1) << 7) for code in codes]
    changes = [(code ^ other).bit_count() for code, other in zip(codes, turned, strict=True)]
    return np.array([code.bit_count() if changes[code] <= 2 else 9 for code in codes])
