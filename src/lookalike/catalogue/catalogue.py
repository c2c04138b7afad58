"""The catalogue: reading. What it is to be open is in `handle.py`, writing in `writer.py`, damage in `verify.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lookalike.arrays import Float32, Int64, Rows
from lookalike.catalogue.handle import Handle
from lookalike.catalogue.hit_rows import HitRows
from lookalike.catalogue.opening import database_at
from lookalike.catalogue.records import (
    FeatureRecord,
    FieldSummary,
    Problem,
    Source,
    Statistics,
    StoredLocation,
)
from lookalike.catalogue.sessions import Session
from lookalike.catalogue.where import Where
from lookalike.errors import CollectionError, UnknownIdError

if TYPE_CHECKING:
    from lookalike.catalogue.facets import Facet
    from lookalike.catalogue.writer import Writer

BLOCK_SOURCES = 1000
BLOCK_PLACES = 10_000
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
        """Make a catalogue in a new file, whose folder must be there, or at a URL of PostgreSQL; and open it.

        It appears whole or not at all.

        Raises: CollectionExistsError, also when another process was first; CollectionError when it cannot be made.
        """
        from lookalike.catalogue.create import create

        database = database_at(path)
        create(database.dialect())
        return cls(database)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the catalogue in the file `path` or at that URL, for reading only where it may not be written.

        Raises: CollectionMissingError, CollectionVersionError (made by a newer version), CollectionDamagedError,
        CollectionUnavailableError.
        """
        return cls(database_at(path))

    def generation(self) -> int:
        """Number of committed writes."""
        with self._session() as session:
            return self._reads.generation(session)

    def stamp(self) -> int:
        """The random number, 0 <= stamp < 2**62, that the present state has, and no other of any catalogue."""
        with self._session() as session:
            return self._reads.stamp(session)

    def generation_of(self, stamp: int) -> int | None:
        """The generation of the state that has or had `stamp`; None if it is none of this catalogue's."""
        if abs(stamp) > LARGEST:  # whatever label a damaged index may carry
            return None
        with self._session() as session:
            return self._reads.generation_of(session, stamp)

    def features(self) -> dict[str, FeatureRecord]:
        """The features by name, in the order in which they were added."""
        with self._session() as session:
            return {name: record for name, (_, record) in self._reads.features(session).items()}

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
        from lookalike.catalogue.writer import Writer

        with self._sessions.begin(writes=True) as session:
            queries = self._queries(session)
            writer = Writer(queries)
            yield writer
            writer.finish()
            queries.connection.commit()

    def count(self, feature: str | None = None) -> int:
        """Number of sources, or of vectors of a feature. Raises UnknownFeatureError."""
        with self._session() as session:
            return self._reads.count(session, feature)

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        with self._session() as session:
            return self._reads.numbers(session, ids)

    def places(self, paths: Iterable[str] | None = None) -> Iterator[StoredLocation]:
        """All places, or those of `paths` that are known, streamed in order of path."""
        with self._session() as session:
            yield from self._reads.places(session, paths, BLOCK_PLACES)

    def sources(self, numbers: Iterable[int] | Int64) -> list[Source]:
        """The sources of `numbers`, in the given order. Raises UnknownIdError for one that is not there."""
        wanted = [int(number) for number in numbers]
        with self._session() as session:
            found = self._reads.sources(session, wanted)
        for number in wanted:
            if number not in found:
                raise UnknownIdError(f"there is no source with the number {number}")
        return [found[number] for number in wanted]

    def hit_rows(self, numbers: Sequence[int]) -> HitRows:
        """What hits tell of the sources `numbers`: a third of the time that `sources` takes.

        Raises: UnknownIdError for one that is not there.
        """
        with self._session() as session:
            found = self._reads.hit_rows(session, numbers)
        if len(found) < len(numbers):
            for number in numbers:
                if number not in found:
                    raise UnknownIdError(f"there is no source with the number {number}")
        return found

    def stored_query(self, id_: str, features: Sequence[str]) -> tuple[int, dict[str, Rows]] | None:
        """The number of the source `id_`, and its vectors, float32 (d,), of those of `features` that it has.

        None if it is not there.

        One statement. Raises: CollectionDamagedError when a vector does not match its checksum.
        """
        with self._session() as session:
            return self._reads.stored_query(session, id_, list(features))

    def iterate(
        self, where: Where | None = None, text: str | None = None, limit: int | None = None
    ) -> Iterator[Source]:
        """The sources that `where` and `text` select, in ascending order of number, streamed."""
        with self._session() as session:
            if where is None and text is None:
                chosen = self._reads.column(session, "SELECT number FROM sources")
            else:
                chosen = self._selected(session, where, text)
            numbers = chosen[:limit].tolist()
            for start in range(0, len(numbers), BLOCK_SOURCES):
                block = self._reads.sources(session, numbers[start : start + BLOCK_SOURCES])
                yield from (block[number] for number in sorted(block))

    def lacking(self, feature: str) -> Int64:
        """Ascending numbers of the pictures and other files without a vector of `feature`. UnknownFeatureError."""
        from lookalike.catalogue import selections

        with self._querying() as queries:
            return selections.lacking(queries, feature)

    def lacking_counts(self, features: Sequence[str]) -> dict[str, int]:
        """Of the sources that have a vector of at least one of `features`, how many lack each.

        Raises: UnknownFeatureError.
        """
        with self._session() as session:
            return self._reads.lacking_counts(session, features)

    def numbers_with(self, features: Sequence[str]) -> Int64:
        """Ascending numbers of the sources that have a vector of each of `features`. Raises: UnknownFeatureError."""
        with self._session() as session:
            return self._reads.numbers_with(session, features)

    def vectors(self, feature: str, numbers: Iterable[int] | Int64) -> tuple[Int64, Rows]:
        """Those of `numbers`, in the given order, that have a vector of `feature`, (n,); the vectors (n, d).

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        with self._session() as session:
            return self._reads.vectors(session, feature, [int(number) for number in numbers])

    def changes(
        self, feature: str, after: int = 0, block_rows: int = 4096, *, metadata: bool = False
    ) -> Iterator[tuple[Int64, Rows]]:
        """Vectors of `feature` added or replaced after the generation `after`, in ascending order of number.

        Streamed in blocks of numbers (b,) and vectors (b, d), b <= block_rows, all of one state. With `metadata`, those
        of sources whose metadata have changed since are among them.

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        with self._session() as session:
            yield from self._reads.changes(session, feature, after, block_rows, metadata=metadata)

    def distributions(self) -> tuple[int, dict[str, Any]] | None:
        """What was put last by `Writer.put_distributions`, and its generation; None where there is nothing sound."""
        with self._session() as session:
            found = self._reads.distributions(session)
        if found is None:
            return None
        try:
            told = json.loads(found[1])
        except ValueError:  # damaged; it can be measured again
            return None
        return (found[0], told) if isinstance(told, dict) else None

    def changed_counts(self, after: int) -> dict[str, tuple[int, int]]:
        """By feature that has any: how many vectors there are, and how many of them the generations after it wrote."""
        with self._session() as session:
            return self._reads.changed_counts(session, after)

    def outdated(self, feature: str) -> Int64:
        """Ascending numbers of the sources that lack a vector of `feature`, or were written after it.

        Raises: UnknownFeatureError.
        """
        with self._session() as session:
            return self._reads.outdated(session, feature)

    def removed_after(self, after: int = 0) -> Int64:
        """Ascending numbers of the sources removed after the generation `after`."""
        with self._session() as session:
            return self._reads.removed_after(session, after)

    def select(self, where: Where | None = None, text: str | None = None) -> Int64:
        """Ascending numbers of the sources that meet `where` and have all words of `text`: the allow-list.

        Raises: MetadataError for a field that no source has; OptionError for a text without any word.
        """
        with self._session() as session:
            return self._selected(session, where, text)

    def unmet(self, where: Where) -> list[str]:
        """For each condition that no source meets by itself a line that says so, and what there is instead.

        Such as `no source has split = 'tset'; did you mean 'test'?`.

        Raises: MetadataError for a field that no source has.
        """
        from lookalike.catalogue.unmet import unmet

        with self._querying() as queries:
            return unmet(queries, where)

    def text_scores(
        self, text: str, numbers: Iterable[int] | Int64 | None = None, limit: int | None = None
    ) -> tuple[Int64, Float32]:
        """Sources (of `numbers`, if given) that have all words of `text`, best first, and their scores.

        The score is BM25 with the weights title 10, tags 5, description 2, other 1; higher is better; equal
        scores come in order of number. Raises OptionError for a text without any word.
        """
        from lookalike.catalogue import selections

        with self._querying() as queries:
            return selections.text_scores(queries, text, numbers, limit)

    def facet(self, field: str, numbers: Int64) -> Facet:
        """The ten most frequent values of the metadata `field` among the sources `numbers`, with their counts.

        Raises: MetadataError for a field that no source has.
        """
        from lookalike.catalogue import summaries

        with self._querying() as queries:
            return summaries.facet(queries, field, numbers)

    def text_matches(self, text: str, number: int) -> dict[str, tuple[str, ...]]:
        """Each word of `text`, and the parts of the source that have it: title, description, tags, other."""
        from lookalike.catalogue import selections

        with self._querying() as queries:
            return selections.text_matches(queries, text, number)

    def metadata_fields(self) -> dict[str, FieldSummary]:
        """The metadata fields of all sources, by name in alphabetical order."""
        from lookalike.catalogue import summaries

        with self._querying() as queries:
            return summaries.metadata_fields(queries)

    def growth(self) -> dict[str, int]:
        """How many of the sources were added on each day (ISO 8601, UTC), the first day first."""
        from lookalike.catalogue import summaries

        with self._querying() as queries:
            return summaries.growth(queries)

    def statistics(self) -> Statistics:
        """Counts and sizes."""
        from lookalike.catalogue import summaries

        with self._querying() as queries:
            return summaries.statistics(queries)

    def verify(self) -> Iterator[Problem]:
        """Look for damage in everything stored, one problem at a time."""
        from lookalike.catalogue.verify import problems

        return problems(self._querying, self.name)

    def rebuild_text(self) -> None:
        """Make the full-text index anew from the metadata."""
        with self.write() as writer:
            writer.rebuild_text()

    def _selected(self, session: Session, where: Where | None, text: str | None) -> Int64:
        from lookalike.catalogue.selections import selected

        return selected(self._queries(session), where, text)
