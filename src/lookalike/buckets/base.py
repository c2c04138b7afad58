"""The contract of a bucket store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from lookalike.arrays import Bool, Int32, Int64, UInt64
from lookalike.errors import OptionError


@dataclass(frozen=True, slots=True)
class Header:
    """What the buckets were made of. The store keeps it, and reads no more than the number of tables."""

    stamp: int
    """The state of the data that the buckets reflect: 64 bits, drawn and not counted."""
    tables: tuple[str, ...]
    """The UUID of each table's function: keys of others are never mixed in."""
    properties: Mapping[str, Any]
    """JSON types: the fitted family, the recall measured."""

    def properties_json(self) -> str:
        """Return the properties as JSON. Raises OptionError where they are none."""
        try:
            return json.dumps(dict(self.properties))
        except (TypeError, ValueError, RecursionError) as error:
            raise OptionError(f"properties cannot be kept as JSON: {error}") from None


class Found(Protocol):
    """What is known of the candidates of q queries, in whatever form these are."""

    @property
    def counts(self) -> Int64:
        """How many candidates each query has, (q,)."""
        ...

    @property
    def met(self) -> Int64:
        """See `Candidates`."""
        ...

    @property
    def cut(self) -> Bool:
        """See `Candidates`."""
        ...

    def of(self, queries: Bool) -> Self:
        """Return the candidates of those queries of which `queries` (q,) is true."""
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who is in the probed buckets of q queries."""

    offsets: Int64
    """(q + 1,): the candidates of query i are `ids[offsets[i] : offsets[i + 1]]`."""
    ids: Int64
    """(n,), ascending within a query."""
    hits: Int32
    """(n,), in how many tables each was met."""
    met: Int64
    """(q,), how many different ids the buckets hold, whether or not they are allowed. How many of these a filter
    leaves tells how dense it is near the query, and so how much farther to look."""
    cut: Bool
    """(q,), whether `limit` left some out."""
    stamp: int | None = None
    """Of the one state of the buckets that all of these are from; None where there are no buckets."""

    @property
    def counts(self) -> Int64:
        """See `Found`."""
        return np.diff(self.offsets)

    def of(self, queries: Bool) -> Self:
        """See `Found`."""
        if queries.all():
            return self
        counts = self.counts
        theirs = np.repeat(queries, counts)
        return replace(
            self,
            offsets=np.append(0, np.cumsum(counts[queries])),
            ids=self.ids[theirs],
            hits=self.hits[theirs],
            met=self.met[queries],
            cut=self.cut[queries],
        )


@dataclass(frozen=True, slots=True)
class BucketStats:
    """Counts and sizes of a bucket store."""

    ids: int
    tables: int
    buckets: int
    """Buckets in use, over all tables."""
    largest_bucket: int
    median_bucket: float
    bytes: int = 0
    """What the buckets take where they are kept, with all that the store keeps beside them."""
    notes: tuple[str, ...] = ()
    """What the owner should know: buckets that are capped, for one."""
    histogram: tuple[int, ...] = ()
    """How many buckets have 1 id, 2 to 3, 4 to 7, and so on; empty where the store does not tell."""


class BucketStore(Protocol):
    """Keeps the ids of each bucket of each table, in one namespace of a store.

    It sees ids (int64 from 0) and keys only, never vectors or families. Safe for threads; a context manager, which
    closes it: a store that inherits this class need not say how. A reader sees the buckets before or after a write,
    never amid one.

    Raises:
        BucketStoreError: any method, where the store refuses or gives what it should not, or was closed.
        BucketStoreUnavailableError: any method, where it cannot be reached within the timeout.
    """

    def header(self) -> Header | None:
        """Return what the buckets were filled with, its stamp that of the last write; None where there are none."""
        ...

    def fill(self, header: Header, batches: Iterable[tuple[Int64, UInt64]]) -> None:
        """Replace all buckets by those of `batches`: ids (n,) and their keys (n, tables). No id is there twice.

        Readers see the old buckets until all batches are in; where one fails, the old buckets stay.

        Raises:
            VectorError: not as many keys as ids, or another number of tables than the header names.
            DuplicateIdError: an id is there twice.
            OptionError: properties that are no JSON.
        """
        ...

    def apply(self, removed: Int64, ids: Int64, keys: UInt64, *, seen: int, stamp: int) -> bool:
        """Take `removed` out, put `ids` (n,) into the buckets of `keys` (n, tables), and set the stamp, in one step.

        Ids to take out that are not there are passed over; those to put in that are there are moved.

        Args:
            seen: the stamp that the change starts from.
            stamp: the stamp that it leads to.

        Returns:
            False, with nothing done, where the stamp is not `seen` any more, or there are no buckets.

        Raises:
            VectorError, DuplicateIdError: see `fill`.
        """
        ...

    def candidates(self, keys: UInt64, *, limit: int, allow: Int64 | None = None) -> Candidates:
        """Return who is in the probed buckets, in one round trip for the whole batch; nobody before `fill`.

        Args:
            keys: (q, tables, probes); a key that is repeated within a table counts once.
            limit: the most ids a query: of more, those that most tables have, and of these the lowest.
            allow: only these ids, where given.

        Raises:
            VectorError: keys of another number of tables.
            OptionError: a limit below 1.
        """
        ...

    def ids(self) -> Int64:
        """Return the ids that are in the buckets, (n,), ascending: for who has to compare them all."""
        ...

    def stats(self) -> BucketStats:
        """Return counts."""
        ...

    def drop(self) -> None:
        """Take out everything, header too."""
        ...

    def close(self) -> None:
        """Let go of connections; what is stored stays."""
        ...

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()
