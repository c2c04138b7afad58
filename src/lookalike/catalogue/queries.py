"""What creating, reading and writing ask of the database, each statement built once and compiled once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import decode
from lookalike.catalogue.checksums import is_sound
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.metadata import is_unicode
from lookalike.catalogue.prepared import Prepared
from lookalike.catalogue.records import FeatureRecord, Source
from lookalike.catalogue.schema import features, places, sources, state, vectors, writes
from lookalike.errors import CollectionDamagedError, UnknownFeatureError


class Queries:
    """Questions to one catalogue, on a connection that is handed to each."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def column(self, connection: Connection, query: Select[Any], **parameters: Any) -> Int64:
        """The numbers (n,) that a query of one column gives, ascending."""
        gathered = select(self.dialect.as_list(query.subquery().c[0]))  # several times faster than rows
        return decode.number_list(connection.execute(gathered, parameters).scalar_one())

    def state(self, connection: Connection) -> dict[str, Any]:
        """The one row of `state`. Raises CollectionDamagedError."""
        found = connection.execute(select(state)).mappings().all()
        if len(found) != 1 or not is_sound(list(found[0].values())):
            raise CollectionDamagedError(f"{self.dialect.name} is damaged (no state); restore it from a copy")
        return dict(found[0])

    def stamp(self, connection: Connection) -> int:
        """The stamp of the present state."""
        found = self._stamp.rows(connection)
        if not found or not isinstance(found[0][0], int):
            raise CollectionDamagedError(f"{self.dialect.name} is damaged (no stamp); restore it from a copy")
        return found[0][0]

    def features(self, connection: Connection) -> dict[str, tuple[int, FeatureRecord]]:
        """Keys and records of the features by name, in the order in which they were added."""
        return decode.features(self._features.rows(connection))

    def feature(self, connection: Connection, name: str) -> tuple[int, FeatureRecord]:
        """Key and record of a feature. Raises UnknownFeatureError."""
        known = self.features(connection)
        if name not in known:
            there = ", ".join(known) or "none"
            raise UnknownFeatureError(f"there is no feature {name!r}; the collection has: {there}")
        return known[name]

    def numbers(self, connection: Connection, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        texts = [id_ for id_ in ids if isinstance(id_, str)]  # nothing else is the id of a source
        found = self._numbers.rows(connection, ids=self.dialect.packed(texts))
        return {row[0]: row[1] for row in decode.checked(found, decode.ID_NUMBER, "sources")}

    def sources(self, connection: Connection, numbers: Iterable[int]) -> dict[int, Source]:
        """Those of the sources `numbers` that are there, by number."""
        return decode.sources(self._sources.rows(connection, numbers=self.dialect.packed(list(numbers))))

    def hit_rows(self, connection: Connection, numbers: Sequence[int]) -> HitRows:
        """What hits tell of those of the sources `numbers` that are there."""
        return decode.hit_rows(self._hits.rows(connection, numbers=self.dialect.packed(numbers)))

    def stored_query(
        self, connection: Connection, id_: str, names: Sequence[str]
    ) -> tuple[int, dict[str, Float32]] | None:
        """The number of the source `id_`, and its vectors of those of the features `names` that it has."""
        if not is_unicode(id_):
            return None  # as no source has it
        found = self._stored_query.rows(connection, id=id_, features=self.dialect.packed(names))
        if not found:
            return None
        having: dict[str, Float32] = {}
        for number, name, key, dimension, *vector in found:
            if name is not None:
                _, decoded = decode.vectors([(number, *vector)], name, key, dimension)
                having[name] = decoded[0]
        return decode.number(found[0][0]), having

    def vectors(self, connection: Connection, feature: int, numbers: Iterable[int]) -> Sequence[decode.Row]:
        """The rows that `decode.vectors` takes of those of `numbers` that have a vector of the feature."""
        packed = self.dialect.packed(list(numbers))
        return self._vectors.rows(connection, feature=feature, numbers=packed)

    def stored(self, feature: int) -> Select[Any]:
        """The vectors of a feature as `decode.vectors` takes them."""
        return self._stored.where(vectors.c.feature == feature)

    @cached_property
    def _stored(self) -> Select[Any]:
        vector = self.dialect.stored_bytes(vectors.c.vector)
        return select(vectors.c.number, vectors.c.generation, vectors.c.checksum, vector)

    @cached_property
    def _stamp(self) -> Prepared:
        query = select(writes.c.stamp).join(state, state.c.generation == writes.c.generation)
        return Prepared(self.dialect, query)

    @cached_property
    def _features(self) -> Prepared:
        return Prepared(self.dialect, select(features).order_by(features.c.feature))

    @cached_property
    def _numbers(self) -> Prepared:
        among = sources.c.id.in_(self.dialect.members("ids", str))
        return Prepared(self.dialect, select(sources.c.id, sources.c.number).where(among))

    @cached_property
    def _sources(self) -> Prepared:
        return self._located(*sources.c, places.c.path, places.c.size, places.c.modified_ns)

    @cached_property
    def _hits(self) -> Prepared:
        told = sources.c.number, sources.c.id, sources.c.width, sources.c.height, sources.c.metadata
        return self._located(*told, places.c.path)

    def _located(self, *columns: ColumnElement[Any]) -> Prepared:
        """Columns of the sources `numbers` and of their places, one row a place or one without."""
        query = select(*columns).outerjoin(places, places.c.number == sources.c.number)
        return Prepared(self.dialect, query.where(sources.c.number.in_(self.dialect.members("numbers", int))))

    @cached_property
    def _stored_query(self) -> Prepared:
        # The bytes of other features' vectors are not read.
        vector = case((features.c.name.is_not(None), self.dialect.stored_bytes(vectors.c.vector)))
        asked = features.c.name.in_(self.dialect.members("features", str))
        query = (
            select(sources.c.number, features.c.name, features.c.feature, features.c.dimension)
            .add_columns(vectors.c.generation, vectors.c.checksum, vector)
            .outerjoin(vectors, vectors.c.number == sources.c.number)
            .outerjoin(features, and_(features.c.feature == vectors.c.feature, asked))
            .where(sources.c.id == bindparam("id"))
        )
        return Prepared(self.dialect, query)

    @cached_property
    def _vectors(self) -> Prepared:
        among = vectors.c.number.in_(self.dialect.members("numbers", int))
        return Prepared(self.dialect, self._stored.where(vectors.c.feature == bindparam("feature"), among))
