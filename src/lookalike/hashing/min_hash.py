"""Least elements under random orders: a family for the Jaccard similarity of sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, UInt64
from lookalike.errors import OptionError
from lookalike.hashing.base import Arrays, Family, Parameters, checked
from lookalike.hashing.perturbation import cheapest_subsets
from lookalike.kernels.reference_discrete import NO_HASH, mixed
from lookalike.sets import NO_ELEMENT, as_sets

ANY_SIZE = 0
"""The dimension of a family of sets, which may have any number of elements."""
NEAR = 0.5
"""The similarity of the pairs that probes are ordered for."""
NEVER = np.float32(1e6)
"""The cost of a probe for an element that a set does not have."""


class MinHash(Family):
    """Key of a table: the least elements of a set under `hashes` random orders of all elements.

    Broder, On the resemblance and containment of documents, 1997; a table is a band of `hashes` rows (Leskovec,
    Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). Two sets have the same least element with the chance
    J, their Jaccard similarity. An order is that of the elements' hashes; empty sets have one key of their own.

    A probe puts the second least element in the place of the least under some of the orders, as if the other set
    lacked the least. Probes come in order of likelihood: for a set Q, and another A of which a share s of Q is a part,
    the second at v (of hashes in 0..1) is A's least with (1 - s) ((1 - v) / (1 - u)) ** |A less Q| of the chance that
    the first at u is, with s and |A less Q| as of sets of equal size at similarity 1/2.
    """

    name = "min-hash"
    metrics = ("jaccard",)

    def __init__(self, *, tables: int, hashes: int, seed: int = 0) -> None:
        """Make a family of `tables` tables (bands), `hashes` (1..32) least elements (rows) each. Raises OptionError."""
        self.tables = checked("tables", tables, 1, 4096)
        self.hashes = checked("hashes", hashes, 1, 32)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._seeds: UInt64 = np.empty(0, dtype=np.uint64)

    def fit(self, sample: npt.NDArray[Any]) -> Self:
        """Draw the orders; of the `sample` of sets nothing is used."""
        as_sets(sample)
        random = np.random.default_rng(self.seed)
        self._seeds = random.integers(0, 2**64, self.tables * self.hashes, dtype=np.uint64)
        self.dimension = ANY_SIZE
        return self

    def keys(self, vectors: npt.NDArray[Any]) -> UInt64:
        """Return keys of sets, in any form that `lookalike.sets.as_sets` takes, shape (n, tables)."""
        least, _, _ = self._least(vectors)
        return _key_of(least)

    def probe_keys(self, queries: npt.NDArray[Any], probes: int) -> UInt64:
        """Return keys of sets, shape (q, tables, min(probes, 2**hashes))."""
        probes = min(checked("probes", probes, 1), 2**self.hashes)
        least, second, sizes = self._least(queries)
        subsets = cheapest_subsets(_costs(least, second, sizes).reshape(-1, self.hashes), probes)
        taken = subsets.reshape(len(least), self.tables, probes, 1) >> np.arange(self.hashes) & 1
        return _key_of(np.where(taken == 1, second[:, :, np.newaxis], least[:, :, np.newaxis]))

    def collision_probability(self, distance: float) -> float:
        """Return J ** hashes for two sets at Jaccard distance 1 - J."""
        return float(max(0.0, min(1.0, 1 - distance)) ** self.hashes)

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {"tables": self.tables, "hashes": self.hashes, "seed": self.seed}

    def arrays(self) -> Arrays:
        """Return the seed of each order, (tables * hashes,)."""
        return {} if self.dimension is None else {"seeds": self._seeds}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        seeds = arrays["seeds"]
        if seeds.dtype != np.uint64 or seeds.shape != (self.tables * self.hashes,):
            raise OptionError(f"hash family min-hash: seeds are {seeds.dtype} {seeds.shape}; make it again")
        self._seeds, self.dimension = seeds, ANY_SIZE

    def _least(self, given: npt.NDArray[Any]) -> tuple[UInt64, UInt64, npt.NDArray[np.int64]]:
        """Return the two least hashes of each set under each order, (n, tables, hashes), and sizes, (n,)."""
        from lookalike.kernels.compiled import discrete

        if self.dimension is None:
            raise OptionError("hash family min-hash is not fitted; call fit first")
        sets = np.require(as_sets(given), requirements=["C", "W"])
        least, second = np.empty((2, len(sets), len(self._seeds)), dtype=np.uint64)
        discrete.least_hashes(sets, np.require(self._seeds, requirements="W"), least, second)
        shape = len(sets), self.tables, self.hashes
        return least.reshape(shape), second.reshape(shape), np.count_nonzero(sets != NO_ELEMENT, axis=1)


def _costs(least: UInt64, second: UInt64, sizes: npt.NDArray[np.int64]) -> Float32:
    """Return how much less likely, as -log of the ratio, the second element is than the first."""
    inside = 2 * NEAR / (1 + NEAR)  # the share of Q that is in A
    outside = sizes[:, np.newaxis, np.newaxis] * (1 - inside)  # |A less Q|
    above, next_above = (1 - hashes / 2.0**64 for hashes in (least, second))
    with np.errstate(divide="ignore", invalid="ignore"):  # where there is no second element
        costs = outside * np.log(above / next_above) - math.log(1 - inside)
    return np.where(second == NO_HASH, NEVER, costs).astype(np.float32)


def _key_of(hashes: UInt64) -> UInt64:
    """Return one key for the hashes of each table, (..., hashes); others have the same by a chance of 2**-64."""
    key = np.zeros(hashes.shape[:-1], dtype=np.uint64)
    for row in range(hashes.shape[-1]):
        key = mixed(key + hashes[..., row])
    return key
