"""A graph of neighbours in the place of vectors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lookalike.hashing import Family, FamilySpec
from lookalike.sklearn.k_neighbors import KNeighbors, Mode, check_mode


class LSHTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KNeighbors):
    """Turns vectors into the sparse graph of their nearest neighbours, as `KNeighborsTransformer` of scikit-learn does.

    In its place it goes before estimators that take such a graph: `DBSCAN(metric="precomputed")`,
    `TSNE(metric="precomputed", init="random")`, `Isomap(metric="precomputed")`,
    `SpectralClustering(affinity="precomputed_nearest_neighbors")`, `KNeighborsClassifier(metric="precomputed")`.

        >>> from sklearn.manifold import TSNE
        >>> from sklearn.pipeline import make_pipeline
        >>> embedding = make_pipeline(
        ...     LSHTransformer(n_neighbors=90), TSNE(metric="precomputed", init="random", perplexity=30)
        ... ).fit_transform(X)

    Args:
        mode: "distance" for distances, with one neighbour more, since a row is the nearest to itself; "connectivity"
            for ones.
        n_neighbors: neighbours of a row beside itself.
        metric, family, recall, n_jobs, random_state: see `LSHNeighbors`.

    Attributes:
        index_, n_samples_fit_, n_features_in_, feature_names_in_: see `LSHNeighbors`.
    """

    def __init__(
        self,
        *,
        mode: Mode = "distance",
        n_neighbors: int = 5,
        metric: str = "euclidean",
        family: Family | FamilySpec | str | None = None,
        recall: float = 0.95,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.mode = mode
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.family = family
        self.recall = recall
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Build the index. See `LSHNeighbors.fit`."""
        check_mode(self.mode)
        super().fit(X)
        self._n_features_out = self.n_samples_fit_
        return self

    def transform(self, X: Any) -> csr_matrix:
        """Return the graph of the nearest of the fitted rows, CSR (q, n) of float64.

        The entries of a row are sorted by distance, and explicit where it is zero. With `mode="distance"` there are
        n_neighbors + 1 of them, so that a row that was fitted has itself among them, and n_neighbors others.

        Args:
            X: (q, d); the rows that were fitted, or others.

        Raises:
            ValueError: X is no such array, or there are not so many rows.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        return self.kneighbors_graph(X, self.n_neighbors + (self.mode == "distance"), self.mode)
