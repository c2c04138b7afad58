"""The base's rows in the order of their buckets, searched by bucket, sketch and rerank in one compiled call.

Rows are grouped by their nearest centroid. A query is rotated once; its buckets are chosen by their centroids, their
rows' distances estimated from the sketches (`lookalike.index.sketches.sketched_rows`), and the least estimates
compared exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import LARGEST_SQUARE, SMALLEST_SQUARE, Float32, Int64
from lookalike.errors import OptionError
from lookalike.hashing.k_means import squared_distances
from lookalike.index.approximate import OneSearch
from lookalike.index.ivf.operating_points import Wide
from lookalike.index.sketches.byte_blocks import byte_blocks
from lookalike.index.sketches.sketched_rows import SketchedRows, UInt8, UInt16, in_threads
from lookalike.kernels.plan import MOST_SQUARE

_NONE = -1.0
"""To the kernel: no reach, no margin; queries are ready, and no answer is doubted."""


class InvertedFile:
    """The searchable rows of a base.

    Attributes:
        sketched: the rows, whose groups are the buckets.
        plan: that of the rows, and what only an inverted file has; see `lookalike.kernels.plan`.
    """

    def __init__(self, sketched: SketchedRows) -> None:
        """Ready the centroids of the rows' groups to be compared with queries."""
        self.sketched = sketched
        self._centroid_blocks = _centroid_blocks(sketched)
        self.plan = np.append(sketched.plan, self._centroid_blocks.ctypes.data)

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
        breadth: float = _NONE,
        reached: Int64 | None = None,
        max_distance: float = np.inf,
        threads: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return ids and distances (q, k), nearest first, equal ones by id, padded with -1 and inf.

        Args:
            queries: (q, d) float32, finite, contiguous; under "cosine" of length one.
            k: neighbours wanted, at least 1.
            probes: buckets to probe, at least 1.
            rerank: rows to compare exactly; at least k are.
            reach: where given, a query probes the buckets that are this much farther than its nearest, from half
                of `probes` to twice that. Squared distances are compared, in units of the nearest one's distance;
                under "dot", inner products in units of the query's length.
            margin: where given, the rows are compared whose estimates are this much farther than the k-th, from
                half of `rerank` to twice that. Squared distances are compared, in units of the k-th; under
                "dot", inner products in units of the query's length.
            visible: what `mask` gave for the rows that may be found; None for all.
            beyond: where given, more buckets are probed until the visible rows that were seen are as many as
                `beyond` buckets of mean size hold, and lie in as many buckets as are probed without a mask.
            most_hidden: up to this number, hidden rows are counted.
            hidden: (q,), where given and `visible` is, is filled: how many hidden rows of the buckets are estimated
                nearer than the k-th of the others, and within `max_distance`; 0 where all visible rows were seen.
            breadth: a distance as `reach` is; negative for none.
            reached: (q,), where given, is filled: how many buckets are at most `breadth` farther than each query's
                nearest, whether or not they are probed; 0 where there is no breadth.
            max_distance: rows farther than this are left out.
            threads: at most this many, each with queries of its own; the interpreter's lock is not held.
        """
        count = len(queries)
        self.sketched.check_dimension(queries)
        ids, distances = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        if visible is not None and not _is_plain(visible, np.uint16, len(self.sketched.blocks)):
            raise OptionError("the mask is of another inverted file, or not what `mask` gave")
        if hidden is not None and not _is_plain(hidden, np.int64, count):
            raise OptionError(f"what is hidden is counted in an array of int64 for each of {count} queries")
        if reached is not None and not _is_plain(reached, np.int64, count):
            raise OptionError(f"what is reached is counted in an array of int64 for each of {count} queries")
        visible_at = 0 if visible is None else visible.ctypes.data
        bounds = _bounds(reach, margin, max_distance, breadth=breadth)
        search = _search or _load()

        def run(first: int, last: int) -> None:
            part = slice(first, last)
            hidden_at = 0 if hidden is None else hidden[part].ctypes.data
            reached_at = 0 if reached is None else reached[part].ctypes.data
            plan = self._asked(probes, rerank, beyond, most_hidden, visible_at, hidden_at, reached_at, 0)
            search(plan, bounds, queries[part].reshape(-1), ids[part], distances[part])

        in_threads(run, count, threads)
        return ids, distances

    def _asked(self, *slots: int) -> Int64:
        """Return the plan with the slots of one search."""
        return np.append(self.plan, slots)

    def one_search(
        self, k: int, probes: int, rerank: int, reach: float, margin: float, far: float, wide: Wide | None
    ) -> OneSearch:
        """Return what answers one query after another by a setting of `search`; see `ApproximateSearch.one_search`.

        Args:
            far: there is no answer whose last row is farther.
            wide: there is none for a query that has more buckets about as near as its nearest.
        """
        search = _search or _load()
        plan = self._asked(probes, rerank, 0, 0, 0, 0, 0, wide.most if wide else 0)
        bounds = _bounds(reach, margin, np.inf, max(far, 0.0), wide.breadth if wide else _NONE)
        if (
            self.sketched.metric == "euclidean"
        ):  # no vector is longer whose length about the mean is less than this
            mean = self.sketched.rotation.mean.astype(np.float64)
            bounds[MOST_SQUARE] = LARGEST_SQUARE / 2 - mean @ mean
        empty, array, int64 = np.empty, np.ndarray, np.dtype(np.int64)
        float32: Any = np.dtype(np.float32)
        dimension = self.sketched.vectors.shape[1]
        one, row, answer = (dimension,), (1, dimension), (1, k)

        def search_one(query: Any, _alive: InvertedFile = self) -> tuple[Int64, Float32] | None:
            if query.__class__ is not array or query.dtype is not float32 or not query.flags.carray:
                return None
            if query.shape != one:
                if query.shape != row:
                    return None
                query = query[0]
            ids, distances = empty(answer, int64), empty(answer, float32)
            return None if search(plan, bounds, query, ids, distances) else (ids, distances)

        return search_one

    def probed(self, query: Float32, probes: int, reach: float) -> Int64:
        """Return the buckets that one query (1, d) probes, likeliest first; see `search`."""
        (farther,), ((unit,),) = self.farther(query)
        within = int(np.count_nonzero(farther <= reach * unit))
        return np.argsort(farther, kind="stable")[: min(max(within, (probes + 1) // 2), 2 * probes)]

    def farther(self, queries: Float32) -> tuple[Float32, Float32]:
        """Return by how much each bucket is farther than a query's nearest one, (q, m), and in which unit `reach` is.

        The first are differences of squared distances, or under "dot" of inner products; the second is (q, 1).
        """
        centroids = self.sketched.centroids
        if self.sketched.metric == "dot":
            nearness: Float32 = -(queries @ centroids.T)
            nearest = nearness.min(axis=1, keepdims=True)
            unit: Float32 = np.linalg.norm(queries, axis=1, keepdims=True)
        else:
            nearness = squared_distances(queries, centroids)
            nearest = nearness.min(axis=1, keepdims=True)
            unit = np.sqrt(np.maximum(nearest, 0))
        return nearness - nearest, unit


def _is_plain(array: npt.NDArray[Any], dtype: type, length: int) -> bool:
    """Whether a kernel may read and write so many elements from the array's address on."""
    return array.dtype == dtype and array.shape == (length,) and bool(array.flags.carray)


def _bounds(
    reach: float | None, margin: float | None, max_distance: float, far: float = _NONE, breadth: float = _NONE
) -> npt.NDArray[np.float64]:
    """Return the bounds of a search, as `lookalike.kernels.plan` numbers them."""
    reach, margin = (_NONE if bound is None else bound for bound in (reach, margin))
    return np.array([reach, margin, max_distance, far, SMALLEST_SQUARE, LARGEST_SQUARE, breadth])


_search: Any = None


def _load() -> Any:
    """Load the compiled kernel, and with it Numba, when rows are searched first."""
    global _search
    from lookalike.kernels.compiled import search as compiled_search

    _search = compiled_search.search
    return _search


def _centroid_blocks(sketched: SketchedRows) -> UInt8:
    """Return rotated centroids as bytes for the kernels, whose constants are their own share of the nearness."""
    rotation = sketched.rotation
    moved = sketched.centroids - rotation.mean
    own: npt.NDArray[Any] = np.einsum("ij,ij->i", moved, moved)
    if sketched.metric == "dot":
        own = -(moved @ rotation.mean)
    return byte_blocks(rotation.rotated(sketched.centroids), own)
