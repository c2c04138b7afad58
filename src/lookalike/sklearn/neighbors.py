"""Neighbours by number and by radius."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import effective_n_jobs
from scipy.sparse import csr_matrix
from sklearn.utils.validation import check_is_fitted

from lookalike.arguments import as_number
from lookalike.arrays import Float64, Int64
from lookalike.errors import OptionError
from lookalike.hashing import Family, FamilySpec
from lookalike.index import Index
from lookalike.sklearn.k_neighbors import KNeighbors, Mode, Queries, check_mode, graph

FIRST_K = 64
GROWTH = 4
"""Rows within a radius are looked for among the `FIRST_K` nearest, then among so many times as many."""
ANSWERS = 1 << 22
"""Ids and distances that a search returns at most, at 12 bytes each."""


class LSHNeighbors(KNeighbors):
    """Nearest neighbours by locality-sensitive hashing, with the methods of `sklearn.neighbors.NearestNeighbors`.

    Answers come from `lookalike.Index`: exactly from few rows (up to 2,000 to 10,000, by their dimension), at the
    recall asked for from more. Distances that are returned are exact for the vectors as float32.

        >>> from lookalike.sklearn import LSHNeighbors
        >>> neighbors = LSHNeighbors(n_neighbors=10, recall=0.95).fit(X)
        >>> distances, rows = neighbors.kneighbors(queries)

    Args:
        n_neighbors: how many neighbours `kneighbors` returns unless it is told.
        radius: how far those of `radius_neighbors` may be unless it is told.
        metric: "euclidean" or "cosine" (1 - cosine similarity; a row of zeros is refused).
        family: what puts rows into buckets: None for learned buckets, the quickest; "hyperplane", "cross-polytope",
            "p-stable" or "clusters"; a `lookalike.hashing.FamilySpec`, or a `Family`.
        recall: the mean share of the true neighbours to find, above 0 and up to 1; at 1 every row is compared.
        n_jobs: threads; None is one, -1 all cores.
        random_state: seed of what is learned and drawn: an int, a RandomState, or None, which draws one. The same
            rows and seed give the same answers.

    Attributes:
        index_: the fitted `lookalike.Index`, with `stats()`, `explain(query, row)` and `save(path)`.
        n_samples_fit_: number of rows that were fitted.
        n_features_in_: their dimension.
        feature_names_in_: (d,) names of the columns, where X was a data frame with such.
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        metric: str = "euclidean",
        family: Family | FamilySpec | str | None = None,
        recall: float = 0.95,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.metric = metric
        self.family = family
        self.recall = recall
        self.n_jobs = n_jobs
        self.random_state = random_state

    def radius_neighbors(
        self, X: Any = None, radius: float | None = None, return_distance: bool = True
    ) -> npt.NDArray[np.object_] | tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Return, of each query, distances and row numbers of all rows within `radius`, nearest first.

        However many they are, none is left out for its number: where the search finds as many rows as it looks for,
        it looks for more. Beyond that the answer is as complete as the recall that was asked for.

        Args:
            X: queries (q, d). None asks for the neighbours of each row that was fitted, itself left out.
            radius: the largest distance, itself included; the estimator's own by default.
            return_distance: whether distances are returned, or row numbers alone.

        Returns:
            Arrays (q,) of arrays, float64 and int64, of as many numbers as each query has rows.

        Raises:
            ValueError: X is no such array, or there is no such radius.
            NotFittedError: `fit` was not called.
        """
        offsets, ids, distances = self._within(X, radius)
        inner = offsets[1:-1]
        rows = _ragged(np.split(ids, inner))
        return (_ragged(np.split(distances, inner)), rows) if return_distance else rows

    def radius_neighbors_graph(
        self, X: Any = None, radius: float | None = None, mode: Mode = "connectivity"
    ) -> csr_matrix:
        """Return the graph of all rows within `radius`, CSR (q, n) of float64; entries are sorted by distance.

        Args:
            X, radius: see `radius_neighbors`.
            mode: "connectivity" for ones, "distance" for distances; those of zero are explicit.

        Raises:
            ValueError: see `radius_neighbors`; or there is no such mode.
        """
        check_mode(mode)
        return graph(*self._within(X, radius), mode, self.n_samples_fit_)

    def _within(self, X: Any, radius: float | None) -> tuple[Int64, Int64, Float64]:
        """Return offsets (q + 1,), row numbers and distances of the rows within a radius of each query."""
        check_is_fitted(self)
        limit = as_number(self.radius if radius is None else radius, "radius")
        if limit < 0:
            raise OptionError(f"radius is {limit}; give a distance, 0 or more")
        queries = self._queries(X)
        counts, ids, distances = within(self.index_, queries, limit, effective_n_jobs(self.n_jobs))
        if X is None:
            query = np.repeat(np.arange(queries.count), counts)
            others = ids != query
            ids, distances = ids[others], distances[others]
            counts = np.bincount(query[others], minlength=queries.count)
        return np.append(0, np.cumsum(counts)), ids, distances


def within(index: Index, queries: Queries, radius: float, threads: int) -> tuple[Int64, Int64, Float64]:
    """Return of each query the number of rows within `radius`, (q,), and all their numbers and distances, in order.

    The k nearest within the radius are all of those within it, unless they are k: then more are asked for.
    """
    counts = np.zeros(queries.count, dtype=np.int64)
    parts: list[tuple[Int64, Int64, Float64]] = []
    waiting, k = np.arange(queries.count), min(FIRST_K, len(index))
    while len(waiting):
        more = [waiting[:0]]
        for rows in np.split(waiting, range(step := max(1, ANSWERS // k), len(waiting), step)):
            ids, distances = index.search(queries.of(rows), k, max_distance=radius, n_jobs=threads)
            there = ids >= 0
            found = there.sum(axis=1)
            done = (found < k) | (k == len(index))
            more.append(rows[~done])
            there &= done[:, np.newaxis]
            counts[rows[done]] = found[done]
            parts.append(
                (np.repeat(rows, there.sum(axis=1)), ids[there], distances[there].astype(np.float64))
            )
        waiting, k = np.concatenate(more), min(GROWTH * k, len(index))
    query, ids, distances64 = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(query, kind="stable")
    return counts, ids[order], distances64[order]


def _ragged(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.object_]:
    """Return an array (q,) of arrays, also where these are of one length."""
    ragged = np.empty(len(arrays), dtype=np.object_)
    ragged[:] = arrays
    return ragged
