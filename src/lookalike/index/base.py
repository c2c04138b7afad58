"""What a collection asks of an index of vectors, wherever its buckets are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy.typing as npt

from lookalike.arrays import Bool, Float32, Given, Int64, Metric, Rows
from lookalike.errors import LookalikeError
from lookalike.index.reports import Explanation, IndexStats

Ids = Sequence[int] | npt.NDArray[Any]
"""Whole numbers from 0 to 2**63 - 1, (n,), each there once."""


class VectorReader(Protocol):
    """Where an index that keeps no vectors of its own takes them from, such as one feature of a catalogue."""

    def __call__(self, ids: Int64) -> tuple[Int64, Rows]:
        """Return those of `ids` that are there, (n,) in any order, and their vectors, codes or sets (n, d)."""
        ...

    def ids(self) -> Int64:
        """Return the ids of all vectors, ascending."""
        ...

    def __len__(self) -> int:
        """Number of vectors."""
        ...


class IndexView(Protocol):
    """What an index holds at one moment. It never changes, and threads may share it.

    Rows and stamp are of one state, and so are the answers of several calls.
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        ...

    @property
    def stamp(self) -> int:
        """Which state of its source the rows are of: the number given with the last update."""
        ...

    @property
    def trouble(self) -> LookalikeError | None:
        """Why every row is compared where buckets are asked for: they cannot be reached, or are not to be trusted."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def contains(self, ids: Ids) -> Bool:
        """Return of each id whether there is a row of it, (n,).

        Raises:
            VectorError: not whole numbers from 0.
        """
        ...

    def search(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> tuple[Int64, Float32]:
        """Return the ids (q, k) and distances (q, k) of the nearest rows, nearest first, padded with -1 and infinity.

        Arguments and errors are those of `Index.search`.
        """
        ...

    def estimated_recall(
        self,
        queries: Given,
        k: int,
        *,
        allow: npt.NDArray[Any] | Sequence[int] | None = None,
        max_distance: float | None = None,
        recall: float | None = None,
        n_jobs: int = 1,
    ) -> Float32:
        """Return the recall that is estimated of each answer of such a search, (q,); NaN where it is not known.

        Arguments and errors are those of `Index.search`; for the estimate see `Index.estimated_recall`. No store or
        engine is asked.
        """
        ...

    def distances(self, query: Given, ids: Ids) -> Float32:
        """Return the exact distance of one query (d,) to the row of each id, (n,); NaN where there is no such row.

        Raises:
            VectorError: not one vector of the index's dimension, or ids that are not whole numbers from 0.
        """
        ...

    def vectors(self, ids: Ids) -> Rows:
        """Return the rows of these ids as they are kept, (n, d).

        Raises:
            UnknownIdError: there is no such row.
        """
        ...

    def explain(self, query: Given, id: int) -> Explanation:  # noqa: A002
        """Tell why row `id` is, or is not, among the candidates of `query` (d,).

        Raises:
            UnknownIdError: there is no such row.
            VectorError: not one vector of the index's dimension.
            OptionError: `id` is no whole number.
        """
        ...

    def stats(self) -> IndexStats:
        """Return counts, sizes and what the index knows of its recall."""
        ...


class VectorIndex(IndexView, Protocol):
    """An index that changes. Any thread may call any method; readers never wait for a writer."""

    def view(self) -> IndexView:
        """Return what the index holds now, which later updates leave as it is."""
        ...

    def update(self, removed: Ids, ids: Ids, vectors: Given, *, stamp: int) -> None:
        """Change rows and stamp for this process, in one step: all of it is done, or nothing.

        Arguments and errors are those of `Index.update`.
        """
        ...

    def publish(self) -> None:
        """Give what the index holds now to all processes.

        Raises:
            IndexFormatError, IndexStorageError, BucketStoreError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Let go of all that is open; afterwards every other call raises InputError. Views live on."""
        ...
