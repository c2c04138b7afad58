"""What estimators of neighbours share: an index of the rows they are fitted to, and the k nearest of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from joblib import effective_n_jobs
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lookalike.arguments import as_count, shown
from lookalike.arrays import KEPT_DTYPES, Array, Float64, Int64
from lookalike.errors import InputError, OptionError
from lookalike.hashing import Family, FamilySpec
from lookalike.index import Index
from lookalike.index.io import storage
from lookalike.sklearn.inputs import rows_of, seed_of

DISTANCES = ("euclidean", "cosine")
QUERY_BLOCK = 8192
"""Queries that are searched for at once, so that what they take beside their answers stays small."""

Mode = Literal["connectivity", "distance"]
MODES: tuple[Mode, ...] = ("connectivity", "distance")


class KNeighbors(BaseEstimator):
    """Fits an index, and answers for its rows or for others.

    Numbers of other types than float32, float16, uint8 and int8 are compared as float32, which keeps 24 bits; given
    these, distances are exact. They are returned as float64, as scikit-learn does.
    """

    n_neighbors: int
    metric: str
    family: Family | FamilySpec | str | None
    recall: float
    n_jobs: int | None
    random_state: int | np.random.RandomState | None

    index_: Index
    n_samples_fit_: int
    n_features_in_: int

    def fit(self, X: Any, y: Any = None) -> Self:
        """Build the index.

        Args:
            X: rows (n, d), dense and finite.
            y: passed over.

        Raises:
            ValueError: X is no such array, or a parameter has no such value (`OptionError`).
        """
        X = rows_of(self, X, list(KEPT_DTYPES), fitted=False)
        if self.metric not in DISTANCES:
            raise OptionError(
                f"metric {shown(self.metric)} is not among {', '.join(DISTANCES)}; choose one of them"
            )
        self.index_ = Index.build(
            X,
            metric=self.metric,
            recall=self.recall,
            seed=seed_of(self.random_state),
            n_jobs=effective_n_jobs(self.n_jobs),
            family=self.family,
        )
        self.n_samples_fit_ = len(X)
        return self

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Int64 | tuple[Float64, Int64]:
        """Return distances (q, k) and row numbers (q, k) of the nearest rows, nearest first; equal ones by number.

        Args:
            X: queries (q, d). None asks for the neighbours of each row that was fitted, itself left out; a copy of it
                is not.
            n_neighbors: k; the estimator's own by default.
            return_distance: whether distances are returned, or row numbers alone.

        Raises:
            ValueError: X is no such array, or k is more than there are rows (without a row itself, where X is None).
            NotFittedError: `fit` was not called.
        """
        distances, ids = self._nearest(X, n_neighbors)
        return (distances, ids) if return_distance else ids

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: Mode = "connectivity"
    ) -> csr_matrix:
        """Return the graph of the nearest rows, CSR (q, n) of float64; the entries of a row are sorted by distance.

        Args:
            X, n_neighbors: see `kneighbors`.
            mode: "connectivity" for ones, "distance" for distances; those of zero are explicit.

        Raises:
            ValueError: see `kneighbors`; or there is no such mode.
        """
        check_mode(mode)
        distances, ids = self._nearest(X, n_neighbors)
        offsets = np.arange(0, ids.size + 1, ids.shape[1])
        return graph(offsets, ids.ravel(), distances.ravel(), mode, self.n_samples_fit_)

    def _nearest(self, X: Any, n_neighbors: int | None) -> tuple[Float64, Int64]:
        check_is_fitted(self)
        k = as_count(self.n_neighbors if n_neighbors is None else n_neighbors, "n_neighbors", least=1)
        queries, own = self._queries(X), X is None
        if k + own > self.n_samples_fit_:
            raise InputError(
                f"Expected n_neighbors {'<' if own else '<='} n_samples_fit, but n_neighbors = {k}, "
                f"n_samples_fit = {self.n_samples_fit_}, n_samples = {queries.count}; ask for fewer"
            )
        distances, ids = np.empty((queries.count, k)), np.empty((queries.count, k), dtype=np.int64)
        for start in range(0, queries.count, QUERY_BLOCK):
            rows = np.arange(start, min(start + QUERY_BLOCK, queries.count))
            found = self.index_.search(queries.of(rows), k + own, n_jobs=effective_n_jobs(self.n_jobs))
            ids[rows], distances[rows] = without_self(*found, rows) if own else found
        return distances, ids

    def _queries(self, X: Any) -> Queries:
        if X is None:
            return Queries(self.index_, None, self.n_samples_fit_)
        X = rows_of(self, X, list(KEPT_DTYPES), fitted=True)
        return Queries(self.index_, X, len(X))

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the arrays of the index in the place of the index, which is not pickled."""
        state = dict(super().__getstate__())
        if "index_" in state:
            state["index_"] = storage.contents(self.index_.view())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take back what `__getstate__` returned. Raises IndexFormatError where parts do not fit together."""
        if "index_" in state:
            properties, arrays = state["index_"]
            state = {**state, "index_": Index(storage.restored(PICKLED, properties, arrays))}
        super().__setstate__(state)


PICKLED = Path("pickled estimator")
"""What messages call the directory of an index that came from a pickle."""


class Queries:
    """Queries (q, d), or the rows of the index itself, of which never more are gathered than are asked for."""

    def __init__(self, index: Index, given: Array | None, count: int) -> None:
        self._index, self._given = index, given
        self.count = count

    def of(self, rows: Int64) -> Array:
        """Return the queries of these numbers, (r, d)."""
        return self._index.vectors(rows) if self._given is None else self._given[rows]


def without_self(
    ids: Int64, distances: npt.NDArray[np.floating[Any]], own: Int64
) -> tuple[Int64, npt.NDArray[np.floating[Any]]]:
    """Return answers (q, k + 1) without `own` (q,), and so (q, k); without the last where `own` is not among them."""
    found = ids == own[:, np.newaxis]
    dropped = np.where(found.any(axis=1), found.argmax(axis=1), ids.shape[1] - 1)
    kept = np.arange(ids.shape[1]) != dropped[:, np.newaxis]
    shape = (len(ids), ids.shape[1] - 1)
    return ids[kept].reshape(shape), distances[kept].reshape(shape)


def check_mode(mode: str) -> None:
    """Raise OptionError unless `mode` is one of `MODES`."""
    if mode not in MODES:
        raise OptionError(f"mode is {shown(mode)}; choose one of {', '.join(MODES)}")


def graph(offsets: Int64, ids: Int64, distances: Float64, mode: Mode, columns: int) -> csr_matrix:
    """Return the CSR graph whose row i holds `ids` (n,) from `offsets[i]` to `offsets[i + 1]`."""
    weights = distances if mode == "distance" else np.ones_like(distances)
    return csr_matrix((weights, ids, offsets), shape=(len(offsets) - 1, columns))
