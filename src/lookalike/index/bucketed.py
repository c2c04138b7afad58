"""The base's way to answer without comparing every row: buckets, then sketches, then rerank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric
from lookalike.buckets import MemoryBuckets
from lookalike.errors import IndexFormatError, OptionError
from lookalike.hashing import Clusters, Family, family_from_parts
from lookalike.hashing.k_means import squared_distances
from lookalike.hashing.sketch import Sketcher
from lookalike.index.answers import RecallMeasurement
from lookalike.index.scan import nearest, pair_distances
from lookalike.index.settings import Settings

CONFIDENCE = 2.5
"""A candidate is compared exactly if its estimate less so many standard errors is among the k nearest so far."""

QUERY_BLOCK = 256
BLOCK_BYTES = 16 << 20
SAMPLE_ROWS_A_CLUSTER = 40
LARGEST_SHARE = 0.25
"""Where buckets would give more than this share of all rows, every row is compared instead."""

Bool = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Bucketed:
    """Buckets and sketches of the rows of a base.

    Families hash for Euclidean distance or angle. Under "dot" a row v becomes (v, sqrt(radius^2 - |v|^2)), on the
    sphere of the longest row's length, and a query (q, 0) of that length: the nearest row then is that of the
    largest inner product (Bachrach et al., RecSys 2014).
    """

    metric: Metric
    family: Family
    store: MemoryBuckets
    sketcher: Sketcher
    codes: npt.NDArray[np.uint64]
    factors: Float32
    centre_of: npt.NDArray[np.int32]
    radius: float
    """Length of the longest row, under "dot"."""
    fitted_rows: int
    """Rows of the base when the family was fitted."""
    measurements: tuple[RecallMeasurement, ...] = ()

    @classmethod
    def fitted(cls, vectors: Float32, settings: Settings) -> Self:
        """Fit the family to `vectors` (n, d), n >= 1, and hash them."""
        radius = _longest(vectors) if settings.metric == "dot" else 0.0
        family = _family(settings, len(vectors))
        random = np.random.default_rng([settings.seed, len(vectors)])
        clusters = family.clusters if isinstance(family, Clusters) else 1
        size = min(len(vectors), max(10_000, SAMPLE_ROWS_A_CLUSTER * clusters))
        sample = _lifted(
            vectors[np.sort(random.choice(len(vectors), size, replace=False))], radius, settings.metric
        )
        family.fit(sample)
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        centres = family.centres()
        sketcher = Sketcher.drawn(mean[np.newaxis] if centres is None else centres, mean, settings.seed)
        return cls._hashed(vectors, settings.metric, family, sketcher, radius, len(vectors))

    def rehashed(self, vectors: Float32) -> Self:
        """Return the buckets of other `vectors` with the same family and measurements."""
        radius = max(self.radius, _longest(vectors)) if self.metric == "dot" else 0.0
        hashed = self._hashed(vectors, self.metric, self.family, self.sketcher, radius, self.fitted_rows)
        return replace(hashed, measurements=self.measurements)

    @classmethod
    def _hashed(
        cls,
        vectors: Float32,
        metric: Metric,
        family: Family,
        sketcher: Sketcher,
        radius: float,
        fitted_rows: int,
    ) -> Self:
        rows = len(vectors)
        keys = np.empty((rows, family.tables), dtype=np.uint64)
        codes = np.empty((rows, sketcher.words), dtype=np.uint64)
        factors = np.empty((rows, 3), dtype=np.float32)
        centre_of = np.zeros(rows, dtype=np.int32)
        for start in range(0, rows, step := _block_rows(vectors.shape[1])):
            block = slice(start, start + step)
            lifted = _lifted(np.asarray(vectors[block]), radius, metric)
            keys[block] = family.keys(lifted)
            if family.centres() is not None:
                centre_of[block] = keys[block, 0]
            codes[block], factors[block] = sketcher.encode(lifted, centre_of[block])
        store = MemoryBuckets()
        store.add(np.arange(rows), keys)
        return cls(metric, family, store, sketcher, codes, factors, centre_of, radius, fitted_rows)

    def probes_for(self, k: int, recall: float) -> int | None:
        """Return the fewest probes measured to reach `recall` at `k`; None where comparing every row is better.

        The measurement is of rows of the index itself, so one standard error and a little more are held back.
        Beyond the largest k that was measured, probes grow in proportion to k.
        """
        measured = sorted({m.k for m in self.measurements})
        if not measured:
            return None
        at = next((known for known in measured if known >= k), measured[-1])
        growth = max(1.0, k / at)
        wanted = min(recall + (1 - recall) * 0.1, 1.0)
        for m in self.measurements:
            if m.k == at and m.recall - m.error >= wanted:
                share = growth * m.candidates / len(self.codes)
                return int(np.ceil(m.probes * growth)) if share <= LARGEST_SHARE else None
        return None

    def search(
        self, vectors: Float32, ids: Int64, queries: Float32, k: int, recall: float, visible: Bool | None
    ) -> tuple[Int64, Float32, Int64]:
        """Return ids and distances (q, k), and the numbers of queries that must be answered by a scan.

        Where only some rows are visible, the k nearest of them are about the k / density nearest of all, where
        density is the visible share of the rows near the query. So each query is probed until it has the
        probes measured for that many; its own candidates tell the density, whether or not the filter has to do
        with the query. Where that takes too many probes, a scan is as good.
        """
        found_ids = np.full((len(queries), k), -1, dtype=np.int64)
        found_distances = np.full((len(queries), k), np.inf, dtype=np.float32)
        density = 1.0 if visible is None else np.count_nonzero(visible) / len(visible)
        first = self.probes_for(int(np.ceil(k / max(density, 1e-9))), recall)
        unanswered = []
        for start in range(0, len(queries), QUERY_BLOCK):
            waiting = {first: np.arange(start, min(start + QUERY_BLOCK, len(queries)))}
            while waiting:
                probes = min(waiting, key=lambda probes: (probes is None, probes))
                these = waiting.pop(probes)
                if probes is None:
                    unanswered.append(these)
                    continue
                offsets, rows, looked_at = self._candidates(queries[these], probes, visible)
                needed = self._needed(np.diff(offsets), looked_at, k, recall, probes)
                enough = np.array([n is not None and n <= probes for n in needed])
                if enough.any():
                    answer = self._answer(vectors, ids, queries[these], k, offsets, rows)
                    found_ids[these[enough]], found_distances[these[enough]] = (
                        part[enough] for part in answer
                    )
                for number, more in zip(these[~enough], np.array(needed, dtype=object)[~enough], strict=True):
                    waiting[more] = np.append(waiting.get(more, np.empty(0, dtype=np.int64)), number)
        return found_ids, found_distances, np.concatenate([np.empty(0, dtype=np.int64), *unanswered])

    def trial(
        self, vectors: Float32, ids: Int64, queries: Float32, k: int, probes: int
    ) -> tuple[Int64, float]:
        """Return the ids (q, k) that so many probes find, and the mean number of candidates a query."""
        found = []
        candidates = 0
        for start in range(0, len(queries), QUERY_BLOCK):
            block = queries[start : start + QUERY_BLOCK]
            offsets, rows, _ = self._candidates(block, probes, None)
            candidates += len(rows)
            found.append(self._answer(vectors, ids, block, k, offsets, rows)[0])
        return np.concatenate(found), candidates / len(queries)

    def _needed(self, seen: Int64, looked_at: Int64, k: int, recall: float, probes: int) -> list[int | None]:
        """Return how many probes each query needs, given what it has seen; None for a scan."""
        needed: list[int | None] = []
        for visible, every in zip(seen.tolist(), looked_at.tolist(), strict=True):
            if visible == every and visible >= k:
                needed.append(probes)
            elif visible < k:
                needed.append(None)
            else:
                needed.append(self.probes_for(int(np.ceil(k * every / visible)), recall))
        return needed

    def _candidates(self, queries: Float32, probes: int, visible: Bool | None) -> tuple[Int64, Int64, Int64]:
        """Return offsets (q + 1,) and visible rows, and how many there were of all, (q,)."""
        keys = self.family.probe_keys(self.lifted_queries(queries), probes)
        if self.family.tables == 1:
            offsets, rows = self.store.members(keys)
        else:
            offsets, rows, _ = self.store.candidates(keys, limit=max(1, len(self.codes)))
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self.codes)):
            raise IndexFormatError("buckets name rows that are not there; verify the index, and rebuild it")
        looked_at = np.diff(offsets)
        if visible is None:
            return offsets, rows, looked_at
        kept = visible[rows]
        query = np.repeat(np.arange(len(queries)), looked_at)[kept]
        return np.searchsorted(query, np.arange(len(queries) + 1)), rows[kept], looked_at

    def _answer(
        self, vectors: Float32, ids: Int64, queries: Float32, k: int, offsets: Int64, rows: Int64
    ) -> tuple[Int64, Float32]:
        """Return ids and exact distances (q, k) of the nearest candidates."""
        from lookalike.kernels import compiled  # Numba loads here, when buckets are searched first

        lifted = self.lifted_queries(queries)
        estimates, variances = self.estimate(lifted, offsets, rows)
        own = lifted[:, : vectors.shape[1]]
        sphere = np.zeros(len(queries), dtype=np.float32)
        if self.metric == "dot":
            sphere += np.einsum("ij,ij->i", own, own) + np.float32(self.radius**2)
        best, _ = compiled.rerank(
            offsets,
            rows,
            estimates,
            variances,
            np.ascontiguousarray(own),
            vectors,
            ids,
            k,
            CONFIDENCE,
            sphere,
        )
        query, place = np.nonzero(best >= 0)
        row = best[query, place]
        found_ids = np.full((len(queries), k), -1, dtype=np.int64)
        found_distances = np.full((len(queries), k), np.inf, dtype=np.float32)
        distances = pair_distances(queries, vectors, query, row, self.metric)
        nearest(query, ids[row], distances, found_ids, found_distances)
        return found_ids, found_distances

    def estimate(self, lifted: Float32, offsets: Int64, rows: Int64) -> tuple[Float32, Float32]:
        """Return estimated squared distances of lifted queries to their candidates, and variances."""
        from lookalike.kernels import compiled

        planes, scales = self.sketcher.prepare(lifted)
        squares = squared_distances(lifted, self.sketcher.centres)
        try:
            estimates, variances = compiled.sketch_estimates(
                offsets, rows, self.codes, self.factors, self.centre_of, squares, planes, scales
            )
        except IndexError as error:
            raise IndexFormatError(
                f"sketches are damaged ({error}); verify the index, and rebuild it"
            ) from None
        return estimates, variances

    def lifted_queries(self, queries: Float32) -> Float32:
        """Return queries as the family and the sketcher take them."""
        if self.metric != "dot":
            return queries
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        scaled = queries * (self.radius / np.where(lengths > 0, lengths, 1))
        return np.append(scaled, np.zeros((len(queries), 1)), axis=1).astype(np.float32)

    def lifted_rows(self, vectors: Float32) -> Float32:
        """Return rows as the family and the sketcher take them."""
        return _lifted(vectors, self.radius, self.metric)

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return JSON types and arrays to save."""
        sketch = self.sketcher.arrays()
        if self.family.centres() is not None:
            del sketch["centres"]
        arrays: dict[str, Array] = {
            "codes": self.codes,
            "factors": self.factors,
            "centre_of": self.centre_of,
            **{f"family.{name}": array for name, array in self.family.arrays().items()},
            **{f"sketch.{name}": array for name, array in sketch.items()},
            **{f"buckets.{name}": array for name, array in self.store.arrays().items()},
        }
        properties = {
            "family": self.family.name,
            "parameters": self.family.parameters(),
            "radius": self.radius,
            "fitted_rows": self.fitted_rows,
            "measurements": [[m.k, m.probes, m.recall, m.error, m.candidates] for m in self.measurements],
        }
        return properties, arrays

    @classmethod
    def restored(
        cls,
        settings: Settings,
        rows: int,
        properties: Mapping[str, Any],
        arrays: Mapping[str, Array],
        verify: bool,
    ) -> Self:
        """Return what `parts` was taken of.

        Raises:
            OptionError, VectorError, KeyError, TypeError, ValueError: parts that do not fit together.
        """

        def under(prefix: str) -> dict[str, Array]:
            return {
                name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)
            }

        family = family_from_parts(properties["family"], properties["parameters"], under("family."))
        sketch = under("sketch.")
        centres = family.centres()
        sketcher = Sketcher.restored(sketch if centres is None else {**sketch, "centres": centres})
        store = MemoryBuckets.restored(family.tables, under("buckets."), verify=verify)
        codes, factors, centre_of = arrays["codes"], arrays["factors"], arrays["centre_of"]
        if (
            family.dimension != settings.dimension + (settings.metric == "dot")
            or sketcher.centres.shape[1] != family.dimension
            or (codes.dtype.str, codes.shape) != ("<u8", (rows, sketcher.words))
            or (factors.dtype.str, factors.shape) != ("<f4", (rows, 3))
            or (centre_of.dtype.str, centre_of.shape) != ("<i4", (rows,))
            or store.stats().ids != rows
            or (verify and rows and not 0 <= centre_of.min() <= centre_of.max() < len(sketcher.centres))
        ):
            raise OptionError("buckets, sketches and rows do not fit together")
        return cls(
            settings.metric,
            family,
            store,
            sketcher,
            codes,
            factors,
            centre_of,
            float(properties["radius"]),
            int(properties["fitted_rows"]),
            tuple(RecallMeasurement(*measurement) for measurement in properties["measurements"]),
        )


def _family(settings: Settings, rows: int) -> Family:
    """Return the unfitted family to use for so many rows."""
    if settings.family is not None:
        return family_from_parts(settings.family["family"], settings.family["parameters"], {})
    return Clusters(clusters=max(1, round(2 * rows**0.5)), seed=settings.seed)


def _lifted(vectors: Float32, radius: float, metric: Metric) -> Float32:
    if metric != "dot":
        return vectors
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    height = np.sqrt(np.maximum(radius**2 - squares, 0)).astype(np.float32)
    return np.append(vectors, height[:, np.newaxis], axis=1)


def _longest(vectors: Float32) -> float:
    step = _block_rows(vectors.shape[1])
    squares = 0.0
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        squares = max(squares, float(np.einsum("ij,ij->i", block, block, dtype=np.float64).max()))
    return float(np.sqrt(squares))


def _block_rows(dimension: int) -> int:
    return max(1, BLOCK_BYTES // (4 * dimension))
