"""What reading asks of a database: connections of its driver, and the SQL that is its own, as text.

`sqlite/` and `postgresql/` answer it; another database is one more folder beside them. What is built from conditions,
and all writing, is in SQLAlchemy Core and goes through a `Dialect`. That half is loaded when it is first needed, as
loading it takes ten times as long as a search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from lookalike.catalogue.driver import DriverConnection
from lookalike.errors import CollectionError

if TYPE_CHECKING:
    from lookalike.catalogue.dialect import Dialect


class Database(Protocol):
    """One database that holds, or will hold, one catalogue."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises."""
        ...

    @property
    def name(self) -> str:
        """What messages call it: the path of a file, or an address without its password."""
        ...

    def dialect(self) -> Dialect:
        """The half that SQLAlchemy does; it is loaded now."""
        ...

    # --- Connections ---

    def open(self) -> DriverConnection:
        """A new connection, which is in no transaction but by `begin`.

        Raises: CollectionMissingError, CollectionReadOnlyError, and what `translated` makes of the driver's errors.
        """
        ...

    def reusable(self, connection: DriverConnection) -> bool:
        """Whether another transaction may begin on it later."""
        ...

    def begin(self, connection: DriverConnection, *, writes: bool) -> None:
        """Begin a transaction that sees one state of the catalogue.

        One that `writes` has the right to do so from the start, so that it cannot fail half-way because another
        process wrote first.

        Raises: CollectionLockedError when another process goes on writing.
        """
        ...

    def translated(self, error: Exception) -> CollectionError:
        """The error of Lookalike's own that says what an error of the driver means."""
        ...

    def upgrade(self) -> None:
        """Bring a catalogue of an older schema to `SCHEMA_VERSION`, in one transaction.

        Raises: CollectionReadOnlyError where it may not be written.
        """
        ...

    # --- SQL. Parameters are written `:name`. ---

    def execute(
        self, connection: DriverConnection, statement: str, parameters: Mapping[str, Any], *, streamed: bool
    ) -> Any:
        """Send a query; return its cursor, as PEP 249 has it.

        If it is to be `streamed`, rows come from the database as they are fetched. Errors are the driver's own.
        """
        ...

    def members(self, name: str, of: type[int] | type[str]) -> str:
        """A query for the values of the parameter `name`, which is a `packed` list of any length."""
        ...

    def packed(self, values: Sequence[int] | Sequence[str]) -> Any:
        """A list as the one parameter that `members` reads; texts that no database can hold may be left out."""
        ...

    def as_list(self, *columns: str) -> str:
        """An aggregate: the rows as one JSON list, of values if there is one column, else of lists."""
        ...

    def stored_bytes(self, column: str) -> str:
        """The column, null where what is stored is no bytes."""
        ...
