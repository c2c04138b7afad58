"""Signs of random projections: a family for the angle between vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
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
    check_finite,
    checked,
    checked_flag,
    mean_of,
    restored_mean,
)
from lookalike.hashing.perturbation import cheapest_subsets
from lookalike.kernels.reference import pack_signs


class Hyperplane(Family):
    """Key of a table: the signs of `bits` random projections, bit i for the i-th.

    Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002. Probes flip the bits of
    least total margin |projection|, enumerated like the perturbations of Lv et al., VLDB 2007.

    Where all vectors lie to one side of the origin, as descriptors without negative numbers do, most planes have
    them all on one side too. A family that is `centred` hashes vectors about the mean of its sample instead.
    """

    name = "hyperplane"

    def __init__(self, *, tables: int, bits: int, centred: bool = False, seed: int = 0) -> None:
        """Make a family of `tables` tables, `bits` (1..63) signs each. Raises OptionError."""
        self.tables = checked("tables", tables, 1, 4096)
        self.bits = checked("bits", bits, 1, 63)
        self.centred = checked_flag("centred", centred)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._planes = np.empty((0, 0), dtype=np.float32)
        self._mean: Float32 | None = None

    def fit(self, sample: Float32) -> Self:
        """Draw the planes for the dimension of `sample` (n, d), and take its mean where `centred`."""
        sample = as_sample(sample, self)
        self._mean = mean_of(sample) if self.centred else None
        self.dimension = sample.shape[1]
        random = np.random.default_rng(self.seed)
        self._planes = random.standard_normal((self.dimension, self.tables * self.bits), dtype=np.float32)
        return self

    def keys(self, vectors: Float32) -> UInt64:
        """Return keys, shape (n, tables)."""
        return pack_signs(self._margins(vectors).reshape(-1, self.bits)).reshape(len(vectors), self.tables)

    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return keys, shape (q, tables, min(probes, 2**bits))."""
        probes = checked("probes", probes, 1)
        margins = self._margins(queries).reshape(-1, self.bits)
        own = pack_signs(margins)[:, 0]
        flips = cheapest_subsets(np.abs(margins), min(probes, 2**self.bits)).astype(np.uint64)
        keys: UInt64 = own[:, np.newaxis] ^ flips
        return keys.reshape(len(queries), self.tables, flips.shape[1])

    def collision_probability(self, distance: float) -> float:
        """Return (1 - angle / pi) ** bits for two vectors at cosine distance `distance` (0..2).

        Where `centred`, the distance is about the mean.
        """
        return (1 - math.acos(max(-1.0, min(1.0, 1 - distance))) / math.pi) ** self.bits

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {"tables": self.tables, "bits": self.bits, "centred": self.centred, "seed": self.seed}

    def arrays(self) -> Arrays:
        """Return the planes, (d, tables * bits) and, where `centred`, the mean (d,)."""
        if self.dimension is None:
            return {}
        return (
            {"planes": self._planes} if self._mean is None else {"planes": self._planes, "mean": self._mean}
        )

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        planes = arrays["planes"]
        if planes.ndim != 2 or planes.shape[1] != self.tables * self.bits or planes.dtype != np.float32:
            raise OptionError(
                f"hash family hyperplane: planes are {planes.dtype} {planes.shape}; make it again"
            )
        check_finite(self, planes)
        self._mean = restored_mean(self, arrays, planes.shape[0]) if self.centred else None
        self._planes, self.dimension = planes, planes.shape[0]

    def _margins(self, vectors: Float32) -> Float32:
        vectors = as_hashable(vectors, self)
        if self._mean is not None:
            vectors = np.subtract(vectors, self._mean, dtype=np.float32)
        margins: Float32 = vectors @ self._planes
        return margins
