"""The index of a catalogue's feature whose tokens and vectors are in a search engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np

from lookalike.arrays import Bool, Int64, Metric, Rows
from lookalike.engine.client import Engine
from lookalike.engine.defaults import RECALL
from lookalike.engine.few import is_of_few, rows_compared
from lookalike.engine.finder import TokenFinder
from lookalike.engine.followed import (
    Followed,
    StateReader,
    build_followed,
    change_followed,
    differing,
    find_followed,
    kept_numbers,
)
from lookalike.errors import EngineError, LookalikeError
from lookalike.index.options import Options
from lookalike.index.row_forms import prepared
from lookalike.index.shared_index import SharedIndex, settled, without_buckets
from lookalike.index.store_view import StoreState


class FollowerIndex(SharedIndex):
    """A `VectorIndex` over an index in a search engine, whose documents follow a catalogue; see `engine.followed`."""

    error = EngineError
    keeps_metadata = True

    def __init__(
        self, engine: Engine | None, index: str, name: str, reader: StateReader, state: StoreState
    ) -> None:
        """Use `open`, `build` or `without_tokens` instead."""
        super().__init__(name, reader, state)
        self.store = self
        self._engine, self._index, self._states = engine, index, reader

    @classmethod
    def open(cls, engine: Engine, index: str, name: str, reader: StateReader) -> Self | None:
        """Open what the alias `index` stands for, which people call `name`; None where there is nothing to follow.

        Raises:
            EngineError: it is damaged, or made by a newer version.
            EngineUnavailableError: the engine cannot be reached.
        """
        found = find_followed(engine, index)
        if found is None or _is_strange(found, reader):
            return None
        return cls._of(engine, index, name, reader, found)

    @classmethod
    def build(
        cls,
        engine: Engine,
        index: str,
        name: str,
        reader: StateReader,
        blocks: Iterable[tuple[Int64, Rows]],
        *,
        dimension: int,
        metric: Metric,
        graph: bool,
        stamp: int,
    ) -> Self:
        """Make the index anew from the vectors of `blocks`, which `reader` can read too; see `build_followed`."""
        found = build_followed(
            engine, index, reader, blocks, metric=metric, recall=RECALL, graph=graph, stamp=stamp
        )
        if found is None:
            return cls.without_tokens(index, name, reader, dimension=dimension, metric=metric, stamp=stamp)
        return cls._of(engine, index, name, reader, found)

    @classmethod
    def without_tokens(
        cls,
        index: str,
        name: str,
        reader: StateReader,
        *,
        dimension: int,
        metric: Metric,
        stamp: int,
        trouble: LookalikeError | None = None,
    ) -> Self:
        """Return an index that compares every row that `reader` has; `trouble` says why, where there are rows."""
        return cls(
            None, index, name, reader, without_buckets(_options(dimension, metric), name, stamp, trouble)
        )

    @classmethod
    def _of(cls, engine: Engine, index: str, name: str, reader: StateReader, found: Followed) -> Self:
        header, stamp = found.target.header, found.follows.stamp
        made = cls(
            engine, index, name, reader, settled(_options(header.dimension, header.metric), name, None, stamp)
        )
        made._take(found)
        return made

    def refresh(self) -> bool:
        """See `SharedIndex`."""
        with self._writing:
            known = self._followed
            found = None if self._engine is None else find_followed(self._engine, self._index, known)
            if found is None or _is_strange(found, self._states):
                return False
            state = self._state
            if known is None or (known.target.index, state.seen) != (found.target.index, found.follows.stamp):
                self._take(found)
            return True

    def fits(self) -> bool:
        """See `SharedIndex`: few documents are all compared, however many there were."""
        known = self._followed
        if known is None or not is_of_few(known.target.scheme):
            return super().fits()
        header = known.target.header
        return len(self._reader) <= rows_compared(header.dimension, header.vector)

    def ids(self) -> Int64:
        """See `SharedIndex`."""
        known = self._followed
        return np.empty(0, dtype=np.int64) if known is None else kept_numbers(known.target)

    def misplaced(self, ids: Int64, vectors: Rows) -> Bool:
        """See `SharedIndex`: which have no document with their vectors and metadata."""
        known = self._followed
        if known is None:
            return np.zeros(len(ids), dtype=np.bool_)
        return differing(known.target, ids, prepared(vectors, self.metric), self._states)

    def close(self) -> None:
        """See `VectorIndex`; the engine is its owner's to close."""
        self._engine = None

    def _apply(self, removed: Int64, ids: Int64, rows: Rows, stamp: int) -> bool:
        """See `SharedIndex`."""
        known = self._followed
        changed = None if known is None else change_followed(known, removed, ids, rows, self._states, stamp)
        if changed is None:
            return False
        self._take(changed)
        return True

    def _take(self, found: Followed) -> None:
        """Use documents as they are in the engine now, without a tail."""
        self._settle(settled(self._state.options, self.name, TokenFinder(self, found), found.follows.stamp))

    @property
    def _followed(self) -> Followed | None:
        finder = self._state.probing
        return finder.followed if isinstance(finder, TokenFinder) else None


def _options(dimension: int, metric: Metric) -> Options:
    return Options.of(
        metric=metric,
        dimension=dimension,
        recall=RECALL,
        seed=0,
        scan_below=0,
        family=None,
        dtype="float32",
    )


def _is_strange(found: Followed, reader: StateReader) -> bool:
    """Whether documents were being brought to a state that this catalogue never had: it may have been restored."""
    writing = found.follows.writing
    return writing is not None and reader.generation_of(writing) is None
