"""Gabor filters: how strongly, and how unevenly, a picture answers to waves of five lengths and six directions.

Manjunath & Ma, "Texture features for browsing and retrieval of image data", PAMI 18(8), 1996: their filters, whose
half-peaks touch, with one octave more at the low end. LIRE's filter nothing, as the answer is each pixel's own red
times a constant, so this follows the paper, but for two things: the paper divides each number by its standard deviation
over the database, and adds differences up. Here logarithms make numbers of unlike size comparable, and distances are
Euclidean.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import numpy as np
from PIL import Image

from lookalike.arrays import Array, Float32, Float64, Metric, UInt8
from lookalike.features.descriptors.base import Descriptor
from lookalike.features.descriptors.pixels import luma

SIDE = 128
"""Pictures are brought to a square of so many pixels."""
SCALES, DIRECTIONS = 5, 6
_LOWEST, _HIGHEST = 0.025, 0.4
"""Centre frequencies of the first and the last scale, in cycles a pixel of the square."""
_FLOOR = 0.5
"""Levels of grey that are added before a logarithm is taken, so that noise in flat pictures says little."""


class Gabor(Descriptor):
    """The mean and the standard deviation of the magnitude of the answers to 5 x 6 filters."""

    version: ClassVar[str] = "1"
    dimension: ClassVar[int] = 2 * SCALES * DIRECTIONS
    metric: ClassVar[Metric] = "euclidean"

    def describe(self, pixels: UInt8) -> Float32:
        """Return 60 numbers in levels of grey, float32: mean and standard deviation, by scale, the highest first."""
        square = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
        grey = luma(np.asarray(square)).astype(np.float32)
        answers = np.abs(np.fft.ifft2(np.fft.fft2(grey - grey.mean()) * _filters()))
        numbers = [answers.mean(axis=(1, 2)), answers.std(axis=(1, 2))]
        return np.stack(numbers, axis=1).astype(np.float32).ravel()

    def embed(self, rows: Array) -> Float32:
        """Return the logarithms, (n, 60), of the numbers and half a level of grey."""
        logarithms: Float32 = np.log(rows + np.float32(_FLOOR)).astype(np.float32)
        return logarithms

    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the Euclidean distances of the logarithms, (n,)."""
        apart = self.embed(rows).astype(np.float64) - self.embed(query[np.newaxis])
        found: Float64 = np.sqrt(np.square(apart).sum(axis=1))
        return found


@cache
def _filters() -> Float32:
    """The filters in the frequency domain, (30, SIDE, SIDE): Gaussians around their centre frequencies."""
    frequencies = np.fft.fftfreq(SIDE)
    down, across = frequencies[:, np.newaxis], frequencies
    ratio = (_HIGHEST / _LOWEST) ** (1 / (SCALES - 1))
    filters = []
    for scale in range(SCALES):
        centre = _HIGHEST / ratio**scale
        along = (ratio - 1) * centre / ((ratio + 1) * np.sqrt(2 * np.log(2)))
        beside = np.tan(np.pi / (2 * DIRECTIONS)) * np.sqrt(centre**2 / (2 * np.log(2)) - along**2)
        for direction in range(DIRECTIONS):
            angle = np.pi * direction / DIRECTIONS
            u = across * np.cos(angle) + down * np.sin(angle)
            v = down * np.cos(angle) - across * np.sin(angle)
            filters.append(np.exp(-(((u - centre) / along) ** 2 + (v / beside) ** 2) / 2))
    return np.stack(filters).astype(np.float32)
