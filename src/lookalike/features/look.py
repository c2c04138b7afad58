"""`look`: a global descriptor of edges, texture and colour that needs no model and no download.

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

from lookalike.arrays import Float32, Metric

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
_PALETTE_CELLS = 2
_LIGHTNESSES = 5
_HUES = 8
_FULL_CHROMA = 0.2  # a fifth of the lightness range and more counts as a full colour

_WEIGHTS = {"edges": 1.0, "outline": 0.3, "texture": 0.5, "palette": 0.15}

_SRGB_TO_XYZ = (  # rows divided by the white point D65
    (0.4339, 0.3762, 0.1899),
    (0.2126, 0.7152, 0.0722),
    (0.0177, 0.1095, 0.8728),
)


class Look:
    """Edges, outline, texture and palette of a picture as one vector; see the module's text."""

    version = "1"
    model_hash = ""
    dimension = (
        (_HALF_CELLS // 2) ** 2 * (_DIRECTIONS // 2)
        + _OUTLINE_CELLS**2 * _DIRECTIONS
        + _TEXTURE_CELLS**2 * _PATTERNS
        + _PALETTE_CELLS**2 * _LIGHTNESSES * (1 + _HUES)
    )
    metric: Metric = "cosine"
    decoded_side = 2 * SIDE  # what is decoded smaller than this is blurred in itself

    def extract(self, pictures: Sequence[Image.Image]) -> Float32:
        """Return one vector a picture, shape (n, dimension), float32, each of length one.

        The pictures are RGB, of any size. A vector does not depend on the other pictures.
        """
        vectors = np.empty((len(pictures), self.dimension), np.float32)
        for row, picture in zip(vectors, pictures, strict=True):
            row[:] = _describe(picture)
        return vectors


def _describe(picture: Image.Image) -> Float32:
    small = picture.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, dtype=np.float32) * np.float32(1 / 255)
    grey = _mixed(pixels, (0.299, 0.587, 0.114))
    votes = _direction_votes(grey)
    blocks = {
        "edges": _edges(votes),
        "outline": _outline(votes),
        "texture": _texture(grey),
        "palette": _palette(_lab(np.asarray(small.reduce(_PALETTE_STEP)))),
    }
    vector = np.concatenate(
        [_unit(block) * np.float32(_WEIGHTS[name] ** 0.5) for name, block in blocks.items()]
    )
    return _unit(vector)


def _unit(vector: Float32) -> Float32:
    """Scale to length one; what is nearly zero (a block of a flat picture) stays so and is never divided by zero."""
    scaled: Float32 = vector / np.sqrt(np.square(vector).sum() + np.float32(1e-6))
    return scaled


def _mixed(pixels: Float32, weights: tuple[float, float, float]) -> Float32:
    # Not a matrix product: its rounding would be BLAS's choice.
    red, green, blue = (np.float32(weight) for weight in weights)
    mixed: Float32 = pixels[..., 0] * red + pixels[..., 1] * green + pixels[..., 2] * blue
    return mixed


def _means(values: Float32, cells: int) -> Float32:
    """Average (side, side, channels) over a grid: (cells, cells, channels)."""
    step = len(values) // cells
    averaged: Float32 = values.reshape(cells, step, cells, step, -1).mean(axis=(1, 3))
    return averaged


def _mirror_invariant(cells: Float32, mirrored_channels: npt.NDArray[np.int64]) -> Float32:
    """Turn a grid (n, n, channels) into n * n * channels numbers, centred, that its mirror image shares.

    `mirrored_channels` says which channel of the picture each channel of its mirror image is.
    """
    cells = cells - cells.mean()
    half = cells.shape[1] // 2
    left = cells[:, :half]
    right = cells[:, : half - 1 : -1][..., mirrored_channels]
    return np.concatenate([(left + right).ravel(), np.abs(left - right).ravel()])


@cache
def _offsets(side: int, cells: int, channels: int) -> npt.NDArray[np.int64]:
    """For each pixel of a square, where the histogram of its cell begins."""
    place = np.arange(side) * cells // side
    return (place[:, None] * cells + place) * channels


