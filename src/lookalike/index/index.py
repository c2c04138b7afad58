"""The vector index: what stays alike under one face while rows come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Metric, as_ids, as_metric, as_vectors
from lookalike.errors import DuplicateIdError, OptionError, UnknownIdError, VectorError
from lookalike.hashing import Family
from lookalike.index import storage
from lookalike.index.answers import Explanation, IndexStats
from lookalike.index.explaining import explain, stats
from lookalike.index.folding import FOLD_SHARE, with_buckets
from lookalike.index.scan import merge, scan
from lookalike.index.settings import Settings, checked_recall
from lookalike.index.state import Base, State, Tail, prepared


class Index:
    """Finds the nearest of many vectors.

    Metrics: "euclidean" (the distance, not squared), "cosine" (1 - cosine similarity, 0..2; rows are kept at
    length one) and "dot" (the negated inner product). Smaller is always closer, and equal distances are
    ordered by id.

    A small index compares every row exactly. A larger one looks into buckets, orders what it finds there by
    sketches and compares the best exactly. Rows added later are compared exactly until they are folded in.

    All methods may be called from several threads: a search sees one committed state.
    """

    def __init__(
        self, settings: Settings, state: State, *, generation: int = 0, home: storage.Home | None = None
    ) -> None:
        """Use `build`, `build_from_blocks` or `open` instead."""
        self._settings = settings
        self._state = state
        self._generation = generation
        self._home = home
        self._tail = Tail(settings.dimension)
        self._writing = threading.RLock()

    @classmethod
    def build(
        cls,
        vectors: npt.ArrayLike,
        *,
        metric: str = "euclidean",
        ids: Sequence[int] | npt.NDArray[Any] | None = None,
        recall: float = 0.95,
        seed: int = 0,
        family: Family | None = None,
        scan_below: int | None = None,
    ) -> Index:
        """Build an index over `vectors` (n, d), n >= 0, in memory.

        Args:
            ids: n numbers, int64 from 0; 0..n-1 by default.
            recall: the recall@k to aim at, above 0 and up to 1; at 1 every row is compared.
            seed: of all that is random; the same vectors and seed give the same index.
            family: an unfitted hash family to use in place of the default.
            scan_below: with fewer rows than this every row is compared; a measured size by default.

        Raises:
            VectorError, DuplicateIdError, OptionError.
        """
        array = as_vectors(vectors, metric=as_metric(metric))
        settings = Settings.of(
            metric=metric,
            dimension=array.shape[1],
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=None if family is None else family.to_json(),
        )
        rows = prepared(array, settings.metric)
        if np.may_share_memory(rows, vectors):
            rows = rows.copy()  # what the caller does to his array later must not reach the index
        numbers = np.arange(len(rows)) if ids is None else as_ids(ids, rows=len(rows))
        return cls(settings, State.of(with_buckets(Base.of(rows, numbers), settings)))

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
        family: Family | None = None,
        scan_below: int | None = None,
        generation: int = 0,
    ) -> Index:
        """Build an index in directory `path` from blocks of (ids, vectors), which are never all in memory.

        Returns the saved index, opened. An index that was at `path` is replaced at the end, in one step.

        Raises:
            VectorError, DuplicateIdError, OptionError, IndexFormatError (`path` holds something else).
        """
        settings = Settings.of(
            metric=metric,
            dimension=dimension,
            recall=recall,
            seed=seed,
            scan_below=scan_below,
            family=None if family is None else family.to_json(),
        )
        storage.build(Path(path), settings, blocks, generation)
        return cls.open(path)

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
                self._generation = generation
            if self._state.loose_share > FOLD_SHARE:
                self._fold(self._state)
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
        """The label of the state that the rows came from, saved with them; 0 at first. May be set."""
        return self._generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._generation = generation

    def ids(self) -> Int64:
        """Return the ids of all rows, ascending."""
        return self._state.ids()

    def vectors(self, ids: Sequence[int] | npt.NDArray[Any]) -> Float32:
        """Return the rows of these ids as they are kept (at length one under cosine), shape (n, d).

        Raises:
            UnknownIdError: an id is not in the index.
        """
        state = self._state
        return state.gather(_rows_there(state, np.asarray(ids)))

    def add(self, ids: Sequence[int] | npt.NDArray[Any], vectors: npt.ArrayLike) -> None:
        """Add rows, all or none.

        Raises:
            VectorError: a wrong shape or content.
            DuplicateIdError: an id twice, or in the index already.
        """
        new = prepared(as_vectors(vectors, dimension=self.dimension, metric=self.metric), self.metric)
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
    ) -> tuple[Int64, Float32]:
        """Return the ids (q, k) int64 and distances (q, k) float32 of the nearest rows, nearest first.

        Where there are fewer than k rows to find, ids are padded with -1 and distances with infinity.

        Args:
            queries: (q, d), or one of shape (d,), which gives q = 1.
            allow: only rows with these ids are found; ids that are not in the index are passed over.
                A filter costs no recall.
            max_distance: rows farther than this are left out.
            recall: the recall to aim at for this search in place of the index's own; 1 compares every row.

        Raises:
            VectorError, OptionError, DuplicateIdError (in `allow`).
        """
        state = self._state
        block = prepared(
            as_vectors(queries, dimension=self.dimension, metric=self.metric, name="queries"), self.metric
        )
        if not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"k is {k!r}; give a whole number from 1")
        recall = self._settings.recall if recall is None else checked_recall(recall)
        rows: Int64 | None = None
        if allow is not None:
            rows = state.find(as_ids(allow, name="allow"))
            rows = np.sort(rows[rows >= 0])
        elif state.removed_rows:
            rows = np.flatnonzero(state.alive)
        few = rows is not None and len(rows) < self._settings.scan_below
        if state.base.bucketed is None or few or recall == 1:
            ids, distances = self._scan(state, block, int(k), rows)
        else:
            ids, distances = self._search_buckets(state, block, int(k), rows, recall)
        if max_distance is not None:
            far = ~(distances <= max_distance)
            ids[far], distances[far] = -1, np.inf
        return ids, distances

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

    def _settle(self, state: State) -> None:
        """Make `state` the current one, folded where it has grown loose. For writers that hold the lock."""
        bucketed = state.base.bucketed
        due = state.count >= self._settings.scan_below if bucketed is None else state.loose_share > FOLD_SHARE
        if due and state.count and self._settings.recall < 1:
            self._fold(state)
        else:
            self._state = state

    def _fold(self, state: State) -> None:
        """Make one base of base and tail."""
        self._state = State.of(with_buckets(state.folded(), self._settings, state.base.bucketed))
        self._tail = Tail(self.dimension)

    def _search_buckets(
        self, state: State, queries: Float32, k: int, rows: Int64 | None, recall: float
    ) -> tuple[Int64, Float32]:
        """Look into the base's buckets, and compare every row of the tail."""
        base, split = state.base, len(state.base.ids)
        bucketed = base.bucketed
        if bucketed is None:
            return self._scan(state, queries, k, rows)
        visible: npt.NDArray[np.bool_] | None = None
        if rows is not None:
            visible = np.zeros(split, dtype=np.bool_)
            visible[rows[rows < split]] = True
        ids, distances, unanswered = bucketed.search(base.vectors, base.ids, queries, k, recall, visible)
        if len(state.tail_ids):
            tail_rows = None if rows is None else rows[rows >= split] - split
            tail = scan(queries, state.tail_vectors, state.tail_ids, k, self.metric, tail_rows)
            ids, distances = merge((ids, distances), tail)
        if len(unanswered):
            ids[unanswered], distances[unanswered] = self._scan(state, queries[unanswered], k, rows)
        return ids, distances

    def _scan(self, state: State, queries: Float32, k: int, rows: Int64 | None) -> tuple[Int64, Float32]:
        """Compare every one of `rows` (all by default), in base and tail."""
        base, split = state.base, len(state.base.ids)
        base_rows = None if rows is None else rows[rows < split]
        found = scan(queries, base.vectors, base.ids, k, self.metric, base_rows)
        if not len(state.tail_ids):
            return found
        tail_rows = None if rows is None else rows[rows >= split] - split
        return merge(found, scan(queries, state.tail_vectors, state.tail_ids, k, self.metric, tail_rows))


def _rows_there(state: State, ids: npt.NDArray[Any]) -> Int64:
    """Return the row of each id; raise UnknownIdError where there is none."""
    rows = state.find(ids)
    if len(rows) and rows.min() < 0:
        raise UnknownIdError(f"id {ids[np.argmin(rows)]} is not in the index")
    return rows
