"""An open catalogue: its connections, its snapshots, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn, Self

from sqlalchemy import Connection, Engine, select

from lookalike.catalogue import decode, schema
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.queries import Queries
from lookalike.errors import CollectionDamagedError, CollectionError, CollectionVersionError


class Handle:
    """What an open catalogue is, whatever is asked of it."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._queries = Queries(dialect)
        self._engine: Engine | None = dialect.connect()
        self._pinned: Connection | None = None
        try:
            self._created_at = self._check_version()
        except BaseException:
            self.close()
            raise

    def _check_version(self) -> str:
        """When the catalogue was created; one of an older schema is upgraded first.

        Raises: CollectionVersionError, CollectionDamagedError, CollectionReadOnlyError.
        """
        with self._reading() as connection:
            query = select(schema.state.c.schema_version, schema.state.c.created_at)
            found = connection.execute(query).all()
        if len(found) != 1 or not decode.matches(found[0], decode.VERSION):
            raise CollectionDamagedError(f"{self.name} is damaged (no state); restore it from a copy")
        version, created_at = found[0]
        if version > schema.SCHEMA_VERSION:
            raise CollectionVersionError(
                f"{self.name} was made by a newer version of Lookalike (schema {version}; "
                f"this one knows up to {schema.SCHEMA_VERSION}); upgrade Lookalike"
            )
        if version < schema.SCHEMA_VERSION:
            self._dialect.upgrade()
        return str(created_at)

    def close(self) -> None:
        """Close all connections. A closed catalogue stays closed; closing twice does no harm."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise CollectionError(
            f"the catalogue {self.name} cannot be pickled or copied; open it anew where it is needed"
        )

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """This catalogue as it is now: `with catalogue.snapshot() as pinned: ...`.

        All that `pinned` reads is of one state, whatever is committed meanwhile. It is for one thread, and for
        reading only; within it, `snapshot()` is itself.

        Raises: CollectionError where the catalogue is closed.
        """
        with self._reading() as connection:
            pinned = object.__new__(type(self))
            pinned.__dict__.update(self.__dict__, _pinned=connection)
            yield pinned

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection in a transaction: that of the snapshot, or one of its own."""
        if self._pinned is not None:
            if self._pinned.closed:
                raise CollectionError("the snapshot of the catalogue has ended; take a new one")
            yield self._pinned
            return
        with self._connected() as connection:
            self._dialect.begin(connection, writes=False)
            yield connection

    def _connected(self) -> Connection:
        if self._engine is None:
            raise CollectionError(f"{self.name} is closed; open it again")
        return self._engine.connect()

    @property
    def name(self) -> str:
        """What messages call the catalogue: the path of its file."""
        return self._dialect.name

    @property
    def created_at(self) -> str:
        """When the catalogue was created, ISO 8601 in UTC."""
        return self._created_at