def _direction_votes(grey: Float32) -> Float32:
    """Histogram signed gradient directions by half-cell: (24, 24, 12); a pixel votes for its two nearest directions."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    np.subtract(grey[:, 2:], grey[:, :-2], out=dx[:, 1:-1])
    np.subtract(grey[2:], grey[:-2], out=dy[1:-1])
    strength = np.sqrt(dx * dx + dy * dy)
    direction = np.arctan2(dy, dx) * np.float32(_DIRECTIONS / (2 * np.pi))
    below = np.floor(direction)
    for_above = strength * (direction - below)
    first = below.astype(np.int64)
    offsets = _offsets(SIDE, _HALF_CELLS, _DIRECTIONS)
    size = _HALF_CELLS * _HALF_CELLS * _DIRECTIONS
    votes = np.bincount((offsets + first % _DIRECTIONS).ravel(), (strength - for_above).ravel(), size)
    votes += np.bincount((offsets + (first + 1) % _DIRECTIONS).ravel(), for_above.ravel(), size)
    mean_votes = votes / (SIDE // _HALF_CELLS) ** 2
    return mean_votes.astype(np.float32).reshape(_HALF_CELLS, _HALF_CELLS, _DIRECTIONS)


def _edges(votes: Float32) -> Float32:
    half = _DIRECTIONS // 2
    unsigned = votes[..., :half] + votes[..., half:]
    return _mirror_invariant(_contrast_free(_pooled(unsigned)), -np.arange(half) % half)


def _outline(votes: Float32) -> Float32:
    cells = _contrast_free(_pooled(_means(votes, 2 * _OUTLINE_CELLS)))
    return _mirror_invariant(cells, (_DIRECTIONS // 2 - np.arange(_DIRECTIONS)) % _DIRECTIONS)


def _pooled(half_cells: Float32) -> Float32:
    """Pool half-cells into cells under a triangle two cells wide, so that small shifts change little."""
    for axis in (0, 1):
        rows = np.moveaxis(half_cells, axis, 0)
        first, second = rows[0::2], rows[1::2]
        cells = np.float32(0.375) * (first + second)
        cells[1:] += np.float32(0.125) * second[:-1]
        cells[:-1] += np.float32(0.125) * first[1:]
        half_cells = np.moveaxis(cells, 0, axis)
    return half_cells


def _contrast_free(cells: Float32) -> Float32:
    """Divide each cell's histogram by the mean energy of the 3 x 3 cells around it, then take square roots."""
    energy = np.pad(np.sqrt(np.square(cells).sum(axis=-1)), 1, mode="edge")
    columns = energy[:-2] + energy[1:-1] + energy[2:]
    around = (columns[:, :-2] + columns[:, 1:-1] + columns[:, 2:]) / 9
    roots: Float32 = np.sqrt(cells / (around + _ENERGY_FLOOR)[..., None])
    return roots


def _texture(grey: Float32) -> Float32:
    side = SIDE - 2
    threshold = grey[1:-1, 1:-1] + _TEXTURE_THRESHOLD
    codes = np.zeros((side, side), np.uint8)
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    for bit, (y, x) in enumerate(around):
        codes |= (grey[y : y + side, x : x + side] > threshold).view(np.uint8) << np.uint8(bit)
    bins = _offsets(side, _TEXTURE_CELLS, _PATTERNS) + _uniform_patterns()[codes]
    counts = np.bincount(bins.ravel(), minlength=_TEXTURE_CELLS**2 * _PATTERNS)
    shares = counts.reshape(_TEXTURE_CELLS, _TEXTURE_CELLS, _PATTERNS) * (_TEXTURE_CELLS / side) ** 2
    return _mirror_invariant(np.sqrt(shares.astype(np.float32)), np.arange(_PATTERNS))


@cache
def _uniform_patterns() -> npt.NDArray[np.int64]:
    """For each code of 8 neighbours: how many are set if they lie in one run, else 9."""
    codes = range(256)
    turned = [(code >> 1) | ((code & 1) << 7) for code in codes]
    changes = [(code ^ other).bit_count() for code, other in zip(codes, turned, strict=True)]
    return np.array([code.bit_count() if changes[code] <= 2 else 9 for code in codes])


@cache
def _linear_light() -> Float32:
    """The linear light of each of the 256 values of sRGB."""
    values = np.arange(256) / 255
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92).astype(np.float32)


def _lab(pixels: npt.NDArray[np.uint8]) -> Float32:
    """CIE Lab divided by 100, with the cube root down to black (no linear toe)."""
    linear = _linear_light()[pixels]
    x, y, z = (np.cbrt(_mixed(linear, row)) for row in _SRGB_TO_XYZ)
    return np.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], axis=-1)


def _palette(lab: Float32) -> Float32:
    lightness, a, b = np.moveaxis(lab, -1, 0)
    chroma = np.minimum(np.hypot(a, b) / _FULL_CHROMA, 1)[..., None]
    hue = np.mod(np.arctan2(b, a) * np.float32(_HUES / (2 * np.pi)), _HUES)
    apart = np.abs(hue[..., None] - np.arange(_HUES, dtype=np.float32))
    hues = np.maximum(1 - np.minimum(apart, _HUES - apart), 0) * chroma
    tones = np.concatenate([1 - chroma, hues], axis=-1)
    levels = np.arange(_LIGHTNESSES, dtype=np.float32)
    lights = np.maximum(1 - np.abs((np.clip(lightness, 0, 1) * (_LIGHTNESSES - 1))[..., None] - levels), 0)
    joint = (lights[..., :, None] * tones[..., None, :]).reshape(*lightness.shape, -1)
    return _mirror_invariant(np.sqrt(_means(joint, _PALETTE_CELLS)), np.arange(joint.shape[-1]))
