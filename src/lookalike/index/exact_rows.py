"""Binary codes and sets, which have no sketches: whatever the buckets give is compared exactly, and so is a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Array, Bool, Float32, Int64, Metric, Rows, UInt16
from lookalike.errors import OptionError
from lookalike.index.sketches.sketched_rows import in_threads
from lookalike.kernels import reference_discrete as reference

REFERENCE: dict[Metric, Callable[[Any, Any], npt.NDArray[np.float64]]] = {
    "hamming": reference.hamming,
    "jaccard": reference.jaccard,
}
"""Distances of rows (n, w) to the same rows of others, (n, w') or (1, w')."""
COMPILED_NUMBERS = 20_000_000
"""Until the compiled kernels are loaded, NumPy compares fewer numbers than these, in less time than loading takes."""
BLOCK_NUMBERS = 1 << 18
"""Rows are compared so many numbers at a time, which stay in the processor's cache."""
WORD_BYTES = 8


class ExactRows:
    """Rows that are always compared exactly; arrays may be memory-mapped and are only read.

    Attributes:
        metric: "hamming" or "jaccard".
        vectors: (n, w) uint8 or uint32, as `lookalike.arrays.DISCRETE` says.
        ids: (n,) int64, of each row.
    """

    def __init__(self, metric: Metric, vectors: Rows, ids: Int64) -> None:
        """Take the rows. Raises OptionError for arrays that do not fit together."""
        if vectors.ndim != 2 or vectors.dtype != DISCRETE[metric] or ids.shape != (len(vectors),):
            raise OptionError("arrays of rows and ids do not fit together; build the index again")
        self.metric = metric
        self.vectors = np.ascontiguousarray(vectors)
        self.ids = np.ascontiguousarray(ids)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def arrays(self) -> dict[str, Array]:
        """Return what is kept beside the rows and their ids: nothing."""
        return {}

    def mask(self, rows: Bool) -> UInt16:
        """Return an empty array: no kernel scans these rows through a mask."""
        return np.empty(0, dtype=np.uint16)

    def nearest(
        self, queries: Rows, offsets: Int64, positions: Int64, k: int, rerank: int, *, threads: int = 1
    ) -> tuple[Int64, Float32]:
        """Return ids and distances (q, k) of each query's nearest candidates, padded with -1 and inf.

        All candidates are compared, whatever `rerank` is. For the other arguments see `SketchedRows.nearest`.
        """
        found = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)

        def run(first: int, last: int) -> None:
            for query in range(first, last):
                rows = positions[offsets[query] : offsets[query + 1]]
                asked = np.zeros(len(rows), dtype=np.int64)
                distances = compiled_distances(
                    queries[query : query + 1], self.vectors, asked, rows, self.metric
                )
                _put_nearest(self.ids[rows], distances, found[0][query], found[1][query])

        in_threads(run, len(queries), threads)
        return found


def scan_exactly(
    queries: Rows, vectors: Rows, ids: Int64, k: int, metric: Metric, rows: Int64 | None = None
) -> tuple[Int64, Float32]:
    """Return ids and distances (q, k) of the nearest rows; see `lookalike.index.scan.scan`."""
    found = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.inf, np.float32)
    count = len(vectors) if rows is None else len(rows)
    compiled = _discrete is not None or len(queries) * count * vectors.shape[1] >= COMPILED_NUMBERS
    compared_ids = ids if rows is None else ids[rows]
    for query in range(len(queries)):
        asked = queries[query : query + 1]
        if compiled:
            which = np.arange(count) if rows is None else rows
            distances = compiled_distances(asked, vectors, np.zeros(count, dtype=np.int64), which, metric)
        else:
            distances = distances_to(asked, vectors if rows is None else vectors[rows], metric)
        _put_nearest(compared_ids, distances, found[0][query], found[1][query])
    return found


def distances_to(query: Rows, rows: Rows, metric: Metric) -> Float32:
    """Return the distance of one query (1, w) to each of `rows` (n, w'), (n,), by NumPy."""
    distances = np.empty(len(rows), dtype=np.float32)
    step = max(1, BLOCK_NUMBERS // rows.shape[1])
    for start in range(0, len(rows), step):
        distances[start : start + step] = REFERENCE[metric](rows[start : start + step], query)
    return distances


def compiled_distances(queries: Rows, vectors: Rows, query: Int64, row: Int64, metric: Metric) -> Float32:
    """Return the distance of `queries[query[i]]` to `vectors[row[i]]`, for each i, by the compiled kernels."""
    kernels = _discrete or _load()
    distances = np.empty(len(row), dtype=np.float32)
    if metric == "jaccard":
        kernels.jaccard_distances(queries, vectors, query, row, distances)
    else:
        kernels.hamming_distances(_words(queries), _words(vectors), query, row, distances)
    return distances


def _words(codes: Rows) -> Rows:
    """Return codes as 64 bits a number where their bytes allow it."""
    whole = codes.shape[1] % WORD_BYTES == 0 and codes.ctypes.data % WORD_BYTES == 0
    return codes.view(np.uint64) if whole and codes.flags.c_contiguous else codes


def _put_nearest(ids: Int64, distances: Float32, found_ids: Int64, found_distances: Float32) -> None:
    """Write the nearest of one query's rows into `found_*` (k,), by distance, then id."""
    k = len(found_ids)
    if len(ids) > k:  # many rows may be as far as the k-th
        near = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
        ids, distances = ids[near], distances[near]
    order = np.lexsort((ids, distances))[:k]
    found_ids[: len(order)], found_distances[: len(order)] = ids[order], distances[order]


_discrete: Any = None


def _load() -> Any:
    """Load the compiled kernels, and with them Numba, when many rows are compared first."""
    global _discrete
    from lookalike.kernels.compiled import discrete

    _discrete = discrete
    return _discrete
