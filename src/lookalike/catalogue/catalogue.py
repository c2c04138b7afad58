"""The catalogue: reading. What it is to be open is in `handle.py`, writing in `writer.py`, damage in `verify.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from sqlalchemy import Connection, func, select

from lookalike.arrays import Float32, Int64
from lookalike.catalogue import create as creation
from lookalike.catalogue import decode, schema, summaries
from lookalike.catalogue import text as texts
from lookalike.catalogue.handle import Handle
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.records import (
    FeatureRecord,
    FieldSummary,
    Problem,
    Source,
    Statistics,
    StoredLocation,
)
from lookalike.catalogue.sqlite import Sqlite
from lookalike.catalogue.unmet import unmet
from lookalike.catalogue.verify import problems
from lookalike.catalogue.where import Where
from lookalike.catalogue.writer import Writer
from lookalike.errors import (
    CollectionError,
    UnknownIdError,
)

BLOCK_SOURCES = 1000
GROUPED = 50
"""Conditions in one query."""
LARGEST = 2**63 - 1


class Catalogue(Handle):
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
        if abs(stamp) > LARGEST:  # whatever label a damaged index may carry
            return None
        query = select(schema.writes.c.generation).where(schema.writes.c.stamp == stamp)
        with self._reading() as connection:
            generation: int | None = connection.execute(query).scalar()
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
            parameters["paths"] = self._dialect.packed([str(path) for path in paths])
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

    def hit_rows(self, numbers: Sequence[int]) -> HitRows:
        """What hits tell of the sources `numbers`: a third of the time that `sources` takes.

        Raises: UnknownIdError for one that is not there.
        """
        with self._reading() as connection:
            found = self._queries.hit_rows(connection, numbers)
        if len(found) < len(numbers):
            for number in numbers:
                if number not in found:
                    raise UnknownIdError(f"there is no source with the number {number}")
        return found

    def stored_query(self, id_: str, features: Sequence[str]) -> tuple[int, dict[str, Float32]] | None:
        """The number of the source `id_`, and its vectors, float32 (d,), of those of `features` that it has.

        None if it is not there.

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

    def numbers_with(self, features: Sequence[str]) -> Int64:
        """Ascending numbers of the sources that have a vector of each of `features`. Raises: UnknownFeatureError."""
        table = schema.vectors
        with self._reading() as connection:
            keys = [self._queries.feature(connection, name)[0] for name in features]
            having = select(table.c.number).where(table.c.feature.in_(keys)).group_by(table.c.number)
            return self._queries.column(connection, having.having(func.count() == len(keys)))

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

    def unmet(self, where: Where) -> list[str]:
        """For each condition that no source meets by itself a line that says so, and what there is instead.

        Such as `no source has split = 'tset'; did you mean 'test'?`.

        Raises: MetadataError for a field that no source has.
        """
        with self._reading() as connection:
            return unmet(connection, self._queries, where)

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
        conditions = where.conditions if where is not None else ()
        column = schema.sources.c.number
        # A few conditions at a time, as databases limit how deep an expression is.
        groups = [conditions[start : start + GROUPED] for start in range(0, len(conditions), GROUPED)]
        queries = [select(column).where(*map(self._dialect.meets, group)) for group in groups or [()]]
        if text is not None:
            matching = select(self._dialect.text_number).where(self._dialect.text_matches(texts.words(text)))
            queries[0] = queries[0].where(column.in_(matching))
        numbers = self._queries.column(connection, queries[0])
        for query in queries[1:]:
            numbers = np.intersect1d(numbers, self._queries.column(connection, query), assume_unique=True)
        # A field that no source has lets none through, so nothing is missed by looking only now.
        if not numbers.size:
            for condition in conditions:
                summaries.check_field(connection, self._queries, condition.field)
        return numbers
