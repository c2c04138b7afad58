"""The base's rows in the order of their buckets, searched by bucket, sketch and rerank in one compiled call.

Rows are grouped by their nearest centroid. Of each row there is a sketch, the signs of its turned residual
(`lookalike.index.sketches.rotation`), laid out in blocks of 16 rows so that one instruction looks up 64 half bytes
(the fast scan of Andre, Kermarrec and Le Scouarnec, VLDB 2015). A query is turned once; its buckets are
chosen by their centroids, their rows' distances estimated from the sketches, and the least estimates compared
exactly.

For a query q, a row v about the centroid c, the turn P about the mean, z = P(v - c), b its signs and gain =
|z|^2 / sum |z|, gain <b, x> estimates <z, x> without bias over the rotation (RaBitQ). So

    |q - v|^2 = |q - c|^2 + constant + slope <b, P q>,   slope = -2 gain,   constant = |v - c|^2 - slope <b, P c>,
    -<q, v>   = -<q, c>   + constant + slope <b, P q>,   slope = -gain,     constant = -<mean, v - c>.

<b, P q> is a sum of table entries, one for each four signs, rounded to 5 bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.errors import OptionError
from lookalike.index.row_forms import as_hashed
from lookalike.index.sketches.byte_blocks import aligned, byte_blocks
from lookalike.index.sketches.encode import BLOCK_ROWS, block_count, encode
from lookalike.index.sketches.rotation import Rotation
from lookalike.kernels.reference import METRICS

ELEMENTS = ("uint8", "int8", "float16", "float32")
QUERIES_A_THREAD = 16

Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]

_EVERY_ROW: UInt16 = np.empty(0, dtype=np.uint16)
_NOT_COUNTED: Int64 = np.empty(0, dtype=np.int64)


class InvertedFile:
    """The searchable rows of a base; arrays may be memory-mapped and are only read.

    Under "cosine" rows of float32 are of length one; others need not be, and their lengths are divided out. Under
    "dot" inner products are estimated directly.

    Attributes:
        metric: "euclidean", "cosine" or "dot".
        centroids: (m, d) float32, of the rows as they are hashed: under "cosine", of rows at length one.
        offsets: (m + 1,) int64: the rows of bucket i are at positions offsets[i] to offsets[i + 1].
        vectors: (n, d) uint8, int8, float16 or float32, in bucket order.
        ids: (n,) int64, of each position.
        projection: the turn of the sketches.
        plan: addresses and sizes, for kernels; the arrays live as long as the partition.
        steps: of the bytes of the turn and of the centroids, for kernels.
        blocks: (blocks, projection.block_bytes) uint8, what `encode` gives; bucket i has ceil(rows / 16) of them.
    """

    def __init__(
        self,
        metric: Metric,
        centroids: Float32,
        offsets: Int64,
        vectors: npt.NDArray[Any],
        ids: Int64,
        projection: Rotation,
        blocks: UInt8,
    ) -> None:
        """Check that the arrays fit together; after it, searching is safe whatever their values.

        Raises:
            OptionError: shapes, types or offsets that do not fit.
        """
        rows, dimension = vectors.shape if vectors.ndim == 2 else (-1, -1)
        if (
            vectors.dtype.name not in ELEMENTS
            or rows >= 2**31
            or centroids.ndim != 2
            or centroids.dtype != np.float32
            or centroids.shape[1] != dimension
            or projection.mean.shape != (dimension,)
            or (offsets.dtype.str, offsets.shape) != ("<i8", (len(centroids) + 1,))
            or (ids.dtype.str, ids.shape) != ("<i8", (rows,))
            or offsets[0] != 0
            or offsets[-1] != rows
            or bool((np.diff(offsets) < 0).any())
            or (blocks.dtype.str, blocks.shape) != ("|u1", (block_count(offsets), projection.block_bytes))
        ):
            raise OptionError("a partition's arrays do not fit together; build the index again")
        self.metric = metric
        self.centroids = centroids
        self.offsets = np.ascontiguousarray(offsets)
        self.vectors = np.ascontiguousarray(vectors)
        self.ids = np.ascontiguousarray(ids)
        self.projection = projection
        self.blocks = aligned(blocks)
        self._dimension = dimension
        self._starts = np.append(0, np.cumsum(-(-np.diff(self.offsets) // BLOCK_ROWS)))
        self._centroid_blocks, step = _centroid_blocks(metric, centroids, projection)
        self.steps: Float32 = np.array([projection.step, step], dtype=np.float32)
        self.plan = np.array(
            [
                len(centroids),
                dimension,
                projection.signs,
                ELEMENTS.index(vectors.dtype.name),
                METRICS[metric],
                self.vectors.ctypes.data,
                self.ids.ctypes.data,
                self.offsets.ctypes.data,
                self._starts.ctypes.data,
                self.blocks.ctypes.data,
                projection.blocks.ctypes.data,
                projection.mean.ctypes.data,
                self._centroid_blocks.ctypes.data,
                dimension * vectors.itemsize,
            ],
            dtype=np.int64,
        )

    @classmethod
    def encoded(
        cls,
        metric: Metric,
        centroids: Float32,
        offsets: Int64,
        vectors: npt.NDArray[Any],
        ids: Int64,
        projection: Rotation,
        threads: int = 1,
    ) -> Self:
        """Return the partition of rows in bucket order, which are sketched here."""
        blocks = encode(metric, projection, centroids, offsets, vectors, 0, len(centroids), threads)
        return cls(metric, centroids, offsets, vectors, ids, projection, blocks)

    def search(
        self,
        queries: Float32,
        k: int,
        probes: int,
        rerank: int,
        *,
        reach: float | None = None,
        margin: float | None = None,
        visible: UInt16 | None = None,
        beyond: int = 0,
        most_hidden: int = 0,
        hidden: Int64 | None = None,
        max_distance: float = np.inf,
        threads: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return ids and distances (q, k), nearest first, equal ones by id, padded with -1 and inf.

        Args:
            queries: (q, d) float32, finite, contiguous; under "cosine" of length one.
            k: neighbours wanted, at least 1.
            probes: buckets to look into, at least 1.
            rerank: rows to compare exactly; at least k are.
            reach: where given, a query looks into the buckets that are this much farther than its nearest, from half
                to twice as many as `probes`. Squared distances are compared, in units of the nearest one's distance;
                under "dot", inner products in units of the query's length.
            margin: where given, the rows are compared whose estimates are this much farther than the k-th, from
                half to twice as many as `rerank`. Squared distances are compared, in units of the k-th; under
                "dot", inner products in units of the query's length.
            visible: what `mask` gave for the rows that may be found; None for all.
            beyond: where given, buckets are then looked into until as many visible rows were seen as so many buckets
                have rows, and visible rows of as many buckets as are looked into without a mask.
            most_hidden: so many hidden rows are told apart from more.
            hidden: (q,), where given and `visible` is, is filled: how many hidden rows of the buckets are estimated
                nearer than the k-th of the others, and within `max_distance`; 0 where all visible rows were seen.
            max_distance: rows farther than this are left out.
            threads: at most so many, each with queries of its own; the interpreter's lock is not held.
        """
        count = len(queries)
        if queries.shape[1] != self._dimension:
            raise OptionError(f"queries have {queries.shape[1]} dimensions, the rows {self._dimension}")
        ids, distances = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        if visible is None:
            visible = _EVERY_ROW
        elif visible.shape != (len(self.blocks),):
            raise OptionError("the mask is of another partition")
        search = _search or _load()
        common = (
            probes,
            _or_none(reach),
            rerank,
            _or_none(margin),
            visible,
            beyond,
            most_hidden,
            max_distance,
        )
        if hidden is None:
            hidden = _NOT_COUNTED
        if threads <= 1 or count < 2 * QUERIES_A_THREAD:
            search(self.plan, self.steps, queries, *common, ids, distances, hidden)
            return ids, distances
        pieces = min(threads, count // QUERIES_A_THREAD)
        bounds = [count * i // pieces for i in range(pieces + 1)]

        def run(first: int, last: int) -> None:
            part = slice(first, last)
            search(self.plan, self.steps, queries[part], *common, ids[part], distances[part], hidden[part])

        with ThreadPoolExecutor(pieces) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
        return ids, distances

    def mask(self, rows: Bool) -> UInt16:
        """Return the form of `rows` (n,), by position, that `search` takes: a word of 16 bits a block."""
        from lookalike.kernels.compiled.mask import pack

        if rows.shape != self.ids.shape:
            raise OptionError(f"the mask is of shape {rows.shape}, the rows of {self.ids.shape}")
        words: UInt16 = np.empty(len(self.blocks), dtype=np.uint16)
        pack(self.plan, np.require(rows, np.bool_, ["C", "W"]), words)
        return words

    def rows_as_hashed(self, positions: Int64) -> Float32:
        """Return the rows at `positions` as float32, under "cosine" at length one."""
        return as_hashed(self.vectors[positions], self.metric)


def _or_none(bound: float | None) -> float:
    """Return a bound as kernels take it, to which a negative one is none."""
    return -1.0 if bound is None else bound


_search: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba, when rows are searched first."""
    global _search
    from lookalike.kernels.compiled import search as compiled_search

    _search = compiled_search.search
    return _search


def _centroid_blocks(metric: Metric, centroids: Float32, projection: Rotation) -> tuple[UInt8, np.float32]:
    """Return turned centroids as bytes for the kernels, whose constants are their own share of the nearness."""
    moved = centroids - projection.mean
    own: npt.NDArray[Any] = np.einsum("ij,ij->i", moved, moved)
    if metric == "dot":
        own = -(moved @ projection.mean)
    return byte_blocks(projection.turned(centroids), own)
