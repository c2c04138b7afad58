"""An open catalogue: its connections, its snapshots, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from lookalike.catalogue.database import Database
from lookalike.catalogue.reads import Reads
from lookalike.catalogue.records import SCHEMA_VERSION
from lookalike.catalogue.sessions import Session, Sessions
from lookalike.errors import CollectionError

if TYPE_CHECKING:
    from lookalike.catalogue.queries import Queries


class Handle:
    """What an open catalogue is, whatever is asked of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = Reads(database)
        self._sessions = Sessions(database)
        self._pinned: Session | None = None
        try:
            with self._session() as session:
                version, self._created_at = self._reads.version(session)
            if version < SCHEMA_VERSION:
                database.upgrade()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections. A closed catalogue stays closed; closing twice does no harm."""
        self._sessions.close()

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
        with self._session() as session:
            pinned = object.__new__(type(self))
            pinned.__dict__.update(self.__dict__, _pinned=session)
            yield pinned

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A transaction for reading: that of the snapshot, or one of its own."""
        if self._pinned is None:
            with self._sessions.begin() as session:
                yield session
        elif self._pinned.active:
            yield self._pinned
        else:
            raise CollectionError("the snapshot of the catalogue has ended; take a new one")

    @contextmanager
    def _querying(self) -> Iterator[Queries]:
        """The same, for questions of SQLAlchemy's."""
        with self._session() as session:
            yield self._queries(session)

    def _queries(self, session: Session) -> Queries:
        from lookalike.catalogue.queries import Queries

        return Queries(self._reads, session, self._database.dialect())

    @property
    def name(self) -> str:
        """What messages call the catalogue: the path of its file."""
        return self._database.name

    @property
    def created_at(self) -> str:
        """When the catalogue was created, ISO 8601 in UTC."""
        return self._created_at
