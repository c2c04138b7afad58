"""The rotation of rows and queries before they are sketched, onto one axis for each sign of a sketch.

A random rotation spreads a vector's length evenly over the axes, so that signs alone tell its direction (Gao and
Long, RaBitQ, SIGMOD 2024). Deviations: where there are fewer signs than dimensions, the rotation is of the
principal components, and what lies outside of them is taken for its mean, 0; and it is about the mean of all
rows, once for each query, not about each centroid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32
from lookalike.errors import OptionError
from lookalike.hashing.base import Arrays
from lookalike.index.sketches.byte_blocks import byte_blocks
from lookalike.kernels.plan import is_packed

SIGNS_A_UNIT = 128
"""Signs that the kernels look up at once."""
SIGNS_BY_DIMENSION, MOST_SIGNS = ((128, 128), (2048, 256)), 512
"""More signs tell rows apart better, and take longer to rotate a query to and to look through."""
LARGEST_SIGNS = 4096
"""Sums of table entries are of 16 bits."""
COMPONENT_ROWS = 8_192
MIDDLE_ROWS = 64
MOST, FAR = 0.75, 8
"""Rows that are more than `FAR` times as far from the middle as the share `MOST` of them are not learned from."""
ROUNDS = 3


class Rotation:
    """An orthonormal map (d, signs) about a mean (d,).

    Attributes:
        mean: (d,) float32.
        matrix: (d, signs) float32.
        blocks: the matrix by columns, as bytes for kernels, or packed: a query needs no more exactness than signs
            have, and a large matrix takes as long as it takes to be read.
    """

    def __init__(self, mean: Float32, matrix: Float32) -> None:
        """Use `fitted`, or give what `arrays` returned. Raises OptionError where shapes or types do not fit."""
        if (
            mean.ndim != 1
            or matrix.shape[:-1] != mean.shape
            or matrix.ndim != 2
            or not 0 < matrix.shape[1] <= LARGEST_SIGNS
            or matrix.shape[1] % SIGNS_A_UNIT
            or mean.dtype != np.float32
            or matrix.dtype != np.float32
        ):
            raise OptionError("a rotation's arrays do not fit together; build the index again")
        self.mean = np.ascontiguousarray(mean)
        self.matrix = np.ascontiguousarray(matrix)
        zeros = np.zeros(self.signs, dtype=np.float32)
        self.blocks = byte_blocks(self.matrix.T, zeros, packed=is_packed(*matrix.shape))

    @classmethod
    def fitted(cls, sample: Float32, seed: int, signs: int | None = None) -> Self:
        """Return the rotation for rows like `sample` (n, d), n >= 1; `signs` is a multiple of 128, by default by d."""
        dimension = sample.shape[1]
        signs = signs or default_signs(dimension)
        random = np.random.default_rng([seed, dimension])
        usual = _usual(sample)
        mean = usual.mean(axis=0, dtype=np.float64).astype(np.float32)
        if signs >= dimension:
            rotation, _ = np.linalg.qr(random.standard_normal((signs, dimension), dtype=np.float32))
            return cls(mean, np.ascontiguousarray(rotation.T))
        centred = usual[:COMPONENT_ROWS] - mean
        # Subspace iteration: rows by few columns, never a covariance of all dimensions.
        axes = random.standard_normal((dimension, signs), dtype=np.float32)
        for _ in range(ROUNDS):
            axes, _ = np.linalg.qr(centred.T @ (centred @ axes) + np.float32(1e-6) * axes)
        rotation, _ = np.linalg.qr(random.standard_normal((signs, signs), dtype=np.float32))
        return cls(mean, (axes @ rotation).astype(np.float32))

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the rotation that `arrays` was taken of."""
        return cls(arrays["mean"], arrays["matrix"])

    def arrays(self) -> Arrays:
        """Return what the constructor takes."""
        return {"mean": self.mean, "matrix": self.matrix}

    @property
    def signs(self) -> int:
        """Signs a sketch."""
        return int(self.matrix.shape[1])

    @property
    def block_bytes(self) -> int:
        """Bytes of the sketches and factors of 16 rows."""
        return 2 * self.signs + 64

    def rotated(self, vectors: Float32) -> Float32:
        """Return `vectors` (n, d) about the mean, rotated, (n, signs)."""
        moved: Float32 = vectors - self.mean
        rotated: Float32 = moved @ self.matrix
        return rotated


def _usual(sample: Float32) -> Float32:
    """Return the rows of `sample` (n, d) without those that lie many times as far off as most.

    A few of them would be the mean and the principal components, and of all others the sketches would tell little.
    """
    middle: Float32 = np.median(sample[:: max(1, len(sample) // MIDDLE_ROWS)], axis=0).astype(np.float32)
    moved = sample - middle
    lengths = np.sqrt(np.einsum("ij,ij->i", moved, moved))
    usual = lengths <= FAR * np.quantile(lengths, MOST)
    return sample if usual.all() else sample[usual]


def default_signs(dimension: int) -> int:
    """Return how many signs to keep of vectors of that dimension."""
    return next((signs for most, signs in SIGNS_BY_DIMENSION if dimension <= most), MOST_SIGNS)
