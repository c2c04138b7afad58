"""`look`: a global descriptor of edges, layout and colour that needs no model and no download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage

from lookalike.arrays import Float32, Metric

if TYPE_CHECKING:
    from PIL import Image

SIDE = 64
CELLS = 8
DIRECTIONS = 8
LAYOUT = 8
DIMENSION = CELLS * CELLS * DIRECTIONS + LAYOUT * LAYOUT * 3


class Look:
    """Edges (histograms of gradient directions) and colour layout (a small Lab picture)."""

    version = "0"
    model_hash = ""
    dimension = DIMENSION
    metric: Metric = "cosine"
    decoded_side = SIDE

    def extract(self, pictures: Sequence[Image.Image]) -> Float32:
        """Return one vector a picture, shape (n, dimension), float32, each of length one."""
        rows = [self._vector(picture) for picture in pictures]
        return np.stack(rows) if rows else np.empty((0, DIMENSION), np.float32)

    def _vector(self, picture: Image.Image) -> Float32:
        small = picture.resize((SIDE, SIDE), PillowImage.Resampling.BILINEAR, reducing_gap=2.0)
        pixels = np.asarray(small, dtype=np.float32) / 255
        vector = np.concatenate([_edges(pixels), np.float32(0.7) * _layout(pixels)])
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def _edges(pixels: Float32) -> Float32:
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    dx[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    dy[1:-1] = grey[2:] - grey[:-2]
    strength = np.hypot(dx, dy)
    angle = np.mod(np.arctan2(dy, dx), np.pi) * (DIRECTIONS / np.pi)
    apart = np.abs(angle[..., None] - np.arange(DIRECTIONS, dtype=np.float32))
    votes = strength[..., None] * np.clip(1 - np.minimum(apart, DIRECTIONS - apart), 0, 1)
    side = SIDE // CELLS
    cells = np.sqrt(votes.reshape(CELLS, side, CELLS, side, DIRECTIONS).mean(axis=(1, 3)))
    mirrored = cells[:, ::-1][:, :, -np.arange(DIRECTIONS) % DIRECTIONS]
    return _mirror_invariant(cells, mirrored)


def _layout(pixels: Float32) -> Float32:
    side = SIDE // LAYOUT
    small = pixels.reshape(LAYOUT, side, LAYOUT, side, 3).mean(axis=(1, 3))
    linear = np.where(small > 0.04045, ((small + 0.055) / 1.055) ** 2.4, small / 12.92)
    to_xyz = np.array(
        [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8727]], np.float32
    )
    x, y, z = np.moveaxis(np.cbrt(linear @ to_xyz.T), -1, 0)
    lab = np.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], axis=-1)
    return _mirror_invariant(lab, lab[:, ::-1])


def _mirror_invariant(values: Float32, mirrored: Float32) -> Float32:
    half = values.shape[1] // 2
    left, right = values[:, :half], mirrored[:, :half]
    vector = np.concatenate([(left + right).ravel(), np.abs(left - right).ravel()])
    return (vector / np.sqrt(vector @ vector + 1e-6)).astype(np.float32)
