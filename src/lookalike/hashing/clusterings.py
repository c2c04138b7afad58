"""Nearest k-means centroids of the whole vector, in several clusterings: a learned family for Euclidean, cosine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, UInt64
from lookalike.errors import OptionError
from lookalike.hashing.base import (
    Arrays,
    Family,
    Parameters,
    as_hashable,
    as_sample,
    check_finite,
    checked,
    restored_mean,
)
from lookalike.hashing.clustering_learner import ClusteringLearner
from lookalike.hashing.k_means import Centroids
from lookalike.hashing.residuals import Cells

COMPONENTS = 96
"""More principal components than this seldom tell more of which centroids are near, and cost in proportion."""


class Clusterings(Family):
    """Key of a table: the number of the nearest of `clusters` centroids of the whole vector.

    Each table is a clustering by itself, trained on rows and from seeds of its own, so that neighbours that a border
    parts in one table meet in another (several independent quantizers, as in Jegou, Amsaleg, Schmid and Gros, ICASSP
    2008; Pauleve, Jegou and Amsaleg, Pattern Recognition Letters 2010). Probes go to the next nearest centroids.

    With `residuals` above 1, each cluster is cut into that many cells by centroids that are added to its own
    (`residuals.py`), and the key is the number of the nearest cell: cluster * residuals + residual. Many small cells
    so take the memory, training and time of few centroids.

    Vectors are turned to the principal components of the sample and cut to the first `components` of them, by which
    centroids are found in a fraction of the time.
    """

    name = "clusterings"

    def __init__(
        self,
        *,
        tables: int,
        clusters: int,
        residuals: int = 1,
        components: int = COMPONENTS,
        seed: int = 0,
    ) -> None:
        """Make a family of `tables` tables of at most `clusters` * `residuals` keys each. Raises OptionError."""
        self.tables = checked("tables", tables, 1, 4096)
        self.clusters = checked("clusters", clusters, 1, 2**24)
        self.residuals = checked("residuals", residuals, 1, 2**16)
        self.components = checked("components", components, 1, 2**16)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._mean: Float32
        self._components: Float32
        self._centroids: Float32
        self._finders: list[Centroids]
        self._cells: Cells | None = None

    def fit(self, sample: Float32) -> Self:
        """Learn components and centroids (at most one a row) from `sample` (n, d), n >= 1."""
        sample = as_sample(sample, self)
        if not len(sample):
            raise OptionError(
                "hash family clusterings learns from vectors, and the sample has none; give at least one"
            )
        return self.learn(ClusteringLearner(sample, self.components, self.seed))

    def learn(self, learner: ClusteringLearner) -> Self:
        """Take what `learner` learns, which was made with this family's components and seed; as `fit` does."""
        self.dimension = len(learner.components)
        self._mean, self._components = learner.mean, learner.components
        tables = range(self.tables)
        if self.residuals == 1:
            self._centroids = np.stack([learner.centroids(table, self.clusters) for table in tables])
            self._cells, self._finders = None, [Centroids(own) for own in self._centroids]
            return self
        learned = [learner.cells(table, self.clusters, self.residuals) for table in tables]
        self._centroids = np.stack([centroids for centroids, _ in learned])
        self._cells, self._finders = Cells(self._centroids, np.stack([rest for _, rest in learned])), []
        return self

    @property
    def centroids(self) -> int:
        """Number of the keys of a table: `clusters` * `residuals`, or fewer where the sample had few rows."""
        return int(self._centroids.shape[1]) * (1 if self._cells is None else self._cells.residuals.shape[1])

    def keys(self, vectors: Float32) -> UInt64:
        """Return keys, shape (n, tables)."""
        return self.nearest(vectors, 1)[0][:, :, 0]

    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return keys, shape (q, tables, min(probes, number of keys))."""
        return self.nearest(queries, checked("probes", probes, 1))[0]

    def nearest(self, vectors: Float32, count: int) -> tuple[UInt64, Float32]:
        """Return keys and Euclidean distances of the nearest centroids of each table, nearest first.

        Args:
            vectors: (n, d).
            count: how many a table, at least 1; where there are fewer centroids, all of them.

        Returns:
            Two arrays of shape (n, tables, count). Distances are among the principal components.
        """
        turned = self._turned(as_hashable(vectors, self))
        count = min(count, self.centroids)
        if self._cells is not None:
            cells, distances = self._cells.nearest(turned, count)
            return cells.astype(np.uint64), distances
        keys = np.empty((len(turned), self.tables, count), dtype=np.uint64)
        distances = np.empty(keys.shape, dtype=np.float32)
        for table, centroids in enumerate(self._finders):
            keys[:, table], distances[:, table] = centroids.nearest(turned, count)
        return keys, distances

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {
            "tables": self.tables,
            "clusters": self.clusters,
            "residuals": self.residuals,
            "components": self.components,
            "seed": self.seed,
        }

    def arrays(self) -> Arrays:
        """Return `mean` (d,), `components` (d, c), `centroids` (tables, m, c), and any `residuals` (tables, r, c)."""
        if self.dimension is None:
            return {}
        learned = {"mean": self._mean, "components": self._components, "centroids": self._centroids}
        return learned if self._cells is None else {**learned, "residuals": self._cells.residuals}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        components, centroids = arrays["components"], arrays["centroids"]
        dimension, kept = components.shape
        mean = restored_mean(self, arrays, dimension)
        check_finite(self, components)
        if kept != min(self.components, dimension) or components.dtype != np.float32:
            raise OptionError(
                "hash family clusterings: its components do not fit its parameters; make it again"
            )
        residuals = arrays["residuals"] if self.residuals > 1 else None
        _check_centroids(self, centroids, self.clusters, kept)
        if residuals is not None:
            _check_centroids(self, residuals, self.residuals, kept)
        self.dimension = dimension
        self._mean, self._components = mean, components
        self._centroids = centroids
        self._finders = [Centroids(own) for own in centroids] if self.residuals == 1 else []
        self._cells = None if residuals is None else Cells(centroids, residuals)

    def _turned(self, vectors: Float32) -> Float32:
        turned: Float32 = np.subtract(vectors, self._mean) @ self._components
        return turned


def _check_centroids(family: Clusterings, centroids: npt.NDArray[Any], most: int, width: int) -> None:
    """Raise OptionError unless `centroids` are such as the family learns, (tables, from 1 to `most`, width)."""
    check_finite(family, centroids)
    tables, count, components = centroids.shape
    fits = tables == family.tables and 1 <= count <= most and components == width
    if not fits or centroids.dtype != np.float32:
        raise OptionError("hash family clusterings: its centroids do not fit its parameters; make it again")
