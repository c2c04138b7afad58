"""The catalogue: reading. Writing is in `writer.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lookalike.arrays import Float32, Int64
from lookalike.catalogue.records import FeatureRecord, FieldSummary, Placed, Problem, Source, Statistics
from lookalike.catalogue.where import Where
from lookalike.catalogue.writer import Writer


class Catalogue:
    """A catalogue in one SQLite file. Every method reads what is committed, also while another process writes.

    Numbers are int64, given in ascending order and never given twice. Safe for threads; open it anew after a fork.

    An index that has seen generation g catches up so: read `generation()` first and keep it as its new one; take out
    `removed_after(g)`; then for each block of `changes(feature, g)` take out those of the numbers that it holds (their
    vectors were replaced) and add the block. What another process writes meanwhile is seen again the next time, which
    does no harm. If `features()[feature].generation > g`, or `catalogue.created_at` differs, build it anew.
    """

    @classmethod
    def create(cls, path: Path | str) -> Self:
        """Make a catalogue in a new file (its folder must be there) and open it. The file appears whole or not at all.

        Raises: CollectionExistsError; CollectionError when the file cannot be written.
        """
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the catalogue in the file `path`.

        Raises: CollectionMissingError, CollectionVersionError (made by a newer version), CollectionDamagedError.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections. Closing twice does no harm."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The file."""
        raise NotImplementedError

    @property
    def created_at(self) -> str:
        """When the catalogue was created, ISO 8601 in UTC."""
        raise NotImplementedError

    def generation(self) -> int:
        """Number of committed writes."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """All settings (JSON values) by name."""
        raise NotImplementedError

    def features(self) -> dict[str, FeatureRecord]:
        """The features by name, in the order in which they were added."""
        raise NotImplementedError

    def write(self) -> AbstractContextManager[Writer]:
        """One transaction: `with catalogue.write() as w: ...`. Committed, thereby acknowledged, when the block ends;
        rolled back if it raises. The generation rises by one if anything was written. The catalogue's own methods do
        not see the writes before the commit.

        Raises: CollectionLockedError when another process goes on writing for longer than the busy timeout.
        """
        raise NotImplementedError

    def count(self, feature: str | None = None) -> int:
        """Number of sources, or of vectors of a feature. Raises UnknownFeatureError."""
        raise NotImplementedError

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The numbers of those of `ids` that are there."""
        raise NotImplementedError

    def numbers_by_sha256(self, digests: Iterable[str]) -> dict[str, int]:
        """The (lowest) number of the source of each hex digest, for those that are there."""
        raise NotImplementedError

    def places(self, paths: Iterable[str] | None = None) -> Iterator[Placed]:
        """All places, or those of `paths` that are known, streamed in order of path."""
        raise NotImplementedError

    def sources(self, numbers: Iterable[int] | Int64) -> list[Source]:
        """The sources of `numbers`, in the given order. Raises UnknownIdError for a number that is not there."""
        raise NotImplementedError

    def iterate(
        self, where: Where | None = None, text: str | None = None, limit: int | None = None
    ) -> Iterator[Source]:
        """The sources that `where` and `text` select, in ascending order of number, streamed."""
        raise NotImplementedError

    def lacking(self, feature: str) -> Int64:
        """Ascending numbers of the pictures without a vector of `feature`. Raises UnknownFeatureError."""
        raise NotImplementedError

    def vectors(self, feature: str, numbers: Iterable[int] | Int64) -> tuple[Int64, Float32]:
        """Those of `numbers` (in the given order) that have a vector of `feature`, (n,), and the vectors, (n, d).

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        raise NotImplementedError

    def changes(
        self, feature: str, after: int = 0, block_rows: int = 4096
    ) -> Iterator[tuple[Int64, Float32]]:
        """Vectors of `feature` added or replaced after the generation `after`, in ascending order of number, in blocks of
        numbers (b,) and vectors (b, d), b <= block_rows. All blocks are of one state of the catalogue.

        Raises: UnknownFeatureError; CollectionDamagedError when a vector does not match its checksum.
        """
        raise NotImplementedError

    def removed_after(self, after: int = 0) -> Int64:
        """Ascending numbers of the sources removed after the generation `after`."""
        raise NotImplementedError

    def select(self, where: Where | None = None, text: str | None = None) -> Int64:
        """Ascending numbers of the sources that meet `where` and have all words of `text`: the allow-list.

        Raises: MetadataError for a field that no source has; OptionError for a text without any word.
        """
        raise NotImplementedError

    def text_scores(
        self, text: str, numbers: Iterable[int] | Int64 | None = None, limit: int | None = None
    ) -> tuple[Int64, Float32]:
        """Sources (of `numbers`, if given) that have all words of `text`, best first, and their scores.

        The score is BM25 with the weights title 10, tags 5, description 2, other 1; higher is better; equal scores come in
        order of number. Raises OptionError for a text without any word.
        """
        raise NotImplementedError

    def text_matches(self, text: str, number: int) -> dict[str, tuple[str, ...]]:
        """Each word of `text` with the parts (title, description, tags, other) of the source's text that have it."""
        raise NotImplementedError

    def metadata_fields(self) -> dict[str, FieldSummary]:
        """The metadata fields of all sources, by name in alphabetical order."""
        raise NotImplementedError

    def statistics(self) -> Statistics:
        """Counts and sizes."""
        raise NotImplementedError

    def verify(self) -> Iterator[Problem]:
        """Look for damage in everything stored, one problem at a time."""
        raise NotImplementedError

    def rebuild_text(self) -> None:
        """Make the full-text index anew from the metadata."""
        raise NotImplementedError
