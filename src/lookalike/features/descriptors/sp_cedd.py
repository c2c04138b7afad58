"""CEDD of a picture, of its quarters and of its sixteenths, side by side; see `cedd` and `pyramid`."""

from __future__ import annotations

import numpy as np

from lookalike.arrays import Array, Float32, UInt8
from lookalike.features.descriptors.cedd import Cedd
from lookalike.features.descriptors.embeddings import projected
from lookalike.features.descriptors.pyramid import windows
from lookalike.features.descriptors.tanimoto import TanimotoDescriptor, tanimoto_vectors

_SEED = 1
_LEAST_SIDE = 8  # for windows of 2 pixels


class SpCedd(TanimotoDescriptor):
    """Colour and edge directivity by place: 21 x 144 numbers 0 to 7; see the module's text."""

    version = "1"
    dimension = 1024

    def __init__(self) -> None:
        self._cedd = Cedd()

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (3024,), uint8, of RGB pixels (height, width, 3)."""
        times = [-(-_LEAST_SIDE // side) for side in pixels.shape[:2]]
        pixels = pixels.repeat(times[0], axis=0).repeat(times[1], axis=1)
        return np.concatenate([self._cedd.describe(window) for window in windows(pixels)])

    def embed(self, rows: Array) -> Float32:
        """Return descriptors (n, 3024) as float32 (n, 1024): the vectors of Tanimoto's distance, projected."""
        return projected(tanimoto_vectors(rows), self.dimension, _SEED)
