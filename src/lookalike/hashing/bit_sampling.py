"""Some of the bits: a family for the Hamming distance of binary codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import UInt8, UInt64, as_codes
from lookalike.errors import OptionError
from lookalike.hashing.base import Arrays, Family, Parameters, checked
from lookalike.hashing.perturbation import cheapest_subsets
from lookalike.kernels.reference import pack_signs


class BitSampling(Family):
    """Key of a table: `bits` of a code's bits, drawn with repetition; bit i for the i-th.

    Indyk and Motwani, Approximate nearest neighbors: towards removing the curse of dimensionality, STOC 1998. A probe
    flips some of the sampled bits, the fewest first; any one of them is as likely to differ as another.
    """

    name = "bit-sampling"
    metrics = ("hamming",)

    def __init__(self, *, tables: int, bits: int, seed: int = 0) -> None:
        """Make a family of `tables` tables, `bits` (1..63) bits each. Raises OptionError."""
        self.tables = checked("tables", tables, 1, 4096)
        self.bits = checked("bits", bits, 1, 63)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._positions: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def fit(self, sample: npt.NDArray[Any]) -> Self:
        """Draw the bits for the length of `sample`, codes in any form that `lookalike.arrays.as_codes` takes."""
        self.dimension = as_codes(sample).shape[1]
        random = np.random.default_rng(self.seed)
        self._positions = random.integers(0, 8 * self.dimension, self.tables * self.bits)
        return self

    def keys(self, vectors: npt.NDArray[Any]) -> UInt64:
        """Return keys of codes, shape (n, tables)."""
        codes = self._codes(vectors)
        masks = (128 >> (self._positions & 7)).astype(np.uint8)
        bits = (codes[:, self._positions >> 3] & masks).astype(np.float32)
        return pack_signs(bits.reshape(-1, self.bits)).reshape(len(codes), self.tables)

    def probe_keys(self, queries: npt.NDArray[Any], probes: int) -> UInt64:
        """Return keys of codes, shape (q, tables, min(probes, 2**bits))."""
        probes = min(checked("probes", probes, 1), 2**self.bits)
        flips = cheapest_subsets(np.ones((1, self.bits), dtype=np.float32), probes)[0].astype(np.uint64)
        keys: UInt64 = self.keys(queries)[:, :, np.newaxis] ^ flips
        return keys

    def collision_probability(self, distance: float) -> float | None:
        """Return (1 - distance / d) ** bits for two codes of d bits, of which `distance` differ; None until fitted."""
        if self.dimension is None:
            return None
        return float(max(0.0, min(1.0, 1 - distance / (8 * self.dimension))) ** self.bits)

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {"tables": self.tables, "bits": self.bits, "seed": self.seed}

    def arrays(self) -> Arrays:
        """Return the positions of the bits, (tables * bits,), and the number of bytes of a code, (1,)."""
        if self.dimension is None:
            return {}
        return {"positions": self._positions, "bytes": np.array([self.dimension], dtype=np.int64)}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        positions, (size,) = arrays["positions"], arrays["bytes"].tolist()
        fits = positions.dtype == np.int64 and positions.shape == (self.tables * self.bits,)
        if not fits or size < 1 or positions.min() < 0 or positions.max() >= 8 * size:
            raise OptionError("hash family bit-sampling: its positions do not fit its bits; make it again")
        self._positions, self.dimension = positions, int(size)

    def _codes(self, given: npt.NDArray[Any]) -> UInt8:
        if self.dimension is None:
            raise OptionError("hash family bit-sampling is not fitted; call fit first")
        return as_codes(given, dimension=self.dimension)
