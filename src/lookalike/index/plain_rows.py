"""Rows without sketches, such as were fetched for a few queries: all candidates are compared exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Float32, Int64, Metric, Rows
from lookalike.index.exact_rows import ExactRows
from lookalike.index.sketches.sketched_rows import in_threads
from lookalike.kernels import plan as slots
from lookalike.kernels.reference import METRICS

SIGNS = 128
"""Of a sketch that is not there; room is made for it."""


def nearest(
    metric: Metric,
    vectors: Rows,
    ids: Int64,
    queries: Rows,
    offsets: Int64,
    positions: Int64,
    k: int,
    *,
    threads: int = 1,
) -> tuple[Int64, Float32]:
    """Return ids and distances (q, k) of each query's nearest candidates, those of `SketchedRows` to the last bit.

    Args:
        vectors: (n, d), float32, of length one under "cosine", like `queries` (q, d); or codes or sets.
        ids: (n,), of each row.
        offsets: (q + 1,): the candidates of query i are positions[offsets[i] : offsets[i + 1]].
        positions: of the candidates among the rows, each once a query.
        threads: at most this many, each with queries of its own.
    """
    if metric in DISCRETE:
        rows = ExactRows(metric, vectors, ids)
        return rows.nearest(queries, offsets, positions, k, len(positions), threads=threads)
    vectors, ids = np.ascontiguousarray(vectors, dtype=np.float32), np.ascontiguousarray(ids, dtype=np.int64)
    plan = np.zeros(slots.SKETCHED_SLOTS, dtype=np.int64)
    plan[slots.DIMENSION] = vectors.shape[1]
    plan[slots.SIGNS] = SIGNS
    plan[slots.ELEMENT] = slots.ELEMENTS.index("float32")
    plan[slots.METRIC] = METRICS[metric]
    plan[slots.ROW_BYTES] = vectors.shape[1] * vectors.itemsize
    plan[slots.ROWS_AT] = vectors.ctypes.data
    plan[slots.IDS_AT] = ids.ctypes.data
    found_ids, found = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    offsets = np.require(offsets, np.int64, ["C", "W"])
    positions = np.require(positions, np.int64, ["C", "W"])
    most = int(np.diff(offsets).max(initial=0))
    kernel = _nearest or _load()

    def run(first: int, last: int) -> None:
        part = slice(first, last)
        kernel(plan, queries[part], offsets[first : last + 1], positions, most, found_ids[part], found[part])

    in_threads(run, len(queries), threads)
    return found_ids, found


_nearest: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba, when candidates are compared first."""
    global _nearest
    from lookalike.kernels.compiled import nearest as compiled_nearest

    _nearest = compiled_nearest.nearest
    return _nearest
