"""The catalogue: reading. Writing is in `writer.py`, looking for damage in `verify.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
from sqlalchemy import Connection, Engine, func, select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import create as creation
from lookalike.catalogue import decode, schema, summaries
from lookalike.catalogue import text as texts
from lookalike.catalogue.dialect import Dialect
from lookalike.catalogue.hit_columns import HitColumns
from lookalike.catalogue.queries import Queries
from lookalike.catalogue.records import (
    FeatureRecord,
    FieldSummary,
    Problem,
    Source,
    Statistics,
    StoredLocation,
)
from lookalike.catalogue.sqlite import Sqlite
from lookalike.catalogue.verify import problems
from lookalike.catalogue.where import Where
from lookalike.catalogue.writer import Writer
from lookalike.errors import (
    CollectionDamagedError,
    CollectionError,
    CollectionVersionError,
    UnknownIdError,
)

BLOCK_SOURCES = 1000


class Catalogue:
    """A catalogue in a database. Methods read what is committed, also while another process writes.

    Numbers are int64, given in ascending order and never given twice. Safe for threads; open it anew after a
    fork.

    An index keeps as its label the `stamp()` of the state that it has seen, and catches up so: read `stamp()`
    first, to be its new label; let g be `generation_of(label)`; take out `removed_after(g)`; then for each
    block of `changes(feature, g)` take out those of the numbers that it holds (their vectors were replaced)
    and add the block. What another process writes meanwhile is seen again the next time, which does no harm.
    If g is None, the label is of no state of this catalogue (which was restored from a copy, or made anew);
    then, or if `features()[feature].generation > g`, build the index anew.
    """

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

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Make a catalogue in a new file and open it. The file appears whole or not at all.

        Its folder must be there.

        Raises: CollectionExistsError, also when another process was first; CollectionError when the file
        cannot be written.
        """
        creation.create(Sqlite(Path(path)))
        return cls.open(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the catalogue in the file `path`, for reading only where it may not be written.

        Raises: CollectionMissingError, CollectionVersionError (made by a newer version),
        CollectionDamagedError.
        """
        return cls(Sqlite(Path(path)))

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

    def generation(self) -> int:
        """Number of committed writes."""
        with self._reading() as connection:
            return int(connection.execute(select(schema.state.c.generation)).scalar_one())

    def stamp(self) -> int:
        """The random number, 0 <= stamp < 2**62, that the present state has, and no other of any catalogue."""
        with self._reading() as connection:
            return self._queries.stamp(connection)

    def generation_of(self, stamp: int) -> int | None:
        """The generation of the state that has or had `stamp`; None if it is none of this catalogue's."""
        query = select(schema.writes.c.generation).where(schema.writes.c.stamp == stamp)
        with self._reading() as connection:
            generation: int | None = connection.execute(query).scalar_one_or_none()
        return generation

    def features(self) -> dict[str, FeatureRecord]:
        """The features by name, in the order in which they were added."""
        with self._reading() as connection:
            return {name: record for name, (_, record) in self._queries.features(connection).items()}

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """One transaction: `with catalogue.write() as w: ...`.

        Committed, thereby acknowledged, when the block ends; rolled back if it raises. The generation rises
        by one if anything was written. The catalogue's own methods do not see the writes before the commit.

        Raises: CollectionLockedError when another process goes on writing for longer than the busy timeout;
        CollectionReadOnlyError, at the first write, where the catalogue may only be read.
        """
        if self._pinned is not None:
            raise CollectionError("a snapshot is for reading only; write to the catalogue itself")
        with self._connected() as connection:
            self._dialect.begin(connection, writes=True)
            writer = Writer(connection, self._queries)
            yield writer
            writer.finish()
            connection.commit()

    def count(self, feature: str | None = None) -> int:
        """Number of sources, or of vectors of a feature. Raises UnknownFeatureError."""
        with self._reading() as connection:
            query = select(func.count()).select_from(schema.sources)
            if feature is not None:
                key, _ = self._queries.feature(connection, feature)
                query = select(func.count()).where(schema.vectors.c.feature == key)
            return int(connection.execute(query).scalar_one())

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        with self._reading() as connection:
            return self._queries.numbers(connection, ids)

    def places(self, paths: Iterable[str] | None = None) -> Iterator[StoredLocation]:
        """All places, or those of `paths` that are known, streamed in order of path."""
        table = schema.places
        query = select(table.c.path, table.c.number, table.c.size, table.c.modified_ns).order_by(table.c.path)
        parameters = {}
        if paths is not None:
            query = query.where(table.c.path.in_(self._dialect.members("paths", str)))
            parameters["paths"] = self._dialect.packed(list(paths))
        with self._reading() as connection:
            found = connection.execute(query, parameters, execution_options={"yield_per": 10_000})
            for block in found.partitions():
                yield from decode.placed(block)

    def sources(self, numbers: Iterable[int] | Int64) -> list[Source]:
        """The sources of `numbers`, in the given order. Raises UnknownIdError for one that is not there."""
        wanted = [int(number) for number in numbers]
        with self._reading() as connection:
            found = self._queries.sources(connection, wanted)
        for number in wanted:
            if number not in found:
                raise UnknownIdError(f"there is no source with the number {number}")
        return [found[number] for number in wanted]

    def hit_columns(self, numbers: Iterable[int] | Int64) -> HitColumns:
        """What hits tell of the sources `numbers`, in the given order: twice as quick as `sources`.

        Raises: UnknownIdError for one that is not there.
        """
        with self._reading() as connection:
            return self._queries.hit_columns(connection, [int(number) for number in numbers])

    def stored_query(self, id_: str, features: Sequence[str]) -> tuple[Source, dict[str, Float32]] | None:
        """The source `id_` and its vectors, float32 (d,), of those of `features` that it has; None if it is not there.

        One statement. Raises: CollectionDamagedError when a vector does not match its checksum.
        """
        with self._reading() as connection:
            return self._queries.stored_query(connection, id_, list(features))

    def iterate(
        self, where: Where | None = None, text: str | None = None, limit: int | None = None
    ) -> Iterator[Source]:
        """The sources that `where` and `text` select, in ascending order of number, streamed."""
        with self._reading() as connection:
            numbers = self._select(connection, where, text)[:limit].tolist()
            for start in range(0, len(numbers), BLOCK_SOURCES):
                block = self._queries.sources(connection, numbers[start : start + BLOCK_SOURCES])
                yield from (block[number] for number in sorted(block))

    def lacking(self, feature: str) -> Int64:
        """Ascending numbers of the pictures without a vector of `feature`. Raises UnknownFeatureError."""
        table = schema.vectors
        with self._reading() as connection:
            key, _ = self._queries.feature(connection, feature)
            has = select(table.c.number).where(
                table.c.number == schema.sources.c.number, table.c.feature == key
            )
            query = select(schema.sources.c.number).where(schema.sources.c.kind == "picture", ~has.exists())
            return self._queries.column(connection, query)

    def lacking_counts(self, features: Sequence[str]) -> dict[str, int]:
        """Of the sources that have a vector of at least one of `features`, how many lack each.

        Raises: UnknownFeatureError.
        """
        with self._reading() as connection:
            return summaries.lacking_counts(connection, self._queries, features)

    def vectors(self, feature: str, numbers: Iterable[int] | Int64) -> tuple[Int64, Float32]:
        """Those of `numbers`, in the given order, that have a vector of `feature`, (n,); the vectors (n, d).

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        wanted = [int(number) for number in numbers]
        with self._reading() as connection:
            key, record = self._queries.feature(connection, feature)
            by_number = {row[0]: row for row in self._queries.vectors(connection, key, wanted)}
        found = [by_number[number] for number in wanted if number in by_number]
        return decode.vectors(found, feature, key, record.dimension)

    def changes(
        self, feature: str, after: int = 0, block_rows: int = 4096
    ) -> Iterator[tuple[Int64, Float32]]:
        """Vectors of `feature` added or replaced after the generation `after`, in ascending order of number.

        Streamed in blocks of numbers (b,) and vectors (b, d), b <= block_rows, all of one state.

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        table = schema.vectors
        with self._reading() as connection:
            key, record = self._queries.feature(connection, feature)
            newer = (table.c.feature == key, table.c.generation > after)
            numbers = self._queries.column(connection, select(table.c.number).where(*newer))
            for start in range(0, len(numbers), block_rows):
                block = numbers[start : start + block_rows]
                within = table.c.number.between(int(block[0]), int(block[-1]))
                stored = self._queries.stored(key).where(within, table.c.generation > after)
                rows = connection.execute(stored.order_by(table.c.number)).all()
                yield decode.vectors(rows, feature, key, record.dimension)

    def removed_after(self, after: int = 0) -> Int64:
        """Ascending numbers of the sources removed after the generation `after`."""
        query = select(schema.removals.c.number).where(schema.removals.c.generation > after)
        with self._reading() as connection:
            return self._queries.column(connection, query)

    def select(self, where: Where | None = None, text: str | None = None) -> Int64:
        """Ascending numbers of the sources that meet `where` and have all words of `text`: the allow-list.

        Raises: MetadataError for a field that no source has; OptionError for a text without any word.
        """
        with self._reading() as connection:
            return self._select(connection, where, text)

    def text_scores(
        self, text: str, numbers: Iterable[int] | Int64 | None = None, limit: int | None = None
    ) -> tuple[Int64, Float32]:
        """Sources (of `numbers`, if given) that have all words of `text`, best first, and their scores.

        The score is BM25 with the weights title 10, tags 5, description 2, other 1; higher is better; equal
        scores come in order of number. Raises OptionError for a text without any word.
        """
        words, number = texts.words(text), self._dialect.text_number
        score = self._dialect.text_score(words)
        query = select(number, score).where(self._dialect.text_matches(words))
        parameters = {}
        if numbers is not None:
            # The sum keeps SQLite from asking the full text for each number by itself.
            query = query.where((number + 0).in_(self._dialect.members("numbers", int)))
            parameters["numbers"] = self._dialect.packed([int(number) for number in numbers])
        query = query.order_by(score.desc(), number).limit(limit)
        with self._reading() as connection:
            rows = connection.execute(query, parameters).all()
        return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32)

    def text_matches(self, text: str, number: int) -> dict[str, tuple[str, ...]]:
        """Each word of `text`, and the parts of the source that have it: title, description, tags, other."""
        column = self._dialect.text_number
        row = select(column).where(column == number)
        found = {}
        with self._reading() as connection:
            for word in texts.words(text):
                queried = {part: self._dialect.text_matches([word], part) for part in texts.PARTS}
                found[word] = tuple(
                    part
                    for part, matches in queried.items()
                    if connection.execute(row.where(matches)).first()
                )
        return found

    def metadata_fields(self) -> dict[str, FieldSummary]:
        """The metadata fields of all sources, by name in alphabetical order."""
        with self._reading() as connection:
            return summaries.metadata_fields(connection, self._queries)

    def statistics(self) -> Statistics:
        """Counts and sizes."""
        with self._reading() as connection:
            return summaries.statistics(connection, self._queries)

    def verify(self) -> Iterator[Problem]:
        """Look for damage in everything stored, one problem at a time."""
        return problems(self._reading, self._queries)

    def rebuild_text(self) -> None:
        """Make the full-text index anew from the metadata."""
        with self.write() as writer:
            writer.rebuild_text()

    def _select(self, connection: Connection, where: Where | None, text: str | None) -> Int64:
        query = select(schema.sources.c.number)
        if text is not None:
            matching = select(self._dialect.text_number).where(self._dialect.text_matches(texts.words(text)))
            query = query.where(schema.sources.c.number.in_(matching))
        conditions = where.conditions if where is not None else ()
        numbers = self._queries.column(connection, query.where(*map(self._dialect.meets, conditions)))
        # A field that no source has lets none through, so nothing is missed by looking only now.
        if not numbers.size:
            for condition in conditions:
                summaries.check_field(connection, self._queries, condition.field)
        return numbers
