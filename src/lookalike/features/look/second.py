"""The second version of `look`: six blocks of edges at two scales, edges of colour, texture and colour.

A picture is stretched to a square of `SIDE` pixels, and to one of half that. Each block is centred and scaled to length
one, then weighted by the square root of its weight, so that a cosine of two vectors is the weighted mean of the
correlations of their blocks.

| block | what | numbers | weight |
| --- | --- | --- | --- |
| edges | histograms of 24 signed gradient directions in 16 x 16 cells | 1,003 | 1 |
| parts | the same gradients, 12 unsigned directions in 8 x 8 cells | 270 | 0.3 |
| form | gradients at half the size, 12 unsigned directions in 8 x 8 cells | 342 | 0.8 |
| hues | gradients of Cb and Cr at half the size, 12 unsigned directions in 8 x 8 cells | 210 | 0.2 |
| texture | histograms of 59 local binary patterns in 4 x 4 cells | 472 | 1.1 |
| palette | histograms of 5 lightnesses x (grey and 8 hues) in 2 x 2 cells | 180 | 0.25 |

What it does otherwise than the first version, and the sources:

- A pixel has the gradient of the channel in which it is the strongest (Dalal & Triggs, "Histograms of Oriented
  Gradients", CVPR 2005), so that an edge between two colours of one lightness is an edge.
- Twice as many directions, and the gradients of two scales and of colour alone.
- Cells in the middle weigh more than those at the border, where there is more often ground than figure.
- The grids become waves, of which the quickest are left out; see `waves`. Half as many numbers compare better.
- Uniform local binary patterns keep their direction (Ojala, Pietikainen & Maenpaa, PAMI 2002; the spatial layout of
  census transforms: Wu & Rehg, "CENTRIST", PAMI 2011). Of the texture's halves only the sum is kept.

The vector of a mirror image is the same as in the first version, up to the rounding of the resize.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage

from lookalike.arrays import Float32, Float64, Int64, UInt8
from lookalike.features.look.gradients import (
    DIRECTIONS,
    direction_votes,
    mirrored_directions,
    unsigned,
)
from lookalike.features.look.pieces import AROUND, lab, offsets, palette, unit
from lookalike.features.look.waves import harmonics, mirrored_waves

if TYPE_CHECKING:
    from PIL import Image

SIDE = 96
DIMENSION = 2477

_ENERGY_FLOOR = 0.05  # gradient of a cell below which it counts as flat

_TEXTURE_CELLS = 4
_PATTERNS = 59
_TEXTURE_THRESHOLD = np.uint8(2)

_PALETTE_STEP = 4  # pixels of the square that are averaged before they are looked at

_WEIGHTS = {"edges": 1.0, "parts": 0.3, "form": 0.8, "hues": 0.2, "texture": 1.1, "palette": 0.25}


def describe(pictures: Sequence[Image.Image]) -> Float32:
    """Return a vector for each RGB picture of any size, (n, DIMENSION) float32, of length one."""
    vectors = np.empty((len(pictures), DIMENSION), np.float32)
    for row, picture in zip(vectors, pictures, strict=True):
        row[:] = np.concatenate(
            [unit(block) * np.float32(_WEIGHTS[name] ** 0.5) for name, block in blocks(picture).items()]
        )
    return unit(vectors)


def blocks(picture: Image.Image) -> dict[str, Float32]:
    """Return the blocks of a picture by name, neither scaled nor weighted."""
    small = picture.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=2.0)
    half = small.reduce(2)
    fine = direction_votes(_planes(small), 32)
    coarse = direction_votes(_planes(half), 16)
    colour = direction_votes(_planes(half.convert("YCbCr"))[1:], 16)
    return {
        "edges": mirrored_waves(
            _cells(fine),
            mirrored_directions(signed=True),
            longest=(9, 6),
            harmonics=harmonics(DIRECTIONS, 8),
        ),
        "parts": _unsigned_waves(_halved(unsigned(fine)), longest=5, most=4),
        "form": _unsigned_waves(unsigned(coarse), longest=6, most=4),
        "hues": _unsigned_waves(unsigned(colour), longest=5, most=3),
        "texture": mirrored_waves(
            _texture(np.asarray(small.convert("L"))), _mirrored_patterns(), longest=(9, None)
        ),
        "palette": palette(lab(np.asarray(small.reduce(_PALETTE_STEP)))),
    }


def _planes(image: Image.Image) -> UInt8:
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _unsigned_waves(half_cells: Float64, *, longest: float, most: int) -> Float32:
    return mirrored_waves(
        _cells(half_cells),
        mirrored_directions(signed=False),
        longest=(longest, longest),
        harmonics=harmonics(DIRECTIONS // 2, most),
    )


def _halved(grid: Float64) -> Float64:
    """Average 2 x 2 cells."""
    n, channels = len(grid) // 2, grid.shape[2]
    averaged: Float64 = grid.reshape(n, 2, n, 2, channels).mean(axis=(1, 3))
    return averaged


def _cells(half_cells: Float64) -> Float64:
    """Do what `pooled` and `contrast_free` do for the first version, as products of small matrices."""
    n, channels = len(half_cells) // 2, half_cells.shape[2]
    pooling, around = _pooling(n), _around(n)
    cells = pooling @ (pooling @ half_cells.reshape(2 * n, -1)).reshape(n, 2 * n, channels)
    energy = np.sqrt(np.einsum("yxc,yxc->yx", cells, cells))
    cells /= (around @ energy @ around.T + _ENERGY_FLOOR)[..., None]
    return np.sqrt(cells, out=cells)


@cache
def _pooling(n: int) -> Float64:
    """The shares of half-cells in cells, (n, 2 n): a triangle two cells wide."""
    beyond = np.arange(2 * n) - 2 * np.arange(n)[:, None]
    return np.select([(beyond == 0) | (beyond == 1), (beyond == -1) | (beyond == 2)], [0.375, 0.125])


@cache
def _around(n: int) -> Float64:
    """The mean of a cell and its two neighbours, (n, n); a cell at the border is its own neighbour."""
    nearby = np.clip(np.arange(n)[:, None] + np.array([-1, 0, 1]), 0, n - 1)
    shares: Float64 = np.eye(n)[nearby].mean(axis=1)
    return shares


def _texture(grey: UInt8) -> Float64:
    side = SIDE - 2
    threshold = np.minimum(grey[1:-1, 1:-1], 255 - _TEXTURE_THRESHOLD) + _TEXTURE_THRESHOLD
    codes = np.zeros((side, side), np.uint8)
    for bit, (y, x) in enumerate(AROUND):
        codes |= (grey[y : y + side, x : x + side] > threshold).view(np.uint8) << np.uint8(bit)
    bins = offsets(side, _TEXTURE_CELLS, _PATTERNS) + _uniform_patterns()[codes]
    counts = np.bincount(bins.ravel(), minlength=_TEXTURE_CELLS**2 * _PATTERNS)
    shares: Float64 = np.sqrt(counts * ((_TEXTURE_CELLS / side) ** 2))
    return shares.reshape(_TEXTURE_CELLS, _TEXTURE_CELLS, _PATTERNS)


@cache
def _uniform_patterns() -> Int64:
    """For each code of 8 neighbours: its number among the 58 whose set ones lie in one run, else 58."""
    codes = np.arange(256)
    turned = (codes >> 1) | ((codes & 1) << 7)
    uniform = np.bitwise_count(codes ^ turned) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, _PATTERNS - 1)


@cache
def _mirrored_patterns() -> Int64:
    """Which pattern of a picture each pattern of its mirror image is."""
    codes = np.arange(256)
    mirrored = np.zeros_like(codes)
    for bit, (y, x) in enumerate(AROUND):
        mirrored |= (codes >> bit & 1) << AROUND.index((y, 2 - x))
    patterns = _uniform_patterns()
    there = np.empty(_PATTERNS, np.int64)
    there[patterns] = patterns[mirrored]
    return there
