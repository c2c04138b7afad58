"""What writing, and reading what conditions select, ask of the database by SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select

from lookalike.arrays import Int64
from lookalike.catalogue import decode
from lookalike.catalogue.checksums import is_sound
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.reads import Reads
from lookalike.catalogue.records import FeatureRecord
from lookalike.catalogue.schema import state
from lookalike.catalogue.sessions import Session
from lookalike.errors import CollectionDamagedError


class Queries:
    """Questions within one session, whose transaction `connection` is in."""

    def __init__(self, reads: Reads, session: Session, dialect: Dialect) -> None:
        self._reads = reads
        self._session = session
        self.dialect = dialect
        self.connection = session.core(dialect)

    def column(self, query: Select[Any], **parameters: Any) -> Int64:
        """The numbers (n,) that a query of one column gives, ascending."""
        gathered = select(self.dialect.as_list(query.subquery().c[0]))  # several times faster than rows
        return decode.number_list(self.connection.execute(gathered, parameters).scalar_one())

    def state(self) -> dict[str, Any]:
        """The one row of `state`. Raises CollectionDamagedError."""
        found = self.connection.execute(select(state)).mappings().all()
        if len(found) != 1 or not is_sound(list(found[0].values())):
            raise CollectionDamagedError(f"{self.dialect.name} is damaged (no state); restore it from a copy")
        return dict(found[0])

    def features(self) -> dict[str, tuple[int, FeatureRecord]]:
        """Keys and records of the features by name, in the order in which they were added."""
        return self._reads.features(self._session)

    def feature(self, name: str) -> tuple[int, FeatureRecord]:
        """Key and record of a feature. Raises UnknownFeatureError."""
        return self._reads.feature(self._session, name)

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        return self._reads.numbers(self._session, ids)
