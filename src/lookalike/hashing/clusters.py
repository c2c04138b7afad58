"""Nearest k-means centroids within sections of a vector: a learned family for Euclidean distance, cosine."""

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
    checked_flag,
)
from lookalike.hashing.components import principal_components
from lookalike.hashing.k_means import many_means, nearest_centroid, nearest_centroids


class Clusters(Family):
    """Key of a table: the number of the nearest of `clusters` centroids within one section of the vector.

    There is one table a section. One section is a plain partition of the space (an inverted file, as in
    Sivic and Zisserman, ICCV 2003). Probes go to the next nearest centroids.

    Without rotation, sections are runs of neighbouring coordinates. With it, vectors are turned to the
    principal components of the sample first and dealt out to the sections in turn, so that each section
    gets a like share of the variance.
    """

    name = "clusters"

    def __init__(self, *, sections: int = 1, clusters: int, rotation: bool = False, seed: int = 0) -> None:
        """Make a family of `sections` tables of at most `clusters` keys each. Raises OptionError."""
        self.sections = self.tables = checked("sections", sections, 1, 4096)
        self.clusters = checked("clusters", clusters, 1, 2**24)
        self.rotation = checked_flag("rotation", rotation)
        self.seed = checked("seed", seed, 0)
        self.dimension: int | None = None
        self._components: Float32 | None = None
        self._centroids: list[Float32] = []

    def fit(self, sample: Float32) -> Self:
        """Learn centroids (at most one a row) and, with rotation, components from `sample` (n, d), n >= 1."""
        sample = as_sample(sample, self)
        if not len(sample):
            raise OptionError(
                "hash family clusters learns from vectors, and the sample has none; give at least one"
            )
        if sample.shape[1] < self.sections:
            raise OptionError(
                f"{self.sections} sections of vectors of dimension {sample.shape[1]} are too many; "
                "give no more sections than dimensions"
            )
        self.dimension = sample.shape[1]
        random = np.random.default_rng(self.seed)
        self._components = _dealt_components(sample, self.sections) if self.rotation else None
        self._centroids = []
        turned = sample if self._components is None else sample @ self._components
        for columns in self._columns(self.dimension):
            section = np.ascontiguousarray(turned[:, columns])
            self._centroids.append(many_means(section, self.clusters, random))
        return self

    @property
    def centroids(self) -> int:
        """Number of the centroids of a table: `clusters`, or fewer where the sample had fewer rows."""
        return len(self._centroids[0])

    def keys(self, vectors: Float32) -> UInt64:
        """Return keys, shape (n, sections)."""
        turned = self._turned(vectors)
        keys = np.empty((len(vectors), self.sections), dtype=np.uint64)
        for table, columns in enumerate(self._columns(turned.shape[1])):
            keys[:, table] = nearest_centroid(turned[:, columns], self._centroids[table])
        return keys

    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return keys, shape (q, sections, min(probes, number of centroids))."""
        return self.nearest(queries, checked("probes", probes, 1))[0]

    def nearest(self, vectors: Float32, count: int) -> tuple[UInt64, Float32]:
        """Return keys and Euclidean distances of the nearest centroids of each section, nearest first.

        Args:
            vectors: (n, d).
            count: how many a section, at least 1; where there are fewer centroids, all of them.

        Returns:
            Two arrays of shape (n, sections, count).
        """
        turned = self._turned(vectors)
        count = min(count, self.centroids)
        keys = np.empty((len(turned), self.sections, count), dtype=np.uint64)
        distances = np.empty(keys.shape, dtype=np.float32)
        for table, columns in enumerate(self._columns(turned.shape[1])):
            keys[:, table], distances[:, table] = nearest_centroids(
                turned[:, columns], self._centroids[table], count
            )
        return keys, distances

    def centres(self) -> Float32 | None:
        """Return the centroids, (m, d), where there is one section and no rotation."""
        return self._centroids[0] if self.sections == 1 and self._components is None else None

    def parameters(self) -> Parameters:
        """Return what the constructor takes."""
        return {
            "sections": self.sections,
            "clusters": self.clusters,
            "rotation": self.rotation,
            "seed": self.seed,
        }

    def arrays(self) -> Arrays:
        """Return `centroids_I` (m, width) of each section and, with rotation, `components` (d, d)."""
        arrays: Arrays = {f"centroids_{i}": centroids for i, centroids in enumerate(self._centroids)}
        if self._components is not None:
            arrays["components"] = self._components
        return arrays

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        centroids = [arrays[f"centroids_{i}"] for i in range(self.sections)]
        components = arrays["components"] if self.rotation else None
        check_finite(self, *centroids, *([] if components is None else [components]))
        self.dimension = sum(section.shape[1] for section in centroids)
        if components is not None and components.shape != (self.dimension, self.dimension):
            raise OptionError("hash family clusters: its components do not fit its centroids; make it again")
        for section, columns in zip(centroids, self._columns(self.dimension), strict=True):
            width = columns.stop - columns.start
            if not 1 <= len(section) <= self.clusters or section.shape != (len(centroids[0]), width):
                raise OptionError(
                    "hash family clusters: its centroids do not fit its parameters; make it again"
                )
        self._components, self._centroids = components, centroids

    def _columns(self, dimension: int) -> list[slice]:
        """Return the columns of each section; the first ones are wider by one where d is no multiple."""
        width, wider = divmod(dimension, self.sections)
        ends = [(i + 1) * width + min(i + 1, wider) for i in range(self.sections)]
        return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def _turned(self, vectors: Float32) -> Float32:
        vectors = as_hashable(vectors, self)
        return vectors if self._components is None else vectors @ self._components


def _dealt_components(sample: Float32, sections: int) -> Float32:
    """Return the principal components of `sample` as columns, dealt out to `sections` runs of columns."""
    descending = principal_components(sample)
    dealt = [column for section in range(sections) for column in range(section, sample.shape[1], sections)]
    return np.ascontiguousarray(descending[:, dealt])
