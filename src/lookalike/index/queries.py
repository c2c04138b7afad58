"""The gate of searches: queries, under "cosine" brought to length one, and what else is asked; all of it checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.arguments import as_count, as_number, as_share, as_threads, shown
from lookalike.arrays import (
    DISCRETE,
    LARGEST_SQUARE,
    SMALLEST_SQUARE,
    Float32,
    Given,
    Int64,
    Metric,
    Rows,
    as_vectors,
)
from lookalike.errors import OptionError, VectorError
from lookalike.index.options import Options
from lookalike.index.row_forms import unit_rows

QUICK_TYPES = "feBb"
"""float32, float16, uint8 and int8, none of which float32 changes."""
LARGEST = float(np.finfo(np.float32).max)
MOST_PADDED = 10_000_000
"""Where k is above the number of rows, so many ids are returned at most."""


def as_search(
    queries: Given,
    k: int,
    max_distance: float | None,
    recall: float | None,
    n_jobs: int,
    options: Options,
    *,
    compiled: bool,
) -> tuple[Rows, int, float, float, int]:
    """Return the queries (q, d), k, recall, limit and threads that a search of an index with `options` is asked for.

    Args:
        compiled: see `as_queries`; the others are those of `Index.search`, whose errors this raises.
    """
    block = as_queries(queries, dimension=options.dimension, metric=options.metric, compiled=compiled)
    if type(k) is not int or k < 1:
        k = as_count(k, "k", least=1)
    wanted = options.recall if recall is None else recall
    if type(wanted) is not float or not 0 < wanted <= 1:
        wanted = as_share(wanted, "recall")
    limit = np.inf
    if max_distance is not None:
        limit = min(max(as_number(max_distance, "max_distance"), -LARGEST), LARGEST)
    threads = as_threads(n_jobs) if type(n_jobs) is not int or n_jobs != 1 else 1
    return block, k, wanted, limit, threads


def check_padding(k: int, queries: int, rows: int) -> None:
    """Raise OptionError where `k`, which is above the number of rows, would take too much room."""
    if k * queries > MOST_PADDED:
        raise OptionError(f"k is {shown(k)} for {queries} queries, of an index of {rows} rows; give fewer")


def padded(found: tuple[Int64, Float32], k: int) -> tuple[Int64, Float32]:
    """Return an answer of fewer columns with `k` of them."""
    rows, columns = found[0].shape
    ids = np.full((rows, k), -1, dtype=np.int64)
    distances = np.full((rows, k), np.inf, dtype=np.float32)
    ids[:, :columns], distances[:, :columns] = found
    return ids, distances


def as_query(query: Given, options: Options) -> Rows:
    """Return one query as (1, d), under cosine at length one. Raises VectorError."""
    size = None if options.metric == "jaccard" else options.dimension
    vector = as_vectors(query, dimension=size, metric=options.metric, name="query")
    if len(vector) != 1:
        raise VectorError(f"query has {len(vector)} rows; give one vector")
    return unit_rows(vector) if options.metric == "cosine" else vector


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
