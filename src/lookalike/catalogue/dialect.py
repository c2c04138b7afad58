"""What a database does for writing, and for reading what conditions select: the other half of `database.py`.

What is the same everywhere is written once, in SQLAlchemy Core, in the files beside this one; they use the dialect that
they are handed, and know none by name.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Select, Table

from lookalike.catalogue.driver import DriverConnection
from lookalike.catalogue.records import Metadata, Problem
from lookalike.catalogue.text import Phrase
from lookalike.catalogue.where import Condition


class Dialect(Protocol):
    """One database that holds, or will hold, one catalogue, as SQLAlchemy sees it."""

    @property
    def name(self) -> str:
        """What messages call it: the path of a file, or an address without its password."""
        ...

    # --- Connections ---

    def create(self, fill: Callable[[Connection], None]) -> None:
        """Make the index of metadata, and call `fill` to make the rest; all of it appears, or nothing.

        Raises: CollectionExistsError, also when another process was first; CollectionError when it cannot be made.
        """
        ...

    def core(self, driver: DriverConnection) -> Connection:
        """SQLAlchemy's connection over one of the driver's, which is closed with it; a transaction goes on.

        All errors leave it as LookalikeErrors.
        """
        ...

    # --- Statements ---

    def members(self, name: str, of: type[int] | type[str]) -> Select[Any]:
        """A query for the values of the parameter `name`, which is a `packed` list of any length."""
        ...

    def packed(self, values: Sequence[int] | Sequence[str]) -> Any:
        """A list as the one parameter that `members` reads."""
        ...

    def as_list(self, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        """An aggregate: the rows as one JSON list, of values if there is one column, else of lists."""
        ...

    def insert(self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert `rows`, all of the same columns, none of which is there."""
        ...

    def upsert(
        self, connection: Connection, target: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        """Insert `rows`, or update those whose `key` is there; of several with one key the last counts."""
        ...

    def stored_bytes(self, column: ColumnElement[bytes]) -> ColumnElement[bytes | None]:
        """The column, null where what is stored is no bytes."""
        ...

    def is_row_of(self, path: ColumnElement[str], file: str) -> ColumnElement[bool]:
        """Whether `path` is `file#ROW`. The file `x#1.npy` is no row of `x`."""
        ...

    # --- Metadata, JSON text as `metadata.encoded` writes it ---

    def field_entries(self) -> Any:
        """`sources.metadata` taken apart: one row (`key`, `type`) a field, to be joined with `sources`.

        Types are those of SQLite: text, integer, real, true, false, array, object, null.
        """
        ...

    def field_values(self, field: str) -> Any:
        """The values of `field` in `sources.metadata`, members of lists one by one: rows (`value`, `type`).

        To be joined with `sources`.
        """
        ...

    def as_number(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A `value` of `field_values` that is one, as a number to compare."""
        ...

    # --- The index of metadata: words, as `text.indexed` has them, and whatever else filters need ---

    def index_entry(self, metadata: Metadata) -> tuple[Any, ...]:
        """What the index has of a source with these metadata."""
        ...

    def index_metadata(self, connection: Connection, metadata: Iterable[tuple[int, Metadata]]) -> None:
        """Put sources, by number, into the index."""
        ...

    def forget_metadata(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Take sources out of the index."""
        ...

    def clear_index(self, connection: Connection) -> None:
        """Make the index anew, with nothing in it, whatever state it is in."""
        ...

    def index_entries(self, connection: Connection) -> Generator[tuple[int, tuple[Any, ...]], None, None]:
        """What is in the index, in ascending order of number."""
        ...

    def matching(self, conditions: Sequence[Condition], phrases: Sequence[Phrase] = ()) -> Select[Any]:
        """A query for the numbers of the sources that meet all `conditions` and have all `phrases`.

        Conditions are on metadata, as `Where.matches` defines them; a phrase lies within one of `text.PARTS`.
        """
        ...

    def with_field(self, field: str) -> Select[Any]:
        """A query for the numbers of the sources whose metadata have `field` (null counts as not)."""
        ...

    def text_scores(
        self,
        connection: Connection,
        phrases: Sequence[Phrase],
        numbers: Sequence[int] | None,
        limit: int | None,
    ) -> Sequence[tuple[int, float]]:
        """Numbers (of `numbers`, if given) and scores of the sources with all `phrases`, as `Catalogue.text_scores`."""
        ...

    # --- State ---

    def bytes_used(self, connection: Connection) -> int:
        """Bytes that the catalogue takes on disk."""
        ...

    def tables_checksum(self, connection: Connection) -> int:
        """CRC-32 of how the tables and indexes are defined in the database."""
        ...

    def problems(self, connection: Connection) -> Iterator[Problem]:
        """Damage of the database's own structures."""
        ...
