"""The catalogue: reading. Writing is in `writer.py`, looking for damage in `verify.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from sqlalchemy import Connection, func, select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import create as creation
from lookalike.catalogue import queries, schema, sqlite, summaries
from lookalike.catalogue import text as texts
from lookalike.catalogue.records import (
    FeatureRecord,
    FieldSummary,
    Problem,
    Source,
    Statistics,
    StoredLocation,
)
from lookalike.catalogue.verify import problems
from lookalike.catalogue.where import Where
from lookalike.catalogue.writer import Writer
from lookalike.errors import (
    CollectionDamagedError,
    CollectionMissingError,
    CollectionVersionError,
    UnknownIdError,
)

BLOCK_SOURCES = 1000


class Catalogue:
    """A catalogue in one SQLite file. Methods read what is committed, also while another process writes.

    Numbers are int64, given in ascending order and never given twice. Safe for threads; open it anew after a
    fork.

    An index keeps as its label the `stamp()` of the state that it has seen, and catches up so: read `stamp()`
    first, to be its new label; let g be `generation_of(label)`; take out `removed_after(g)`; then for each
    block of `changes(feature, g)` take out those of the numbers that it holds (their vectors were replaced)
    and add the block. What another process writes meanwhile is seen again the next time, which does no harm.
    If g is None, the label is of no state of this catalogue (which was restored from a copy, or made anew);
    then, or if `features()[feature].generation > g`, build the index anew.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CollectionMissingError(f"{path} is not there; create a collection first")
        self._path = path
        self._engine = sqlite.connect(path)
        try:
            with self._engine.connect() as connection:
                query = select(schema.state.c.schema_version, schema.state.c.created_at)
                row = connection.execute(query).one_or_none()
                if row is None:
                    raise CollectionDamagedError(f"{path} is damaged (no state); restore it from a copy")
                if row.schema_version > schema.SCHEMA_VERSION:
                    raise CollectionVersionError(
                        f"{path} was made by a newer version of Lookalike (schema {row.schema_version}; "
                        f"this one knows up to {schema.SCHEMA_VERSION}); upgrade Lookalike"
                    )
                self._created_at: str = row.created_at
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Make a catalogue in a new file and open it. The file appears whole or not at all.

        Its folder must be there.

        Raises: CollectionExistsError, also when another process was first; CollectionError when the file
        cannot be written.
        """
        path = Path(path)
        creation.create(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the catalogue in the file `path`, for reading only where it may not be written.

        Raises: CollectionMissingError, CollectionVersionError (made by a newer version),
        CollectionDamagedError.
        """
        return cls(Path(path))

    def close(self) -> None:
        """Close all connections. Closing twice does no harm."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def created_at(self) -> str:
        """When the catalogue was created, ISO 8601 in UTC."""
        return self._created_at

    def generation(self) -> int:
        """Number of committed writes."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(schema.state.c.generation)).scalar_one())

    def stamp(self) -> int:
        """The random number, 0 <= stamp < 2**62, that the present state has, and no other of any catalogue."""
        query = select(schema.writes.c.stamp).join(
            schema.state, schema.state.c.generation == schema.writes.c.generation
        )
        with self._engine.connect() as connection:
            stamp: int | None = connection.execute(query).scalar_one_or_none()
        if stamp is None:
            raise CollectionDamagedError(f"{self._path} is damaged (no stamp); restore it from a copy")
        return stamp

    def generation_of(self, stamp: int) -> int | None:
        """The generation of the state that has or had `stamp`; None if it is none of this catalogue's."""
        query = select(schema.writes.c.generation).where(schema.writes.c.stamp == stamp)
        with self._engine.connect() as connection:
            generation: int | None = connection.execute(query).scalar_one_or_none()
        return generation

    def features(self) -> dict[str, FeatureRecord]:
        """The features by name, in the order in which they were added."""
        with self._engine.connect() as connection:
            return queries.features(connection)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """One transaction: `with catalogue.write() as w: ...`.

        Committed, thereby acknowledged, when the block ends; rolled back if it raises. The generation rises
        by one if anything was written. The catalogue's own methods do not see the writes before the commit.

        Raises: CollectionLockedError when another process goes on writing for longer than the busy timeout;
        CollectionReadOnlyError, at the first write, where the catalogue may only be read.
        """
        with self._engine.connect().execution_options(writes=True) as connection:
            writer = Writer(connection)
            yield writer
            writer.finish()
            connection.commit()

    def count(self, feature: str | None = None) -> int:
        """Number of sources, or of vectors of a feature. Raises UnknownFeatureError."""
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(schema.sources)
            if feature is not None:
                key, _ = queries.feature(connection, feature)
                query = select(func.count()).where(schema.vectors.c.feature == key)
            return int(connection.execute(query).scalar_one())

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        with self._engine.connect() as connection:
            return queries.numbers(connection, ids)

    def places(self, paths: Iterable[str] | None = None) -> Iterator[StoredLocation]:
        """All places, or those of `paths` that are known, streamed in order of path."""
        table = schema.places
        query = select(table.c.path, table.c.number, table.c.size, table.c.modified_ns).order_by(table.c.path)
        if paths is not None:
            query = query.where(table.c.path.in_(sqlite.members(paths)))
        with self._engine.connect().execution_options(yield_per=10_000) as connection:
            for row in connection.execute(query):
                yield StoredLocation(*row)

    def sources(self, numbers: Iterable[int] | Int64) -> list[Source]:
        """The sources of `numbers`, in the given order. Raises UnknownIdError for one that is not there."""
        wanted = [int(number) for number in numbers]
        with self._engine.connect() as connection:
            found = queries.sources(connection, wanted)
        for number in wanted:
            if number not in found:
                raise UnknownIdError(f"there is no source with the number {number}")
        return [found[number] for number in wanted]

    def iterate(
        self, where: Where | None = None, text: str | None = None, limit: int | None = None
    ) -> Iterator[Source]:
        """The sources that `where` and `text` select, in ascending order of number, streamed."""
        with self._engine.connect() as connection:
            numbers = self._select(connection, where, text)[:limit].tolist()
            for start in range(0, len(numbers), BLOCK_SOURCES):
                yield from queries.sources(connection, numbers[start : start + BLOCK_SOURCES]).values()

    def lacking(self, feature: str) -> Int64:
        """Ascending numbers of the pictures without a vector of `feature`. Raises UnknownFeatureError."""
        table = schema.vectors
        with self._engine.connect() as connection:
            key, _ = queries.feature(connection, feature)
            has = select(table.c.number).where(
                table.c.number == schema.sources.c.number, table.c.feature == key
            )
            query = select(schema.sources.c.number).where(schema.sources.c.kind == "picture", ~has.exists())
            return queries.column(connection, query)

    def vectors(self, feature: str, numbers: Iterable[int] | Int64) -> tuple[Int64, Float32]:
        """Those of `numbers`, in the given order, that have a vector of `feature`, (n,); the vectors (n, d).

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        wanted = [int(number) for number in numbers]
        with self._engine.connect() as connection:
            key, record = queries.feature(connection, feature)
            rows = connection.execute(
                queries.stored(key).where(schema.vectors.c.number.in_(sqlite.members(wanted)))
            )
            by_number = {row.number: row for row in rows}
        found = [by_number[number] for number in wanted if number in by_number]
        return queries.decoded(found, feature, record.dimension)

    def changes(
        self, feature: str, after: int = 0, block_rows: int = 4096
    ) -> Iterator[tuple[Int64, Float32]]:
        """Vectors of `feature` added or replaced after the generation `after`, in ascending order of number.

        Streamed in blocks of numbers (b,) and vectors (b, d), b <= block_rows, all of one state.

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        table = schema.vectors
        with self._engine.connect() as connection:
            key, record = queries.feature(connection, feature)
            newer = (table.c.feature == key, table.c.generation > after)
            numbers = queries.column(connection, select(table.c.number).where(*newer))
            for start in range(0, len(numbers), block_rows):
                block = numbers[start : start + block_rows]
                within = table.c.number.between(int(block[0]), int(block[-1]))
                ordered = (
                    queries.stored(key).where(within, table.c.generation > after).order_by(table.c.number)
                )
                yield queries.decoded(connection.execute(ordered).all(), feature, record.dimension)

    def removed_after(self, after: int = 0) -> Int64:
        """Ascending numbers of the sources removed after the generation `after`."""
        query = select(schema.removals.c.number).where(schema.removals.c.generation > after)
        with self._engine.connect() as connection:
            return queries.column(connection, query)

    def select(self, where: Where | None = None, text: str | None = None) -> Int64:
        """Ascending numbers of the sources that meet `where` and have all words of `text`: the allow-list.

        Raises: MetadataError for a field that no source has; OptionError for a text without any word.
        """
        with self._engine.connect() as connection:
            return self._select(connection, where, text)

    def text_scores(
        self, text: str, numbers: Iterable[int] | Int64 | None = None, limit: int | None = None
    ) -> tuple[Int64, Float32]:
        """Sources (of `numbers`, if given) that have all words of `text`, best first, and their scores.

        The score is BM25 with the weights title 10, tags 5, description 2, other 1; higher is better; equal
        scores come in order of number. Raises OptionError for a text without any word.
        """
        rowid = sqlite.text_index.c.rowid
        query = select(rowid, sqlite.score).where(sqlite.text_matches(texts.query(texts.words(text))))
        if numbers is not None:
            # The sum keeps SQLite from asking the full text for each number by itself.
            query = query.where((rowid + 0).in_(sqlite.members(int(number) for number in numbers)))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(sqlite.score.desc(), rowid).limit(limit)).all()
        return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float32)

    def text_matches(self, text: str, number: int) -> dict[str, tuple[str, ...]]:
        """Each word of `text`, and the parts of the source that have it: title, description, tags, other."""
        row = select(sqlite.text_index.c.rowid).where(sqlite.text_index.c.rowid == number)
        found = {}
        with self._engine.connect() as connection:
            for word in texts.words(text):
                queried = {part: sqlite.text_matches(texts.query([word], part)) for part in texts.PARTS}
                found[word] = tuple(
                    part
                    for part, matches in queried.items()
                    if connection.execute(row.where(matches)).first()
                )
        return found

    def metadata_fields(self) -> dict[str, FieldSummary]:
        """The metadata fields of all sources, by name in alphabetical order."""
        with self._engine.connect() as connection:
            return summaries.metadata_fields(connection)

    def statistics(self) -> Statistics:
        """Counts and sizes."""
        with self._engine.connect() as connection:
            return summaries.statistics(connection, self._path)

    def verify(self) -> Iterator[Problem]:
        """Look for damage in everything stored, one problem at a time."""
        return problems(self._engine, self._path)

    def rebuild_text(self) -> None:
        """Make the full-text index anew from the metadata."""
        with self.write() as writer:
            writer.rebuild_text()

    def _select(self, connection: Connection, where: Where | None, text: str | None) -> Int64:
        query = select(schema.sources.c.number)
        if text is not None:
            matches = sqlite.text_matches(texts.query(texts.words(text)))
            query = query.where(schema.sources.c.number.in_(select(sqlite.text_index.c.rowid).where(matches)))
        conditions = where.conditions if where is not None else ()
        numbers = queries.column(connection, query.where(*map(sqlite.meets, conditions)))
        # A field that no source has lets none through, so nothing is missed by looking only now.
        if not numbers.size:
            for condition in conditions:
                summaries.check_field(connection, condition.field)
        return numbers
