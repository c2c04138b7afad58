"""`look`: a global descriptor of edges, texture, layout and colour that needs no model and no download.

The picture is stretched to a square of `SIDE` pixels (products and scenes keep their layout, whatever their aspect
ratio) and described by six blocks:

| block | what | numbers |
| --- | --- | --- |
| edges | histograms of 8 unsigned gradient directions in 12 x 12 cells | 1152 |
| outline | histograms of 16 signed gradient directions in 4 x 4 cells | 256 |
| texture | histograms of 10 local binary patterns in 4 x 4 cells | 160 |
| layout | mean lightness and colour (CIE Lab) in 8 x 8 cells | 192 |
| palette | histograms of lightness and hue in 2 x 2 cells | 180 |
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from lookalike.arrays import Float32, Metric

if TYPE_CHECKING:
    from PIL import Image

SIDE = 96
HALF_CELLS = 24
DIRECTIONS = 16
WEIGHTS = {"edges": 1.0, "outline": 0.5, "texture": 0.3, "layout": 0.3, "palette": 0.1}


def blocks(picture):
    small = picture.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, dtype=np.float32) * np.float32(1 / 255)
    grey = pixels[..., 0] * np.float32(0.299) + pixels[..., 1] * np.float32(0.587) + pixels[..., 2] * np.float32(0.114)
    votes = _direction_votes(grey)
    lab = _lab(_means(pixels, 24))
    return {
        "edges": _edges(votes),
        "outline": _outline(votes),
        "texture": _texture(grey),
        "layout": _mirrored(_means(lab, 8), np.arange(3)),
        "palette": _palette(lab, 2),
        "palette1": _palette(lab, 1),
        "palette4": _palette(lab, 4),
    }


def _direction_votes(grey: Float32) -> Float32:
    """Gradient strength by half-cell and signed direction, shape (24, 24, 16); each votes for its two nearest."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    np.subtract(grey[:, 2:], grey[:, :-2], out=dx[:, 1:-1])
    np.subtract(grey[2:], grey[:-2], out=dy[1:-1])
    strength = np.sqrt(dx * dx + dy * dy)
    turn = np.arctan2(dy, dx) * np.float32(DIRECTIONS / (2 * np.pi))
    below = np.floor(turn)
    upper = strength * (turn - below)
    first = below.astype(np.int64)
    bins = _half_cell_offsets()
    lower_bin = bins + first % DIRECTIONS
    upper_bin = bins + (first + 1) % DIRECTIONS
    size = HALF_CELLS * HALF_CELLS * DIRECTIONS
    votes = np.bincount(lower_bin.ravel(), (strength - upper).ravel(), size)
    votes += np.bincount(upper_bin.ravel(), upper.ravel(), size)
    pixels = (SIDE // HALF_CELLS) ** 2
    return (votes / pixels).astype(np.float32).reshape(HALF_CELLS, HALF_CELLS, DIRECTIONS)


@cache
def _half_cell_offsets() -> npt.NDArray[np.int64]:
    place = np.arange(SIDE) // (SIDE // HALF_CELLS)
    return (place[:, None] * HALF_CELLS + place) * DIRECTIONS


def _cells(votes: Float32) -> Float32:
    """Pool half-cells under a triangle two cells wide, so that small shifts change little."""
    for axis in (0, 1):
        votes = np.moveaxis(votes, axis, 0)
        low, high = votes[0::2], votes[1::2]
        pooled = 0.75 * (low + high)
        pooled[1:] += 0.25 * high[:-1]
        pooled[:-1] += 0.25 * low[1:]
        pooled[0] *= 4/3.5*.5 *2/1.1428571 if False else 1
        votes = np.moveaxis(pooled / 2, 0, axis)
    return votes


def _local(cells: Float32) -> Float32:
    energy = np.sqrt(np.einsum("ijk,ijk->ij", cells, cells))
    around = np.pad(energy, 1, mode="edge")
    n = len(energy)
    rows = around[:-2] + around[1:-1] + around[2:]
    near = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return np.sqrt(cells / (near + np.float32(0.02))[..., None])


def _edges(votes):
    half = DIRECTIONS // 2
    cells = _local(_cells(votes[..., :half] + votes[..., half:]))
    return _mirrored(cells - cells.mean(), -np.arange(half) % half)


def _outline(votes):
    c = votes.reshape(8, 3, 8, 3, DIRECTIONS).mean(axis=(1, 3))
    cells = _local(_cells(c))
    return _mirrored(cells - cells.mean(), (DIRECTIONS // 2 - np.arange(DIRECTIONS)) % DIRECTIONS)


def _texture(grey):
    inner = grey[1:-1, 1:-1]
    bar = inner + np.float32(0.01)
    code = np.zeros(inner.shape, np.uint8)
    n = SIDE - 2
    for bit, (y, x) in enumerate([(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]):
        code |= (grey[y : y + n, x : x + n] > bar).view(np.uint8) << np.uint8(bit)
    bins = _texture_offsets() + _patterns()[code]
    h = np.bincount(bins.ravel(), minlength=160).reshape(4, 4, 10) / n / n * 16
    h = np.sqrt(h.astype(np.float32))
    return _mirrored(h - h.mean(), np.arange(10))


@cache
def _texture_offsets():
    place = np.arange(SIDE - 2) * 4 // (SIDE - 2)
    return (place[:, None] * 4 + place) * 10


@cache
def _patterns():
    out = []
    for c in range(256):
        turned = (c >> 1) | ((c & 1) << 7)
        out.append(c.bit_count() if (c ^ turned).bit_count() <= 2 else 9)
    return np.array(out)


def _lab(pixels):
    linear = np.where(pixels > 0.04045, ((pixels + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4), pixels / np.float32(12.92))
    to_xyz = np.array([[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8727]], np.float32)
    x, y, z = (np.cbrt(linear[..., 0] * a + linear[..., 1] * b + linear[..., 2] * c) for a, b, c in to_xyz)
    return np.stack([np.float32(1.16) * y - np.float32(0.16), 5 * (x - y), 2 * (y - z)], axis=-1)


def _palette(lab, g):
    light = lab[..., 0] * 4
    hue = np.mod(np.arctan2(lab[..., 2], lab[..., 1]) * np.float32(4 / np.pi), 8)
    colour = np.minimum(np.hypot(lab[..., 1], lab[..., 2]) * 5, 1)
    lights = np.maximum(1 - np.abs(light[..., None] - np.arange(5, dtype=np.float32)), 0)
    apart = np.abs(hue[..., None] - np.arange(8, dtype=np.float32))
    hues = np.maximum(1 - np.minimum(apart, 8 - apart), 0) * colour[..., None]
    tones = np.concatenate([1 - colour[..., None], hues], axis=-1)
    h = (lights[..., :, None] * tones[..., None, :]).reshape(24, 24, 45)
    h = np.sqrt(_means(h, g))
    h = h - h.mean()
    if g == 1:
        return h.ravel()
    return _mirrored(h, np.arange(45))


def _means(values: Float32, cells: int) -> Float32:
    side = len(values) // cells
    return values.reshape(cells, side, cells, side, -1).mean(axis=(1, 3))


def _mirrored(cells: Float32, channels: npt.NDArray[Any]) -> Float32:
    half = cells.shape[1] // 2
    left = cells[:, :half]
    right = cells[:, : half - 1 : -1][..., channels]
    return np.concatenate([(left + right).ravel(), np.abs(left - right).ravel()])
