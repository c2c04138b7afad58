"""The vector index: what stays alike under one face while rows come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, Rows, as_ids, as_metric, as_rows, as_vectors
from lookalike.errors import DuplicateIdError, OptionError, UnknownIdError, VectorError
from lookalike.hashing import Family
from lookalike.index.build import build_base
from lookalike.index.compaction import folded, is_due, sinks_for
from lookalike.index.explain import explain, stats
from lookalike.index.io import storage
from lookalike.index.io.sources import ArrayRows
from lookalike.index.options import Options, checked_generation, checked_recall, thread_count
from lookalike.index.queries import as_queries
from lookalike.index.reports import Explanation, IndexStats
from lookalike.index.row_forms import prepared
from lookalike.index.search import answer
from lookalike.index.snapshot import Snapshot, Tail
from lookalike.index.threads import limited

LARGEST = float(np.finfo(np.float32).max)
WHOLE = (int, np.integer)
"""Types of k; a union of them would take longer to make than the check."""


class Index:
    """Finds the nearest of many vectors.

    Metrics: "euclidean" (the distance, not squared), "cosine" (1 - cosine similarity, 0..2) and "dot" (the negated
    inner product). Smaller is always closer, and equal distances are ordered by id.

    Rows of float32, float16, uint8 and int8 are kept in their type (float32 at length one under cosine); other
    numbers are cast to float32, which loses precision of float64 beyond 24 bits.

    A small index compares every row exactly. A larger one looks into buckets, orders what it finds there by
    sketches and compares the best exactly; it measures its own recall to know how far to look. Rows added later
    are compared exactly until they are folded in.

    All methods may be called from several threads: a search sees one committed state.
    """

    def __init__(
        self, settings: Options, state: Snapshot, *, generation: int = 0, home: storage.Home | None = None
    ) -> None:
        """Use `build`, `build_from_blocks` or `open` instead."""
        self._settings = settings
        self._state = state
        self._generation = generation
        self._home = home
        self._tail = Tail()
        self._writing = threading.RLock()

    @classmethod
    def build(
        cls,
        vectors: Any,
        *,
        metric: str = "euclidean",
        ids: Sequence[int] | npt.NDArray[Any] | None = None,
        recall: float = 0.95,
        seed: int = 0,
        n_jobs: int = -1,
        family: Family | None = None,
        scan_below: int | None = None,
        path: str | PathLike[str] | None = None,
    ) -> Index:
        """Build an index over `vectors` (n, d), n >= 0.

        Args:
            vectors: an array, a memory map, an HDF5 dataset, or what else has shape, dtype and slices. It is read
                in blocks; rows that come from a large file are kept in files too, temporary ones unless `path`
                is given.
            ids: n numbers, int64 from 0; 0..n-1 by default.
            recall: the recall@k to aim at, above 0 and up to 1; at 1 every row is compared.
            seed: of all that is random; the same vectors and seed give the same index.
            n_jobs: threads; -1 for all cores. Products of matrices take no more than that either, where NumPy's
                BLAS can be told (OpenBLAS, MKL, BLIS, FlexiBLAS), which is told for the whole process while this
                runs; at -1 as many as it is set to.
            family: an unfitted hash family to use in place of the learned partition.
            scan_below: with fewer rows than this every row is compared; by default 2,000 to 10,000, by the dimension.
            path: a directory to save the index to while it is built; what was there is replaced in one step.

        Raises:
            VectorError, DuplicateIdError, OptionError, IndexFormatError (`path` holds something else).
        """
        source = ArrayRows.of(vectors, as_metric(metric))
        settings = Options.of(
            metric=metric,
            dimension=source.dimension,
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=None if family is None else family.to_json(),
            dtype=source.dtype.name,
        )
        numbers = np.arange(source.count) if ids is None else as_ids(ids, rows=source.count)
        with limited(n_jobs) as threads:
            if path is None:
                place = sinks_for(source, in_memory=source.in_memory)
                return cls(settings, Snapshot.of(build_base(source, numbers, settings, place, threads)))
            state, home = storage.build(Path(path), settings, source, numbers, 0, threads)
            return cls(settings, state, home=home)

    @classmethod
    def build_from_blocks(
        cls,
        blocks: Iterable[tuple[Sequence[int] | npt.NDArray[Any], npt.ArrayLike]],
        path: str | PathLike[str],
        *,
        dimension: int,
        metric: str = "euclidean",
        recall: float = 0.95,
        seed: int = 0,
        n_jobs: int = -1,
        family: Family | None = None,
        scan_below: int | None = None,
        generation: int = 0,
    ) -> Index:
        """Build an index of float32 in directory `path` from blocks of (ids, vectors), which are never all in memory.

        Returns the saved index, opened. An index that was at `path` is replaced at the end, in one step.

        Raises:
            VectorError, DuplicateIdError, OptionError, IndexFormatError (`path` holds something else).
        """
        settings = Options.of(
            metric=metric,
            dimension=dimension,
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=None if family is None else family.to_json(),
            dtype="float32",
        )
        checked_generation(generation)
        with limited(n_jobs) as threads:
            state, home = storage.build_from_blocks(Path(path), settings, blocks, generation, threads)
        return cls(settings, state, generation=generation, home=home)

    @classmethod
    def open(cls, path: str | PathLike[str], *, verify: bool = False) -> Index:
        """Open a saved index; its arrays are memory-mapped, so this is quick whatever its size.

        Every file's length is checked; with `verify` every checksum too.

        Raises:
            IndexFormatError: missing, damaged, or made by a newer version; the message names the file.
        """
        settings, state, generation, home = storage.load(Path(path), verify=verify)
        return cls(settings, state, generation=generation, home=home)

    def save(self, path: str | PathLike[str], *, generation: int | None = None) -> None:
        """Save to directory `path`, in one step: after a crash the old version or the new one is there.

        Saving again to the same `path` after small changes writes only these. `generation` replaces the
        index's own.
        """
        with self._writing:
            if generation is not None:
                self._generation = checked_generation(generation)
            self._home = storage.save(Path(path), self._settings, self._state, self._generation, self._home)

    def __len__(self) -> int:
        """Number of rows."""
        return self._state.count

    def __contains__(self, id: object) -> bool:  # noqa: A002
        """Whether there is a row of that id."""
        return isinstance(id, int | np.integer) and bool(self._state.find(np.array([id]))[0] >= 0)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._settings.dimension

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        return self._settings.metric

    @property
    def generation(self) -> int:
        """The label of the state that the rows came from, saved with them; 0 at first.

        May be set, to a whole number from 0 to 2**63 - 1. Raises OptionError.
        """
        return self._generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._generation = checked_generation(generation)

    def ids(self) -> Int64:
        """Return the ids of all rows, ascending."""
        return self._state.ids()

    def vectors(self, ids: Sequence[int] | npt.NDArray[Any]) -> Rows:
        """Return the rows of these ids as they are kept, shape (n, d).

        Raises:
            UnknownIdError: an id is not in the index.
        """
        state = self._state
        return state.gather(_rows_there(state, np.asarray(ids)))

    def add(self, ids: Sequence[int] | npt.NDArray[Any], vectors: npt.ArrayLike) -> None:
        """Add rows, all or none; they are cast to the type that the index keeps.

        Raises:
            VectorError: a wrong shape or content, or numbers that the index's type cannot hold.
            DuplicateIdError: an id twice, or in the index already.
        """
        dtype = np.dtype(self._settings.dtype)
        new = prepared(as_rows(vectors, dtype, dimension=self.dimension, metric=self.metric), self.metric)
        numbers = as_ids(ids, rows=len(new))
        with self._writing:
            there = numbers[self._state.find(numbers) >= 0]
            if len(there):
                raise DuplicateIdError(f"id {there[0]} is in the index already; remove it first")
            self._settle(self._tail.added(self._state, numbers, new))

    def remove(self, ids: Sequence[int] | npt.NDArray[Any]) -> None:
        """Remove rows, all or none.

        Raises:
            UnknownIdError: an id is not in the index.
        """
        with self._writing:
            self._settle(self._state.without(_rows_there(self._state, as_ids(ids))))

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return the ids (q, k) int64 and distances (q, k) float32 of the nearest rows, nearest first.

        Where there are fewer than k rows to find, ids are padded with -1 and distances with infinity.

        Args:
            queries: (q, d), or one of shape (d,), which gives q = 1.
            allow: the ids that may be found, or a mask: booleans of which number i says whether id i may be,
                and ids beyond its end may not. Ids that are not in the index are passed over. A filter costs no
                recall.
            max_distance: rows farther than this are left out.
            recall: the recall to aim at for this search in place of the index's own; 1 compares every row. It is a
                mean over queries like the rows, measured up to k = 100; beyond, more is looked at in proportion
                to k, which may fall short where rows lie in small groups.
            n_jobs: threads over the queries; -1 for all cores.

        Raises:
            VectorError, OptionError, DuplicateIdError (in `allow`).
        """
        state, settings = self._state, self._settings
        compiled = state.base.buckets is not None
        block = as_queries(queries, dimension=settings.dimension, metric=settings.metric, compiled=compiled)
        if not isinstance(k, WHOLE) or k < 1:
            raise OptionError(f"k is {k!r}; give a whole number from 1")
        wanted = settings.recall if recall is None else checked_recall(recall)
        limit = np.inf if max_distance is None else min(max(float(max_distance), -LARGEST), LARGEST)
        if limit != limit:
            raise OptionError("max_distance is not a number; give a distance, or None for no limit")
        threads = 1 if n_jobs == 1 else thread_count(n_jobs)
        return answer(state, settings, block, int(k), wanted, limit, allow, threads)

    def tune(self, recall: float | None = None, *, n_jobs: int = -1) -> None:
        """Aim at `recall` (the present one by default) from now on, and measure the index's recall anew.

        Raises:
            OptionError: no such recall.
        """
        wanted = self._settings.recall if recall is None else checked_recall(recall)
        with limited(n_jobs) as threads, self._writing:
            settings = replace(self._settings, recall=wanted)
            state = self._state
            if state.base.buckets is not None:
                base = replace(state.base, buckets=state.base.buckets.tuned(settings.seed, threads))
                if self._home is not None:
                    self._home = self._home.moved(state.base, base)
                state = replace(state, base=base)
            elif is_due(state, settings):
                state = folded(state, settings, threads)
                self._tail = Tail()
            self._settings, self._state = settings, state

    def explain(self, query: npt.ArrayLike, id: int) -> Explanation:  # noqa: A002
        """Tell why row `id` is, or is not, among the candidates of `query` (d,).

        Raises:
            UnknownIdError: there is no such row.
            VectorError: not one vector of the index's dimension.
        """
        state = self._state
        vector = prepared(
            as_vectors(query, dimension=self.dimension, metric=self.metric, name="query"), self.metric
        )
        if len(vector) != 1:
            raise VectorError(f"query has {len(vector)} rows; explain one at a time")
        return explain(state, self._settings, vector, int(id), int(_rows_there(state, np.array([id]))[0]))

    def stats(self) -> IndexStats:
        """Return counts, sizes and what the index knows of its recall."""
        return stats(self._state, self._settings, self._generation)

    def _settle(self, state: Snapshot) -> None:
        """Make `state` the current one, folded where it has grown loose. For writers that hold the lock."""
        if is_due(state, self._settings):
            state = folded(state, self._settings, thread_count(-1))
            self._tail = Tail()
        self._state = state


def _rows_there(state: Snapshot, ids: npt.NDArray[Any]) -> Int64:
    """Return the row of each id; raise UnknownIdError where there is none."""
    rows = state.find(ids)
    if len(rows) and rows.min() < 0:
        raise UnknownIdError(f"id {ids[np.argmin(rows)]} is not in the index")
    return rows
