"""Rows with a sketch each, which finds the nearest among given candidates without comparing all of them exactly.

Rows lie in groups, each about a centroid: the buckets of an inverted file, or one group about the mean. Of each row
there is a sketch, the signs of its rotated residual (`lookalike.index.sketches.rotation`), laid out in blocks of 16
rows so that one instruction looks up 64 half bytes (the fast scan of Andre, Kermarrec and Le Scouarnec, VLDB 2015).

For a query q, a row v about the centroid c, the rotation P about the mean, z = P(v - c), b its signs and gain =
|z|^2 / sum |z|, gain <b, x> estimates <z, x> without bias over the rotation (RaBitQ). So

    |q - v|^2 = |q - c|^2 + constant + slope <b, P q>,   slope = -2 gain,   constant = |v - c|^2 - slope <b, P c>,
    -<q, v>   = -<q, c>   + constant + slope <b, P q>,   slope = -gain,     constant = -<mean, v - c>.

<b, P q> is a sum of table entries, one for each four signs, rounded to 5 bits; constant and slope are kept in 8 bits
each and their signs and exponents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.errors import OptionError
from lookalike.index.row_forms import as_hashed
from lookalike.index.sketches.byte_blocks import aligned
from lookalike.index.sketches.encode import BLOCK_ROWS, FACTOR_BYTES, block_count, encode, narrowed
from lookalike.index.sketches.rotation import Rotation
from lookalike.kernels import plan as slots
from lookalike.kernels.reference import METRICS

QUERIES_A_THREAD = 16

Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
Array = npt.NDArray[Any]


class SketchedRows:
    """Rows, their ids and their sketches; arrays may be memory-mapped and are only read.

    Under "cosine" rows of float32 are of length one; others need not be, and their lengths are divided out. Under
    "dot" inner products are estimated directly.

    Attributes:
        metric: "euclidean", "cosine" or "dot".
        vectors: (n, d) uint8, int8, float16 or float32, group by group.
        ids: (n,) int64, of each row.
        rotation: of the sketches.
        centroids: (m, d) float32, of the rows as they are hashed: under "cosine", of rows at length one.
        offsets: (m + 1,) int64: the rows of group i are at positions offsets[i] to offsets[i + 1].
        blocks: (blocks, rotation.block_bytes) uint8, what `encode` gives; group i has ceil(rows / 16) of them.
        plan: what `lookalike.kernels.plan` tells of; the arrays live as long as this object.
    """

    def __init__(
        self,
        metric: Metric,
        vectors: npt.NDArray[Any],
        ids: Int64,
        rotation: Rotation,
        centroids: Float32,
        offsets: Int64,
        blocks: UInt8,
    ) -> None:
        """Check that the arrays fit together; after it, searching is safe whatever their values.

        Raises:
            OptionError: shapes, types or offsets that do not fit.
        """
        rows, dimension = vectors.shape if vectors.ndim == 2 else (-1, -1)
        if (
            vectors.dtype.name not in slots.ELEMENTS
            or rows >= 2**31
            or centroids.ndim != 2
            or centroids.dtype != np.float32
            or centroids.shape[1] != dimension
            or rotation.mean.shape != (dimension,)
            or (offsets.dtype.str, offsets.shape) != ("<i8", (len(centroids) + 1,))
            or (ids.dtype.str, ids.shape) != ("<i8", (rows,))
            or offsets[0] != 0
            or offsets[-1] != rows
            or bool((np.diff(offsets) < 0).any())
            or (blocks.dtype.str, blocks.shape) != ("|u1", (block_count(offsets), rotation.block_bytes))
        ):
            raise OptionError("arrays of rows and sketches do not fit together; build the index again")
        self.metric = metric
        self.vectors = np.ascontiguousarray(vectors)
        self.ids = np.ascontiguousarray(ids)
        self.rotation = rotation
        self.centroids = np.ascontiguousarray(centroids)
        self.offsets = np.ascontiguousarray(offsets)
        self.blocks = aligned(blocks)
        self._starts = np.append(0, np.cumsum(-(-np.diff(self.offsets) // BLOCK_ROWS)))
        self.plan = np.zeros(slots.SKETCHED_SLOTS, dtype=np.int64)
        self.plan[slots.GROUPS] = len(centroids)
        self.plan[slots.DIMENSION] = dimension
        self.plan[slots.SIGNS] = rotation.signs
        self.plan[slots.ELEMENT] = slots.ELEMENTS.index(vectors.dtype.name)
        self.plan[slots.METRIC] = METRICS[metric]
        self.plan[slots.ROW_BYTES] = dimension * vectors.itemsize
        self.plan[slots.ROWS_AT] = self.vectors.ctypes.data
        self.plan[slots.IDS_AT] = self.ids.ctypes.data
        self.plan[slots.OFFSETS_AT] = self.offsets.ctypes.data
        self.plan[slots.STARTS_AT] = self._starts.ctypes.data
        self.plan[slots.BLOCKS_AT] = self.blocks.ctypes.data
        self.plan[slots.ROTATION_AT] = rotation.blocks.ctypes.data
        self.plan[slots.MEAN_AT] = rotation.mean.ctypes.data
        self.plan[slots.CENTROIDS_AT] = self.centroids.ctypes.data

    @classmethod
    def encoded(
        cls,
        metric: Metric,
        vectors: npt.NDArray[Any],
        ids: Int64,
        rotation: Rotation,
        centroids: Float32,
        offsets: Int64,
        threads: int = 1,
    ) -> Self:
        """Return the rows, which are sketched here; for the arguments see the class."""
        blocks = encode(metric, rotation, centroids, offsets, vectors, threads)
        return cls(metric, vectors, ids, rotation, centroids, offsets, blocks)

    @classmethod
    def restored(
        cls, metric: Metric, vectors: npt.NDArray[Any], ids: Int64, arrays: Mapping[str, Array]
    ) -> Self:
        """Return the rows that `arrays` was taken of. Raises KeyError, OptionError where it does not fit."""
        rotation = {name: np.array(arrays[f"projection.{name}"]) for name in ("mean", "matrix")}
        centroids, found = np.array(arrays["centroids"]), Rotation.restored(rotation)
        blocks = arrays["blocks"]
        if blocks.ndim == 2 and blocks.shape[1] == found.block_bytes + FACTOR_BYTES:
            blocks = narrowed(blocks)
        return cls(metric, vectors, ids, found, centroids, arrays["offsets"], blocks)

    def arrays(self) -> dict[str, Array]:
        """Return all arrays by name, less the rows and their ids, which are the base's own."""
        return {
            "centroids": self.centroids,
            "offsets": self.offsets,
            "blocks": self.blocks,
            **{f"projection.{name}": array for name, array in self.rotation.arrays().items()},
        }

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return int(self.vectors.shape[1])

    def nearest(
        self,
        queries: Float32,
        offsets: Int64,
        positions: Int64,
        k: int,
        rerank: int,
        *,
        threads: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return ids and distances (q, k) of each query's nearest candidates, padded with -1 and inf.

        Candidates are ordered by their sketches, and the first ones compared exactly; equal distances go by id.

        Args:
            queries: (q, d) float32, finite, contiguous; under "cosine" of length one.
            offsets: (q + 1,): the candidates of query i are positions[offsets[i] : offsets[i + 1]].
            positions: of the candidates, each once a query, and ascending for speed.
            k: neighbours wanted, at least 1.
            rerank: candidates to compare exactly; at least k are, and about an eighth more where estimates are close.
            threads: at most this many, each with queries of its own; the interpreter's lock is not held.

        Raises:
            OptionError: queries of another dimension, or positions that are not there.
        """
        count = len(queries)
        self.check_dimension(queries)
        if len(positions) and (positions.min() < 0 or positions.max() >= len(self.ids)):
            raise OptionError(f"candidates are from 0 to {len(self.ids) - 1}; some are not")
        if (
            len(offsets) != count + 1
            or offsets[0] < 0
            or offsets[-1] > len(positions)
            or np.any(np.diff(offsets) < 0)
        ):
            raise OptionError("offsets of candidates do not ascend, one more than there are queries")
        found_ids, found = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        offsets = np.require(offsets, np.int64, ["C", "W"])
        positions = np.require(positions, np.int64, ["C", "W"])
        kernel = _nearest or _load()

        def run(first: int, last: int) -> None:
            part = slice(first, last)
            own = offsets[first : last + 1]
            kernel(self.plan, queries[part], own, positions, rerank, found_ids[part], found[part])

        in_threads(run, count, threads)
        return found_ids, found

    def nearest_marked(
        self, queries: Float32, marks: Int64, k: int, rerank: int, *, threads: int = 1
    ) -> tuple[Int64, Float32]:
        """Return what `nearest` does of candidates that are marked, where all rows are in one group.

        Args:
            marks: (q, ceil(rows / 64)) or fewer words, row i in bit i % 64 of word i // 64.

        Raises:
            OptionError: queries of another dimension, marks of rows that are not there, or several groups.
        """
        self.check_dimension(queries)
        count, rows = len(queries), len(self.ids)
        words, past = divmod(rows, 64)
        if len(self.centroids) != 1 or marks.shape[0] != count or marks.shape[1] > words + (past > 0):
            raise OptionError(f"marks are of shape {marks.shape}, for {count} queries among {rows} rows")
        if marks.shape[1] > words and np.any(marks[:, words] >> past):
            raise OptionError(f"candidates are from 0 to {rows - 1}; some are not")
        found_ids, found = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        marks = np.require(marks, np.int64, ["C", "W"])
        from lookalike.kernels.compiled.nearest_marked import nearest_marked

        def run(first: int, last: int) -> None:
            part = slice(first, last)
            nearest_marked(self.plan, queries[part], marks[part], rerank, found_ids[part], found[part])

        in_threads(run, count, threads)
        return found_ids, found

    def mask(self, rows: Bool) -> UInt16:
        """Return `rows` (n,), by position, as kernels take it: a word of 16 bits a block.

        Raises:
            OptionError: a mask of another length.
        """
        from lookalike.kernels.compiled.mask import pack

        if rows.shape != self.ids.shape:
            raise OptionError(f"the mask is of shape {rows.shape}, the rows of {self.ids.shape}")
        words: UInt16 = np.empty(len(self.blocks), dtype=np.uint16)
        pack(self.plan, np.require(rows, np.bool_, ["C", "W"]), words)
        return words

    def rows_as_hashed(self, positions: Int64) -> Float32:
        """Return the rows at `positions` as float32, under "cosine" at length one."""
        return as_hashed(self.vectors[positions], self.metric)

    def group_of(self, position: int) -> int:
        """Return the number of the group that holds a position."""
        return int(np.searchsorted(self.offsets, position, side="right")) - 1

    def check_dimension(self, queries: Float32) -> None:
        """Raise OptionError where `queries` (q, d) are of another dimension than the rows."""
        if queries.shape[1] != self.vectors.shape[1]:
            raise OptionError(f"queries have {queries.shape[1]} dimensions, the rows {self.vectors.shape[1]}")


def in_threads(run: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call `run` with first and last + 1 of `count` queries, in pieces where there are threads and work for them."""
    if threads <= 1 or count < 2 * QUERIES_A_THREAD:
        run(0, count)
        return
    pieces = min(threads, count // QUERIES_A_THREAD)
    bounds = [count * i // pieces for i in range(pieces + 1)]
    with ThreadPoolExecutor(pieces) as pool:
        list(pool.map(run, bounds[:-1], bounds[1:]))


_nearest: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba, when candidates are compared first."""
    global _nearest
    from lookalike.kernels.compiled import nearest as compiled_nearest

    _nearest = compiled_nearest.nearest
    return _nearest
