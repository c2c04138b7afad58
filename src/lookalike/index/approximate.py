"""What a base asks of its buckets, whichever kind they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64, Rows
from lookalike.buckets import BucketStats
from lookalike.index.exact_rows import ExactRows
from lookalike.index.reports import RecallMeasurement, TableExplanation
from lookalike.index.sketches.error_bound import estimate
from lookalike.index.sketches.sketched_rows import SketchedRows

Bool = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]
Answer = tuple[Int64, Float32]
"""Ids and distances (q, k), nearest first, padded with -1 and infinity."""
OneSearch = Callable[[Any], Answer | None]
"""Answers one query by a search without a filter, where the query is an ordinary one; else returns None."""


@dataclass(frozen=True, eq=False)
class RowMask:
    """The rows of a base that may be found."""

    rows: Bool
    """(n,), by row."""
    mask: npt.NDArray[np.uint16]
    """The same, as `SketchedRows.mask` gives it."""
    share: float
    """Of all rows."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """Where a search puts the recall that it estimates of each answer, and what it needs for that."""

    recalls: Float32
    """(q,), NaN at first, which stays where nothing is known of it."""
    find: Callable[[Int64], Int64]
    """Returns the row of the base of each id, -1 where there is none."""

    def of(self, queries: slice) -> Estimates:
        """Return those of some of the queries."""
        return Estimates(self.recalls[queries], self.find)


class ApproximateSearch(ABC):
    """A way to answer from a base without comparing every row."""

    kind: ClassVar[str]
    """What the manifest calls it."""

    sketched: SketchedRows | ExactRows
    """The rows and their sketches, or rows that have none."""

    @abstractmethod
    def search(
        self,
        queries: Float32,
        k: int,
        recall: float,
        visible: RowMask | None,
        max_distance: float,
        threads: int,
        estimates: Estimates | None = None,
    ) -> Answer | None:
        """Return the nearest rows of each query, or None where comparing every row is better.

        Args:
            queries: (q, d), of length one under cosine.
            visible: the rows that may be found; None for all.
            max_distance: farther rows need not be found; `SearchPlan` leaves them out.
            estimates: where given, filled by those who know what was missed.
        """

    def one_search(self, k: int, recall: float) -> OneSearch | None:
        """Return a quicker way to answer one query at a time; None where there is none.

        It takes what `Index.search` takes, checks it as far as it needs, and answers as `search` does. Where it returns
        None, `search` is to be asked.
        """
        return None

    def visible(self, rows: Bool) -> RowMask:
        """Return the form of `rows` (n,), those that may be found, that `search` takes."""
        share = float(np.count_nonzero(rows)) / max(1, len(rows))
        return RowMask(rows, self.sketched.mask(rows), share)

    @abstractmethod
    def tuned(self, seed: int, threads: int) -> Self:
        """Return these buckets with their recall measured anew."""

    @abstractmethod
    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """Return what a search for `k` at `recall` would use, and what was measured of it; None for a scan."""

    @abstractmethod
    def measurements(self) -> tuple[RecallMeasurement, ...]:
        """Return all that was measured."""

    def notes(self) -> tuple[str, ...]:
        """Return what is to be said of the recall that was measured."""
        return ()

    @abstractmethod
    def tables(
        self, query: Float32, row: int, vector: Float32, k: int, recall: float
    ) -> tuple[TableExplanation, ...]:
        """Tell which buckets one query (1, d) looks into for `k` at `recall`, and which the row is in.

        Args:
            vector: the row, (1, d).
        """

    def estimate(self, query: Rows, row: int) -> tuple[float, float] | None:
        """Return the sketch's estimate of the distance of one query (1, d), and its error bound; None without one."""
        return estimate(self.sketched, query, row) if isinstance(self.sketched, SketchedRows) else None

    @abstractmethod
    def buckets(self) -> tuple[str, Mapping[str, Any], BucketStats]:
        """Return the name of the family, its parameters, and counts of its buckets."""

    def arrays(self) -> dict[str, Array]:
        """Return the arrays of the sketches by name; the rows and their ids are the base's own."""
        return self.sketched.arrays()

    @abstractmethod
    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return JSON types and arrays to save, beside the base's and those of `arrays`."""
