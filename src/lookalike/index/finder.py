"""What finds rows that are kept elsewhere and shared with others, such as buckets in a store or a search engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from lookalike.arrays import Float32, Int64
from lookalike.buckets import BucketStats
from lookalike.errors import LookalikeError
from lookalike.index.approximate import Answer
from lookalike.index.base import VectorReader
from lookalike.index.plan import Measured
from lookalike.index.reports import RecallMeasurement, TableExplanation

if TYPE_CHECKING:
    from lookalike.index.fetched_rows import FetchedRows


class StaleBucketsError(Exception):
    """Buckets or tokens could not be read, or are of another state than the one that is asked for; look anew."""

    def __init__(self, probing: Finder, cause: LookalikeError | None = None) -> None:
        super().__init__("the buckets are of another state")
        self.probing = probing
        self.cause = cause


class Finder(Measured, Protocol):
    """Finds the rows of one state of what others write, too. It never changes, and threads may share it."""

    @property
    def store(self) -> object:
        """What is asked: the same object for all its states."""
        ...

    @property
    def rows(self) -> int:
        """How many rows it was fitted to."""
        ...

    @property
    def measured(self) -> tuple[RecallMeasurement, ...]:
        """What is known of its recall."""
        ...

    def search(
        self,
        rows: FetchedRows,
        queries: Float32,
        k: int,
        recall: float,
        share: float,
        allow: Int64 | None,
        threads: int,
    ) -> Answer | None:
        """Return the nearest rows of each of `queries` (q, d), or None where comparing every row is better.

        Args:
            rows: which of them are hidden, and where vectors are.
            share: of all rows, may be found.
            allow: the ids that may be found, ascending; None for all.

        Raises:
            StaleBucketsError: it cannot be asked, or is of another state.
        """
        ...

    def is_current(self, seen: int, reader: VectorReader) -> bool:
        """Return whether it is asked of the state `seen`, or of one that vectors of `reader` can answer for.

        Raises:
            BucketStoreError, EngineError: it cannot be asked.
        """
        ...

    def tables(self, query: Float32, vector: Float32, k: int, recall: float) -> tuple[TableExplanation, ...]:
        """Tell which buckets one query (1, d) looks into for `k` at `recall`, and which a row (1, d) is in."""
        ...

    def tokens(self, query: Float32, vector: Float32) -> tuple[tuple[str, float], ...]:
        """Return the tokens that a row (1, d) shares with a query (1, d), with their weights, largest first.

        There are none where buckets are told of instead.
        """
        ...

    def described(self) -> tuple[str, Mapping[str, Any]]:
        """Return the name of the family that made buckets or tokens, and its parameters."""
        ...

    def stats(self) -> BucketStats:
        """Return counts and sizes. Raises BucketStoreError, EngineError where it cannot be asked."""
        ...
