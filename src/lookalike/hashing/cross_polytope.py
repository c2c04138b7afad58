"""Nearest vertices of randomly turned cross-polytopes: a family for the angle between vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, UInt64
from lookalike.errors import OptionError
from lookalike.hashing.base import (
    Arrays,
    Family,
    Parameters,
    as_hashable,
    as_sample,
    checked,
    checked_flag,
    mean_of,
    restored_mean,
)

Float64 = npt.NDArray[np.float64]

ROUNDS = 3
FEWEST_AXES = 32
"""With fewer, signs and transforms have only few different rotations to offer."""
BLOCK_BYTES = 1 << 20
"""Vectors are hashed in blocks whose turned forms take about this much, so that they stay in the cache."""


class CrossPolytope(Family):
    """Key of a table: for each of its functions, the nearest of the signed axes after a pseudo-random rotation.

    Andoni, Indyk, Laarhoven, Razenshteyn and Schmidt, Practical and Optimal LSH for Angular Distance, NIPS 2015.
    A rotation is three rounds of random signs and Hadamard transform, of vectors padded with zeros to D, a power of
    two. A key has `bits` bits, so a table has 2**bits buckets: a function of all D axes takes 1 + log2(D) of them,
    and the last function of a key looks at the first axes only, as many as the bits that are left can number. An
    axis takes the bits above its sign, which is 1 where negative; earlier functions take lower bits.

    Probes are vertices of least total squared difference between the largest coordinate and theirs (section 5 of
    the paper), the first of them in order of it.

    Deviations: vectors are padded to no fewer than 32 axes; a family that is `centred` hashes vectors about the mean
    of its sample, without which those that all lie to one side of the origin share few buckets; sparse vectors are
    not hashed to fewer dimensions first.
    """

    name = "cross-polytope"

    def __init__(self, *, tables: int, bits: int, centred: bool = False, seed: int = 0) -> None:
        """Make a family of `tables` tables of 2**`bits` (1..63) buckets each. Raises OptionError.

        Args:
            bits: the base-2 logarithm of the number of rows, or a little less, is usual; where all vectors are at
                small angles, as pictures of one kind are, buckets are uneven and need twice as many.
        """
        self.tables = checked("tables", tables, 1, 4096)
        self.bits = checked("bits", bits, 1, 63)
        self.centred = checked_flag("centred", centred)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._arrays: Arrays = {}

    def fit(self, sample: Float32) -> Self:
        """Draw the signs for the dimension of `sample` (n, d), and take its mean where `centred`."""
        sample = as_sample(sample, self)
        self.dimension = sample.shape[1]
        axes = _axes(self.dimension)
        functions = self.tables * len(self._function_bits(axes))
        random = np.random.default_rng(self.seed)
        self._arrays = {
            "first_signs": _signs(random, (functions, self.dimension)),
            "later_signs": _signs(random, (ROUNDS - 1, functions, axes)),
        }
        if self.centred:
            self._arrays["mean"] = mean_of(sample)
        return self

    def keys(self, vectors: Float32) -> UInt64:
        """Return keys, shape (n, tables)."""
        return self.probe_keys(vectors, 1)[:, :, 0]

    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return keys, shape (q, tables, min(probes, 2**bits))."""
        from lookalike.kernels.compiled import polytope

        queries = as_hashable(queries, self)
        probes = min(checked("probes", probes, 1), 2**self.bits)
        keys = np.empty((len(queries), self.tables, probes), dtype=np.uint64)
        bits = np.array(self._function_bits(_axes(queries.shape[1])))
        looked, shifts = 2 ** (bits - 1), np.cumsum(bits) - bits
        for rows, turned in self._turned(queries):
            polytope.probed_keys(turned, looked, shifts, keys[rows])
        return keys

    def collision_probability(self, distance: float) -> float | None:
        """Return the chance of one key for two vectors at cosine distance `distance` (0..2); None before `fit`.

        It is exact where a Gaussian matrix takes the place of each rotation, as in the paper's definition; see
        `agreement`. For the pseudo-random rotations, which have no theory of the kind, it is an approximation.
        """
        if self.dimension is None:
            return None
        every = 1.0
        for bits in self._function_bits(_axes(self.dimension)):
            every *= agreement(2 ** (bits - 1), distance)
        return every

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {"tables": self.tables, "bits": self.bits, "centred": self.centred, "seed": self.seed}

    def arrays(self) -> Arrays:
        """Return the signs, int8: of the first round (functions, d), of later ones (2, functions, D).

        There are as many functions as the tables have together, those of one table in succession. Where `centred`,
        there is the mean too, float32 (d,).
        """
        return dict(self._arrays)

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        first, later = arrays["first_signs"], arrays["later_signs"]
        dimension = first.shape[1] if first.ndim == 2 else 0
        axes = _axes(dimension)
        functions = self.tables * len(self._function_bits(axes))
        shapes = (functions, dimension), (ROUNDS - 1, functions, axes)
        if not dimension or (first.shape, later.shape) != shapes:
            raise OptionError(
                f"hash family cross-polytope: signs are {first.shape} and {later.shape}; make it again"
            )
        if not all(signs.dtype == np.int8 and (np.abs(signs) == 1).all() for signs in (first, later)):
            raise OptionError("hash family cross-polytope: signs are not 1 and -1 of int8; make it again")
        self.dimension = dimension
        self._arrays = {"first_signs": first, "later_signs": later}
        if self.centred:
            self._arrays["mean"] = restored_mean(self, arrays, dimension)

    def _function_bits(self, axes: int) -> list[int]:
        """Return the bits of each function of a key."""
        full, left = divmod(self.bits, axes.bit_length())
        return [axes.bit_length()] * full + [left] * (left > 0)

    def _turned(self, vectors: Float32) -> Iterator[tuple[slice, Float32]]:
        """Yield, for blocks of `vectors` (n, d), the rows and their coordinates, (rows, functions, D)."""
        from lookalike.kernels.compiled import rotation

        mean = self._arrays.get("mean")
        first, later = (
            np.require(self._arrays[name], np.int8, ["C", "W"]) for name in ("first_signs", "later_signs")
        )
        functions, axes = later.shape[1:]
        step = max(1, BLOCK_BYTES // (4 * functions * axes))
        for start in range(0, len(vectors), step):
            rows = slice(start, min(start + step, len(vectors)))
            turned = np.empty((rows.stop - start, functions, axes), dtype=np.float32)
            scaled = _scaled(vectors[rows] if mean is None else vectors[rows] - mean)
            rotation.rotate(scaled, first, later, turned)
            yield rows, turned


def agreement(axes: int, distance: float) -> float:
    """Return the chance that two vectors at cosine `distance` (0..2) have one nearest vertex of 2 * `axes`.

    Their coordinates on the axes are `axes` independent pairs (X, Y) of standard normal variables of correlation
    r = 1 - distance. Both vectors are nearest to one vertex where one pair is of one sign and no other pair
    exceeds it in either: 2 axes E[P(|X'| < X, |Y'| < Y) ** (axes - 1); X, Y > 0] (Andoni et al., section 3 and
    appendix B). This is that integral by Gauss-Legendre quadrature. The paper's closed form is asymptotic, and its
    unknown terms are large at common dimensions: ln 1/p = t^2 / (4 - t^2) ln axes + O(ln ln axes), t^2 = 2 distance.
    """
    if distance <= 0:
        return 1.0
    if distance >= 2:
        return 0.0
    correlation, spread = 1 - distance, math.sqrt(distance * (2 - distance))
    x, x_weights = _gauss_legendre(200, 0.0, 9.0)
    # Y = r X + spread Z, above 0.
    lowest = np.clip(-correlation / spread * x, -9.0, 9.0)
    z, z_weights = _gauss_legendre(80, 0.0, 1.0)
    z = lowest[:, np.newaxis] + (9.0 - lowest)[:, np.newaxis] * z
    weights = x_weights[:, np.newaxis] * z_weights * (9.0 - lowest)[:, np.newaxis]
    y = correlation * x[:, np.newaxis] + spread * z
    x = np.broadcast_to(x[:, np.newaxis], y.shape)
    density = np.exp(-(x * x + z * z) / 2) / (2 * math.pi)
    within = _both_within(x, y, abs(correlation), spread)
    return float(min(1.0, 2 * axes * (weights * density * within ** (axes - 1)).sum()))


def _both_within(x: Float64, y: Float64, correlation: float, spread: float) -> Float64:
    """Return P(|X| < x, |Y| < y) for standard normal variables of `correlation` in [0, 1).

    From the independent case by Plackett's identity (Biometrika 1954): the derivative by the correlation is the
    density at the corners, here over the arc sine of the correlation.
    """
    erf = np.vectorize(math.erf, otypes=[np.float64])
    within: Float64 = erf(x / math.sqrt(2)) * erf(y / math.sqrt(2))
    # The angle left to pi/2, by its logarithm: close to pi/2 the density changes in proportion to it.
    nodes, weights = _gauss_legendre(48, math.log(math.atan2(spread, correlation)), math.log(math.pi / 2))
    for left, weight in zip(np.exp(nodes), weights, strict=True):
        sine, square = math.cos(left), math.sin(left) ** 2
        product, squares = 2 * sine * x * y, x * x + y * y
        same, opposite = (
            np.exp((product - squares) / (2 * square)),
            np.exp(-(product + squares) / (2 * square)),
        )
        within += weight * left / math.pi * (same - opposite)
    return np.clip(within, 0, 1)


def _gauss_legendre(count: int, low: float, high: float) -> tuple[Float64, Float64]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return low + (high - low) * (nodes + 1) / 2, weights * (high - low) / 2


def _axes(dimension: int) -> int:
    """Return the power of two that vectors are padded to."""
    return max(FEWEST_AXES, 1 << (dimension - 1).bit_length())


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    return 2 * random.integers(0, 2, shape, dtype=np.int8) - np.int8(1)


def _scaled(vectors: Float32) -> Float32:
    """Return vectors whose largest coordinate is 1 or -1: no sum overflows, and in vectors of few different values
    sums are of small whole numbers, exact, so that coordinates that tie do so whatever the vector's length."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    zeros = np.zeros(vectors.shape, dtype=np.float32)
    scaled: Float32 = np.divide(vectors, largest, out=zeros, where=largest > 0)
    return scaled
