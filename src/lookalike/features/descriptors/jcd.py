"""JCD, the joint composite descriptor: CEDD and FCTH in one, with 7 textures x 24 fuzzy colours.

Chatzichristofis, Boutalis & Lux, "Selection of the proper compact composite descriptor for improving content based
image retrieval", SPPRA 2009. It joins the quantised levels of both. Its numbers are multiples of a half, and are kept
twice as large, which its distance does not see.
"""

from __future__ import annotations

import numpy as np

from lookalike.arrays import UInt8
from lookalike.features.descriptors.cedd import Cedd
from lookalike.features.descriptors.fcth import Fcth
from lookalike.features.descriptors.fuzzy_colors import COLOURS
from lookalike.features.descriptors.tanimoto import TanimotoDescriptor


class Jcd(TanimotoDescriptor):
    """Colour, edges and texture: 168 numbers 0 to 28, index 24 texture + colour; see the module's text."""

    version = "1"
    dimension = 2 * 7 * COLOURS

    def __init__(self) -> None:
        self._cedd, self._fcth = Cedd(), Fcth()

    def describe(self, pixels: UInt8) -> UInt8:
        """Return the descriptor (168,), uint8, of RGB pixels (height, width, 3)."""
        return joined(self._cedd.describe(pixels), self._fcth.describe(pixels))


def joined(cedd: UInt8, fcth: UInt8) -> UInt8:
    """Return twice the JCD (168,) of a picture whose CEDD (144,) and FCTH (192,) are given."""
    edges = cedd.reshape(-1, COLOURS)
    plain, row, column, both = fcth.reshape(2, 4, COLOURS).sum(axis=0, dtype=np.uint8)
    return np.concatenate(
        [
            plain + edges[0],
            row + edges[2],
            2 * edges[4],
            column + edges[3],
            2 * edges[5],
            2 * both,
            2 * edges[1],
        ]
    )
