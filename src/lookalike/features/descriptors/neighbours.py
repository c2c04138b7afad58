"""What the eight pixels around each pixel are like."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lookalike.arrays import UInt8

CLOCKWISE = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""The eight neighbours, (down, right), from the top left one on."""


def neighbour_bits(grey: UInt8, holds: np.ufunc, order: Iterable[tuple[int, int]]) -> UInt8:
    """Return a number of eight bits for each pixel, uint8 (height, width); 0 for the outermost, who lack neighbours.

    Args:
        grey: (height, width).
        holds: of a neighbour and the pixel, says whether a bit is set.
        order: the neighbours, (down, right), from the lowest bit to the highest.
    """
    height, width = grey.shape
    codes = np.zeros_like(grey)
    if height < 3 or width < 3:
        return codes
    centre, inner = grey[1:-1, 1:-1], codes[1:-1, 1:-1]
    for bit, (down, right) in enumerate(order):
        neighbour = grey[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        inner |= holds(neighbour, centre).view(np.uint8) << np.uint8(bit)
    return codes
