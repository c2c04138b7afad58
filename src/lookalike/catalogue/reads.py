"""What is read from the database again and again, in SQL that every database knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from lookalike.arrays import Int64, Rows
from lookalike.catalogue import decode
from lookalike.catalogue.database import Database
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.metadata import is_unicode
from lookalike.catalogue.records import SCHEMA_VERSION, FeatureRecord, Source, StoredLocation
from lookalike.catalogue.sessions import Session
from lookalike.errors import (
    CollectionDamagedError,
    CollectionVersionError,
    UnknownFeatureError,
)

_SOURCE = """
    sources.number, id, sha256, kind, sources.size, width, height, added_at, metadata, sources.generation,
    sources.checksum
"""
_FEATURE = """
    feature, name, extractor, options, "index", dimension, metric, version, model_hash, generation, checksum
"""


class Reads:
    """Questions to one database, in a session that is handed to each."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def version(self, session: Session) -> tuple[int, str]:
        """The schema's version, and when the catalogue was created.

        Raises: CollectionVersionError for a newer version; CollectionDamagedError.
        """
        found = session.rows("SELECT schema_version, created_at FROM state")
        if len(found) != 1 or not decode.matches(found[0], decode.VERSION):
            raise CollectionDamagedError(
                f"{self.database.name} is damaged (no state); restore it from a copy"
            )
        version, created_at = found[0]
        if version > SCHEMA_VERSION:
            raise CollectionVersionError(
                f"{self.database.name} was made by a newer version of Lookalike (schema {version}; "
                f"this one knows up to {SCHEMA_VERSION}); upgrade Lookalike"
            )
        return version, created_at

    def generation(self, session: Session) -> int:
        """Number of committed writes."""
        return int(session.rows("SELECT generation FROM state")[0][0])

    def stamp(self, session: Session) -> int:
        """The stamp of the present state."""
        found = session.rows("SELECT stamp FROM writes JOIN state ON state.generation = writes.generation")
        if not found or not isinstance(found[0][0], int):
            raise CollectionDamagedError(
                f"{self.database.name} is damaged (no stamp); restore it from a copy"
            )
        return found[0][0]

    def generation_of(self, session: Session, stamp: int) -> int | None:
        """The generation of the state that has or had `stamp`."""
        found = session.rows("SELECT generation FROM writes WHERE stamp = :stamp", stamp=stamp)
        return int(found[0][0]) if found else None

    def features(self, session: Session) -> dict[str, tuple[int, FeatureRecord]]:
        """Keys and records of the features by name, in the order in which they were added."""
        return decode.features(session.rows(f"SELECT {_FEATURE} FROM features ORDER BY feature"))

    def distributions(self, session: Session) -> tuple[int, str] | None:
        """What was put last by `Writer.put_distributions`, and the generation that it was measured in."""
        found = session.rows("SELECT generation, told FROM distributions")
        return (int(found[0][0]), str(found[0][1])) if found else None

    def changed_counts(self, session: Session, after: int) -> dict[str, tuple[int, int]]:
        """By feature that has any: how many vectors there are, and how many were written after a generation."""
        query = """
            SELECT name, count(*), sum(CASE WHEN vectors.generation > :after THEN 1 ELSE 0 END)
            FROM vectors JOIN features ON features.feature = vectors.feature GROUP BY name
        """
        return {row[0]: (int(row[1]), int(row[2])) for row in session.rows(query, after=after)}

    def feature(self, session: Session, name: str) -> tuple[int, FeatureRecord]:
        """Key and record of a feature. Raises UnknownFeatureError."""
        known = self.features(session)
        if name not in known:
            there = ", ".join(known) or "none"
            raise UnknownFeatureError(f"there is no feature {name!r}; the collection has: {there}")
        return known[name]

    def count(self, session: Session, feature: str | None) -> int:
        """Number of sources, or of vectors of a feature. Raises UnknownFeatureError."""
        if feature is None:
            return int(session.rows("SELECT count(*) FROM sources")[0][0])
        key, _ = self.feature(session, feature)
        return int(session.rows("SELECT count(*) FROM vectors WHERE feature = :key", key=key)[0][0])

    def column(self, session: Session, query: str, **parameters: object) -> Int64:
        """The numbers (n,) that a query of the one column `number` gives, ascending."""
        gathered = self.database.as_list("number")  # several times faster than rows
        return decode.number_list(
            session.rows(f"SELECT {gathered} FROM ({query}) AS found", **parameters)[0][0]
        )

    def numbers(self, session: Session, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        among = self.database.members("ids", str)
        query = f"SELECT id, number FROM sources WHERE id IN ({among})"
        texts = [id_ for id_ in ids if isinstance(id_, str)]  # nothing else is the id of a source
        found = session.rows(query, ids=self.database.packed(texts))
        return {row[0]: row[1] for row in decode.checked(found, decode.ID_NUMBER, "sources")}

    def places(
        self, session: Session, paths: Iterable[str] | None, block_rows: int
    ) -> Iterator[StoredLocation]:
        """All places, or those of `paths`, streamed in order of path."""
        query, parameters = "SELECT path, number, size, modified_ns FROM places", {}
        if paths is not None:
            query += f" WHERE path IN ({self.database.members('paths', str)})"
            parameters["paths"] = self.database.packed([str(path) for path in paths])
        for block in session.blocks(f"{query} ORDER BY path", block_rows, **parameters):
            yield from decode.placed(block)

    def sources(self, session: Session, numbers: Iterable[int]) -> dict[int, Source]:
        """Those of the sources `numbers` that are there, by number."""
        columns = f"{_SOURCE}, path, places.size, modified_ns"
        return decode.sources(self._located(session, columns, list(numbers)))

    def hit_rows(self, session: Session, numbers: Sequence[int]) -> HitRows:
        """What hits tell of those of the sources `numbers` that are there."""
        columns = "sources.number, id, width, height, metadata, path"
        return decode.hit_rows(self._located(session, columns, numbers))

    def _located(self, session: Session, columns: str, numbers: Sequence[int]) -> Sequence[decode.Row]:
        """Columns of the sources `numbers` and of their places, one row a place or one without."""
        query = (
            f"SELECT {columns} FROM sources LEFT JOIN places ON places.number = sources.number "
            f"WHERE sources.number IN ({self.database.members('numbers', int)})"
        )
        return session.rows(query, numbers=self.database.packed(numbers))

    def stored_query(
        self, session: Session, id_: str, names: Sequence[str]
    ) -> tuple[int, dict[str, Rows]] | None:
        """The number of the source `id_`, and its vectors of those of the features `names` that it has."""
        if not is_unicode(id_):
            return None  # as no source has it
        found = session.rows(self._stored_query, id=id_, features=self.database.packed(names))
        if not found:
            return None
        having: dict[str, Rows] = {}
        for number, name, key, dimension, metric, *vector in found:
            if name is not None:
                _, decoded = decode.vectors([(number, *vector)], name, key, dimension, metric)
                having[name] = decoded[0]
        return decode.number(found[0][0]), having

    @cached_property
    def _stored_query(self) -> str:
        return (
            "SELECT sources.number, features.name, features.feature, features.dimension, features.metric, "
            "vectors.generation, "
            "vectors.checksum, "
            # The bytes of other features' vectors are not read.
            f"CASE WHEN features.name IS NOT NULL THEN {self.database.stored_bytes('vectors.vector')} END "
            "FROM sources LEFT JOIN vectors ON vectors.number = sources.number LEFT JOIN features "
            f"ON features.feature = vectors.feature AND features.name IN ({self.database.members('features', str)}) "
            "WHERE sources.id = :id"
        )

    def vectors(self, session: Session, feature: str, numbers: Sequence[int]) -> tuple[Int64, Rows]:
        """Those of `numbers`, in the given order, that have a vector of `feature`, (n,); the vectors (n, d)."""
        key, record = self.feature(session, feature)
        query = f"{self._vectors} AND number IN ({self.database.members('numbers', int)})"
        found = session.rows(query, feature=key, numbers=self.database.packed(numbers))
        by_number = {row[0]: row for row in found}
        ordered = [by_number[number] for number in numbers if number in by_number]
        return decode.vectors(ordered, feature, key, record.dimension, record.metric)

    def changes(
        self, session: Session, feature: str, after: int, block_rows: int, *, metadata: bool
    ) -> Iterator[tuple[Int64, Rows]]:
        """Vectors of `feature` written after the generation `after`, in blocks, by number."""
        key, record = self.feature(session, feature)
        newer = "generation > :after"
        if metadata:
            newer = f"({newer} OR number IN (SELECT number FROM sources WHERE generation > :after))"
        select = f"SELECT number FROM vectors WHERE feature = :feature AND {newer}"
        numbers = self.column(session, select, feature=key, after=after)
        within = f"{self._vectors} AND {newer} AND number BETWEEN :first AND :last ORDER BY number"
        for start in range(0, len(numbers), block_rows):
            block = numbers[start : start + block_rows]
            first, last = int(block[0]), int(block[-1])
            rows = session.rows(within, feature=key, after=after, first=first, last=last)
            yield decode.vectors(rows, feature, key, record.dimension, record.metric)

    @cached_property
    def _vectors(self) -> str:
        vector = self.database.stored_bytes("vector")
        return f"SELECT number, generation, checksum, {vector} FROM vectors WHERE feature = :feature"

    def outdated(self, session: Session, feature: str) -> Int64:
        """Ascending numbers of the sources that lack a vector of `feature`, or were written after it."""
        key, _ = self.feature(session, feature)
        query = (
            "SELECT sources.number AS number FROM sources LEFT JOIN vectors ON vectors.number = sources.number "
            "AND vectors.feature = :key WHERE vectors.number IS NULL OR vectors.generation < sources.generation"
        )
        return self.column(session, query, key=key)

    def removed_after(self, session: Session, after: int) -> Int64:
        """Ascending numbers of the sources removed after the generation `after`."""
        return self.column(session, "SELECT number FROM removals WHERE generation > :after", after=after)

    def lacking_counts(self, session: Session, features: Sequence[str]) -> dict[str, int]:
        """Of the sources that have a vector of one of `features`, how many lack each. Raises UnknownFeatureError."""
        keys = {name: self.feature(session, name)[0] for name in features}
        of_these = f"FROM vectors WHERE feature IN ({self.database.members('keys', int)})"
        packed = self.database.packed(list(keys.values()))
        having = dict(session.rows(f"SELECT feature, count(*) {of_these} GROUP BY feature", keys=packed))
        counts = {name: having.get(key, 0) for name, key in keys.items()}
        total = self.count(session, None)
        if len(counts) < 2 or set(counts.values()) == {total}:  # no need to look which sources they are
            total = max(counts.values(), default=0)
        else:
            total = session.rows(f"SELECT count(DISTINCT number) {of_these}", keys=packed)[0][0]
        return {name: total - count for name, count in counts.items()}

    def numbers_with(self, session: Session, features: Sequence[str]) -> Int64:
        """Ascending numbers of the sources that have a vector of each of `features`. Raises UnknownFeatureError."""
        keys = [self.feature(session, name)[0] for name in features]
        query = (
            f"SELECT number FROM vectors WHERE feature IN ({self.database.members('keys', int)}) "
            "GROUP BY number HAVING count(*) = :features"
        )
        return self.column(session, query, keys=self.database.packed(keys), features=len(keys))
