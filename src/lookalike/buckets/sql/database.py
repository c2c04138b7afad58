"""What a bucket store asks of an SQL database."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from lookalike.arrays import Int64, UInt64
from lookalike.buckets.base import Header
from lookalike.buckets.packed import Probed
from lookalike.buckets.sql.changes import Changes, Row
from lookalike.buckets.table import Table
from lookalike.errors import BucketStoreError

T = TypeVar("T")
LAYOUT = 1
"""The version of what tables there are, and of what they hold."""
COLUMNS = "layout, generation, stamp, wide, ids, changes, header"
"""Of the row of a namespace, in the order of `State.row`."""
NARROW, WIDE = np.dtype("<i4"), np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class State:
    """The row of a namespace: which generation of tables holds its buckets, and where these are."""

    header: Header
    generation: int
    """Drawn, not counted, so that none is taken for another. Its tables are named by it."""
    wide: bool
    """Whether entries have 64 bits; else 32."""
    ids: int
    changes: int

    @classmethod
    def new(cls, header: Header, *, wide: bool, ids: int) -> Self:
        """Return the state of a new generation."""
        return cls(header, secrets.randbits(63), wide, ids, 0)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of entries, as buckets hold them."""
        return WIDE if self.wide else NARROW

    def at(self, stamp: int, *, ids: int, changes: int) -> Self:
        """Return the state after a change."""
        return replace(self, header=replace(self.header, stamp=stamp), ids=ids, changes=changes)

    def row(self) -> tuple[int, int, int, int, int, int, str]:
        """Return the values of `COLUMNS`. Raises OptionError for properties that are no JSON."""
        header = f"[{json.dumps(self.header.tables)}, {self.header.properties_json()}]"
        stamp = signed(np.array([self.header.stamp], dtype=np.uint64))[0]
        return LAYOUT, self.generation, int(stamp), int(self.wide), self.ids, self.changes, header

    @classmethod
    def of_row(cls, row: Sequence[Any], name: str) -> Self:
        """Return the state of the values of `COLUMNS`.

        Raises:
            BucketStoreError: of another version's layout, or what no version wrote.
        """
        layout, generation, stamp, wide, ids, changes, text = row
        if layout != LAYOUT:
            raise BucketStoreError(
                f"{name} has buckets of layout {layout}; this version of Lookalike reads layout {LAYOUT}"
            )
        try:
            tables, properties = json.loads(text)
            header = Header(stamp % 2**64, tuple(tables), properties)
        except (TypeError, ValueError) as error:
            raise BucketStoreError(f"{name} has a header that cannot be read; fill it again") from error
        return cls(header, generation, bool(wide), ids, changes)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one look at the buckets sees: all of one moment."""

    stamp: int
    changes: list[Row]
    """Those after the ones that were known."""
    contents: list[bytes | None]
    """Of each bucket that was asked for, packed entries; None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """All buckets of one table."""

    keys: UInt64
    entries: bytes
    lengths: Int64
    """Of each bucket, in bytes."""

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes]]) -> Self:
        """Return the buckets of rows of a key, as SQL has it, and packed entries."""
        return cls(
            np.array([key for key, _ in rows], dtype=np.int64).view(np.uint64),
            b"".join(entries for _, entries in rows),
            np.array([len(entries) for _, entries in rows], dtype=np.int64),
        )

    def live(self, state: State, changes: Changes) -> tuple[Int64, UInt64]:
        """Return the ids that are in buckets, and the keys of these."""
        kept, ids = changes.live(np.frombuffer(self.entries, dtype=state.dtype))
        return ids, np.repeat(self.keys, self.lengths // state.dtype.itemsize)[kept]

    def sizes(self, state: State, changes: Changes) -> Int64:
        """Return how many ids each bucket has that has any."""
        sizes: Int64 = np.unique(self.live(state, changes)[1], return_counts=True)[1]
        return sizes


class Writer(Protocol):
    """A transaction that writes to one namespace, and the only one that does so."""

    state: State | None
    """The namespace's row as it is now."""

    def replace(self, state: State, ids: Int64, tables: Iterable[Table]) -> None:
        """Write a generation of buckets and their ids, and take the old one away."""
        ...

    def keep(self, state: State) -> None:
        """Replace the row of the namespace."""
        ...

    def changes(self, known: int) -> list[Row]:
        """Return all changes but the first `known`."""
        ...

    def change(self, first: int, rows: Iterable[Row]) -> None:
        """Add rows of changes, numbered from `first`."""
        ...

    def leave(self, ids: Int64) -> Int64:
        """Forget ids, and return those that were there."""
        ...

    def enter(self, ids: Int64) -> None:
        """Add ids, none of which is there."""
        ...

    def append(self, number: int, table: Table) -> None:
        """Append members to buckets of the table of that number."""
        ...

    def contents(self, number: int) -> Contents:
        """Return all buckets of a table."""
        ...

    def drop(self) -> None:
        """Take the namespace away."""
        ...


class Database(Protocol):
    """One namespace of a database. Safe for threads."""

    name: str
    """As messages call it."""

    def state(self) -> State | None:
        """Return the row of the namespace."""
        ...

    def look(self, state: State, known: int, probed: Probed) -> Answer | None:
        """Return what buckets hold, and the changes but the first `known`; None if the generation is gone."""
        ...

    def ids(self, state: State) -> Int64 | None:
        """Return the ids that are in the buckets, ascending; None if the generation is gone."""
        ...

    def sizes(self, state: State, changes: Changes) -> tuple[Int64, int] | None:
        """Return how many ids each bucket has, and the bytes of all; None if the generation is gone."""
        ...

    def write(self, work: Callable[[Writer], T]) -> T:
        """Return what `work` does in one transaction, which is tried again on a connection that was lost."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def buckets_of(table: Table, dtype: np.dtype[Any]) -> Iterator[tuple[int, bytes]]:
    """Yield the key of each bucket, as SQL has it, and its packed entries."""
    packed = table.members.astype(dtype).tobytes()
    bounds = (table.starts * dtype.itemsize).tolist()
    for i, key in enumerate(signed(table.keys).tolist()):
        yield key, packed[bounds[i] : bounds[i + 1]]


def signed(numbers: UInt64) -> Int64:
    """Return numbers of 64 bits as SQL's integers, of which half are negative."""
    return numbers.view(np.int64)
