"""Floors of random projections drawn from a p-stable distribution: a family for Euclidean and L1 distance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from lookalike.arguments import as_finite
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
)
from lookalike.hashing.perturbation import cheapest_subsets

Float64 = npt.NDArray[np.float64]

LARGEST_TABLE = 2**31 - 1


class PStable(Family):
    """Key of a table: (p . floor((v W + e) / bucket_size)) mod table_size.

    Datar, Immorlica, Indyk and Mirrokni, SoCG 2004. For each table W (d, floors) is drawn from the Gaussian
    ("euclidean") or Cauchy ("l1") distribution, e (floors) from [0, bucket_size) and p (floors), whole
    numbers, from [0, table_size).

    The key is the exact value of that formula: floors are reduced mod table_size (a float64 remainder, which
    is exact) to [0, table_size), and so is each product with p before they are added; as table_size is below
    2**31 nothing overflows.

    Probing is query-directed (Lv et al., VLDB 2007): a floor moves by -1 or +1 at the cost of the squared
    distance to that edge of its slot, and sets of moves are taken in order of total cost. Two sets may, by
    the modulus, give one key.
    """

    name = "p-stable"

    def __init__(
        self,
        *,
        tables: int,
        floors: int,
        bucket_size: float,
        table_size: int = LARGEST_TABLE,
        distance: Literal["euclidean", "l1"] = "euclidean",
        seed: int = 0,
    ) -> None:
        """Make a family of `tables` tables of `floors` (1..31) projections each. Raises OptionError.

        Args:
            bucket_size: width of a slot, in the unit of the distance.
            table_size: number of keys a table; a prime keeps chance collisions at 1 / table_size.
        """
        if distance not in ("euclidean", "l1"):
            raise OptionError(f"distance {distance!r} is not known to p-stable; choose euclidean or l1")
        self.bucket_size = as_finite(bucket_size, "bucket_size")
        if isinstance(bucket_size, bool) or self.bucket_size <= 0:
            raise OptionError(f"bucket_size is {bucket_size!r}; give a length above 0")
        self.tables = checked("tables", tables, 1, 4096)
        self.floors = checked("floors", floors, 1, 31)
        self.table_size = checked("table_size", table_size, 2, LARGEST_TABLE)
        self.distance = distance
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._arrays: Arrays = {}

    def fit(self, sample: Float32) -> Self:
        """Draw W, e and p for the dimension of `sample` (n, d)."""
        sample = as_sample(sample, self)
        self.dimension = sample.shape[1]
        random = np.random.default_rng(self.seed)
        drawn = (self.dimension, self.tables * self.floors)
        directions = (
            random.standard_normal(drawn) if self.distance == "euclidean" else random.standard_cauchy(drawn)
        )
        self._arrays = {
            "directions": directions.astype(np.float32),
            "offsets": random.uniform(0, self.bucket_size, (self.tables, self.floors)),
            "multipliers": random.integers(0, self.table_size, (self.tables, self.floors)),
        }
        return self

    def keys(self, vectors: Float32) -> UInt64:
        """Return keys, shape (n, tables)."""
        return self._combined(np.floor(self._positions(vectors)))

    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return keys, shape (q, tables, min(probes, 3**floors))."""
        probes = min(checked("probes", probes, 1), 3**self.floors)
        from lookalike.kernels.compiled import rotation

        positions = self._positions(queries)
        floors = np.floor(positions)
        below = positions - floors
        costs = np.square(np.concatenate((below, 1 - below), axis=2)).astype(np.float32)
        moves = cheapest_subsets(costs.reshape(-1, 2 * self.floors), probes, pairs=self.floors)
        keys = np.empty(moves.shape, dtype=np.uint64)
        own = self._combined(floors).astype(np.int64).reshape(-1)
        multipliers = np.require(self._arrays["multipliers"], np.int64, ["C", "W"])
        rotation.moved_keys(own, multipliers, moves, self.table_size, keys)
        return keys.reshape(len(queries), self.tables, probes)

    def collision_probability(self, distance: float) -> float:
        """Return the chance of one key at `distance`: all floors agree, or the modulus makes keys equal.

        That is P + (1 - P) / table_size with P = p(distance) ** floors and p as in Datar et al., section 3.2,
        for a prime table_size that is large against the difference of the floors.
        """
        if distance == 0:
            return 1.0
        ratio = self.bucket_size / distance
        if self.distance == "euclidean":
            tails = math.erfc(ratio / math.sqrt(2))  # twice the normal distribution below -ratio
            one = 1 - tails - math.sqrt(2 / math.pi) / ratio * -math.expm1(-ratio * ratio / 2)
        else:
            one = 2 * math.atan(ratio) / math.pi - math.log1p(ratio * ratio) / (math.pi * ratio)
        every = one**self.floors
        return every + (1 - every) / self.table_size

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {
            "tables": self.tables,
            "floors": self.floors,
            "bucket_size": self.bucket_size,
            "table_size": self.table_size,
            "distance": self.distance,
            "seed": self.seed,
        }

    def arrays(self) -> Arrays:
        """Return directions W (d, tables * floors), offsets e and multipliers p (tables, floors)."""
        return dict(self._arrays)

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        directions = arrays["directions"]
        drawn = (self.tables, self.floors)
        if (
            directions.ndim != 2
            or directions.shape[1] != self.tables * self.floors
            or arrays["offsets"].shape != drawn
            or arrays["multipliers"].shape != drawn
            or directions.dtype != np.float32
            or arrays["offsets"].dtype != np.float64
            or arrays["multipliers"].dtype != np.int64
            or arrays["multipliers"].min() < 0
            or arrays["multipliers"].max() >= self.table_size
        ):
            raise OptionError("hash family p-stable: its arrays do not fit its parameters; make it again")
        check_finite(self, directions, arrays["offsets"])
        self.dimension = directions.shape[0]
        self._arrays = {name: arrays[name] for name in ("directions", "offsets", "multipliers")}

    def _positions(self, vectors: Float32) -> Float64:
        """Return (v W + e) / bucket_size, shape (n, tables, floors)."""
        vectors = as_hashable(vectors, self)
        projected = (vectors @ self._arrays["directions"]).reshape(len(vectors), self.tables, self.floors)
        positions: Float64 = (projected.astype(np.float64) + self._arrays["offsets"]) / self.bucket_size
        return positions

    def _combined(self, floors: Float64) -> UInt64:
        """Return (p . floors) mod table_size, floors (n, tables, floors) -> (n, tables)."""
        reduced = np.mod(floors, self.table_size).astype(np.int64)
        products = reduced * self._arrays["multipliers"] % self.table_size
        keys: UInt64 = (products.sum(axis=2) % self.table_size).astype(np.uint64)
        return keys
