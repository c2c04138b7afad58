"""The extractor contract on top of two steps: describe a picture in small integers, embed these for an index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image as PillowImage

from lookalike.arrays import Array, Float64, Metric, Rows, UInt8
from lookalike.features.base import DECODED_SIDE

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 1 << 20
"""A picture of more pixels is shrunk to about as many before it is described, so that none takes seconds."""


class Descriptor(ABC):
    """A global descriptor of a picture as an extractor (`lookalike.features.base.Extractor`).

    What it describes is defined by `describe`, and how two of them are compared by `distances`. A collection keeps
    `embed` of it, whose rows, compared by `metric`, are as far apart as `distances` says: exactly, or with the error
    that the class tells.
    """

    version: ClassVar[str]
    model_hash: ClassVar[str] = ""
    dimension: ClassVar[int]
    metric: ClassVar[Metric]
    decoded_side: ClassVar[int] = DECODED_SIDE

    @abstractmethod
    def describe(self, pixels: UInt8) -> Array:
        """Return the descriptor of a picture, shape (numbers,), in the smallest type that holds it.

        Args:
            pixels: RGB, uint8 (height, width, 3), both sides at least 1.
        """

    @abstractmethod
    def embed(self, rows: Array) -> Rows:
        """Return what an index keeps of descriptors (n, numbers): (n, dimension), each row on its own."""

    @abstractmethod
    def distances(self, query: Array, rows: Array) -> Float64:
        """Return the distances (n,) of a descriptor (numbers,) to others (n, numbers), by definition."""

    def extract(self, pictures: Sequence[Image.Image]) -> Rows:
        """Return one row a picture, shape (n, dimension). The pictures are RGB, of any size."""
        if not pictures:
            return self.embed(self.describe(np.zeros((1, 1, 3), np.uint8))[None])[:0]
        return self.embed(np.stack([self.describe(pixels_of(picture)) for picture in pictures]))


def pixels_of(picture: Image.Image) -> UInt8:
    """Return the pixels of an RGB picture, uint8 (height, width, 3), shrunk where they are beyond `MOST_PIXELS`."""
    width, height = picture.size
    if width * height > MOST_PIXELS:
        scale = sqrt(MOST_PIXELS / (width * height))
        size = (max(int(width * scale), 1), max(int(height * scale), 1))
        picture = picture.resize(size, PillowImage.Resampling.BOX)
    return np.asarray(picture)


def enlarged(pixels: UInt8, least: int) -> UInt8:
    """Return pixels (height, width, 3) with both sides at least `least`, by repeating each as often as that takes."""
    for axis, side in enumerate(pixels.shape[:2]):
        if side < least:
            pixels = pixels.repeat(-(-least // side), axis=axis)
    return pixels
