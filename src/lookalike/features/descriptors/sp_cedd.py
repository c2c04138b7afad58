"""CEDD of a picture, of its quarters and of its sixteenths, side by side; see `cedd` and `pyramid`.

Its embedding is projected from 6,048 numbers to 1,024, which gives a cosine a standard error of 0.03: over pictures it
ranks as Tanimoto's distance to 0.97 or more, and 83 to 88 of 100 of the ten nearest are the same
(`docs/descriptors.md`).
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, Float32, UInt8
from lookalike.features.descriptors.base import enlarged
from lookalike.features.descriptors.cedd import LEAST_SIDE, cells_of, histogram_of
from lookalike.features.descriptors.embeddings import projected
from lookalike.features.descriptors.fuzzy_colors import fuzzy_colours
from lookalike.features.descriptors.pixels import luma_from_blue
from lookalike.features.descriptors.pyramid import windows
from lookalike.features.descriptors.tanimoto import TanimotoDescriptor, tanimoto_vectors

_SEED = 1


class SpCedd(TanimotoDescriptor):
    """Colour and edge directivity by place: 21 x 144 numbers 0 to 7; see the module's text."""

    version = "1"
    dimension = 1024

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (3024,), uint8, of RGB pixels (height, width, 3)."""
        pixels = enlarged(pixels, 4 * LEAST_SIDE)
        parts = zip(windows(pixels), windows(luma_from_blue(pixels)), strict=True)
        cells = (cells_of(*part) for part in parts)
        return np.concatenate([histogram_of(fuzzy_colours(colours), textures) for colours, textures in cells])

    def embed(self, rows: Array) -> Float32:
        """Return descriptors (n, 3024) as float32 (n, 1024): the vectors of Tanimoto's distance, projected."""
        return projected(tanimoto_vectors(rows), self.dimension, _SEED)
