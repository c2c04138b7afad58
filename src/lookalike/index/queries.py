"""The gate of queries: checked, and under "cosine" brought to length one."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, LARGEST_SQUARE, SMALLEST_SQUARE, Given, Metric, Rows, as_vectors
from lookalike.index.row_forms import unit_rows

QUICK_TYPES = "feBb"
"""float32, float16, uint8 and int8, none of which float32 changes."""


def as_queries(queries: Given, *, dimension: int, metric: Metric, compiled: bool) -> Rows:
    """Return `queries` (q, d), or one (d,), as `as_vectors` does, writable and under "cosine" at length one.

    Sets may have more elements than the rows that they are compared with.

    Args:
        compiled: whether kernels answer the queries; then they ready ordinary ones too, which takes less time.

    Raises:
        VectorError: see `as_vectors`.
    """
    if metric in DISCRETE:
        size = None if metric == "jaccard" else dimension
        return np.require(
            as_vectors(queries, dimension=size, metric=metric, name="queries"), requirements="W"
        )
    if (
        compiled
        and type(queries) is np.ndarray
        and queries.dtype.char in QUICK_TYPES
        and queries.ndim in (1, 2)
        and queries.shape[-1] == dimension
    ):
        block = np.array(queries, dtype=np.float32, copy=None, order="C", ndmin=2)
        if not block.flags.writeable:  # compiled code is typed for arrays that are
            block = block.copy()
        cosine = metric == "cosine"
        unit = np.empty_like(block) if cosine else block
        if (_ready or _load())(block, cosine, SMALLEST_SQUARE, LARGEST_SQUARE, unit):
            return unit
    vectors = as_vectors(queries, dimension=dimension, metric=metric, name="queries")
    return unit_rows(vectors) if metric == "cosine" else np.require(vectors, requirements="W")


_ready: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba, when it is needed first."""
    global _ready
    from lookalike.kernels.compiled import normalize

    _ready = normalize.ready
    return _ready
