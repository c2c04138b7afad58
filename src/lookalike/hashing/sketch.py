"""Sketches: the signs of a randomly rotated residual, which estimate a distance without bias.

Gao and Long, RaBitQ, SIGMOD 2024. A row v lies about a centre c. Let P be a random rotation into D >= d
dimensions, r = |v - c|, o = P(v - c) / r and b the vector of signs of o over the square root of D. For a query
q, <b, P(q - c)> / <b, o> estimates <o, P(q - c)> without bias over the rotation, with standard error of at
most |q - c| sqrt((1 - <b, o>^2) / <b, o>^2 / (D - 1)). From it follows the squared distance
|q - c|^2 + r^2 - 2 r <o, P(q - c)>.

Deviations: the query is rotated and quantised once, about the mean of all rows and not about each centre, and
the centre's share is folded into the row's own numbers, so that

    squared distance = |q - c|^2 + constant + slope * <b, P(q - mean)>
    constant = r^2 - slope * <b, P(c - mean)>,  slope = -2 r / <b, o>,  spread = its standard error / |q - c|.

The rounding of the query to levels is dithered by one fixed draw, so it has no bias either, and its error is
added to the estimate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32
from lookalike.errors import OptionError
from lookalike.hashing.base import Arrays, UInt64
from lookalike.kernels.reference import pack_signs

QUERY_BITS = 4
"""The kernels are written for this number."""
BLOCK_BYTES = 16 << 20

Int32 = npt.NDArray[np.int32]


class Sketcher:
    """Makes sketches of vectors and readies queries to be compared with them."""

    def __init__(self, centres: Float32, mean: Float32, rotation: Float32, dither: Float32) -> None:
        """Use `drawn`, or give what `arrays` returned. Raises OptionError where shapes do not fit."""
        if (
            centres.ndim != 2
            or mean.shape != centres.shape[1:]
            or rotation.shape != (*mean.shape, *dither.shape)
            or dither.ndim != 1
            or len(dither) % 64
        ):
            raise OptionError("a sketcher's arrays do not fit together; build the index again")
        self.centres = centres
        self._mean = mean
        self._rotation = rotation
        self._dither = dither
        self._turned_centres = (centres - mean) @ rotation

    @classmethod
    def drawn(cls, centres: Float32, mean: Float32, seed: int) -> Self:
        """Draw a rotation for sketches about `centres` (m, d); D is d rounded up to whole words of 64."""
        dimension = centres.shape[1]
        signs = -(-dimension // 64) * 64
        random = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(random.standard_normal((signs, dimension), dtype=np.float32))
        dither = random.random(signs, dtype=np.float32)
        return cls(centres, mean, np.ascontiguousarray(rotation.T), dither)

    def arrays(self) -> Arrays:
        """Return what the constructor takes."""
        return {
            "centres": self.centres,
            "mean": self._mean,
            "rotation": self._rotation,
            "dither": self._dither,
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the sketcher that `arrays` was taken of."""
        return cls(arrays["centres"], arrays["mean"], arrays["rotation"], arrays["dither"])

    @property
    def words(self) -> int:
        """Words of 64 signs a sketch."""
        return len(self._dither) // 64

    def encode(self, vectors: Float32, centre_of: Int32) -> tuple[UInt64, Float32]:
        """Return codes (n, words) and factors (n, 3): constant, slope, spread."""
        codes = np.empty((len(vectors), self.words), dtype=np.uint64)
        factors = np.empty((len(vectors), 3), dtype=np.float32)
        step = max(1, BLOCK_BYTES // (4 * len(self._dither)))
        for start in range(0, len(vectors), step):
            block = slice(start, start + step)
            codes[block], factors[block] = self._encode(vectors[block], centre_of[block])
        return codes, factors

    def _encode(self, vectors: Float32, centre_of: Int32) -> tuple[UInt64, Float32]:
        residuals: Float32 = vectors - self.centres[centre_of]
        turned: Float32 = residuals @ self._rotation
        root = np.sqrt(turned.shape[1])
        lengths = np.linalg.norm(residuals.astype(np.float64), axis=1)
        signs = np.where(turned > 0, 1, -1).astype(np.float32)
        along = np.abs(turned).sum(axis=1, dtype=np.float64) / root  # r <b, o>
        flat = along == 0  # the row is its centre
        cosine = np.where(flat, 1, along / np.where(flat, 1, lengths)).clip(max=1)  # <b, o>
        slope = -2 * lengths / cosine
        at_centre = np.einsum("ij,ij->i", signs, self._turned_centres[centre_of], dtype=np.float64) / root
        spread = 2 * lengths * np.sqrt((1 - cosine**2) / (cosine**2 * (turned.shape[1] - 1)))
        constant = lengths**2 - slope * at_centre
        return pack_signs(turned), np.stack((constant, slope, spread), axis=1).astype(np.float32)

    def prepare(self, queries: Float32) -> tuple[UInt64, Float32]:
        """Return bit planes (q, QUERY_BITS, words) and scales (q, 4) of queries (q, d).

        Scales are: lowest value, step, sum of the quantised values, and 1 / square root of D.
        """
        turned = (queries - self._mean) @ self._rotation
        low = turned.min(axis=1)
        top = 2**QUERY_BITS - 1
        step = (turned.max(axis=1) - low) / np.float32(top)
        scaled = (turned - low[:, np.newaxis]) / np.where(step > 0, step, 1)[:, np.newaxis]
        levels = np.minimum(np.floor(scaled + self._dither), top).astype(np.int64)
        planes = np.stack(
            [pack_signs((levels >> bit & 1).astype(np.float32)) for bit in range(QUERY_BITS)], axis=1
        )
        shrink = np.full(len(queries), 1 / np.sqrt(turned.shape[1]))
        # The sum of the quantised values, not of the true ones, halves the variance that quantising brings.
        total = low * np.float64(turned.shape[1]) + step * levels.sum(axis=1)
        scales = np.stack((low, step, total, shrink), axis=1)
        return planes, scales.astype(np.float32)
