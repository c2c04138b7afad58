"""Vectors in: rows of files and arrays become sources, all in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from lookalike.arrays import Metric, Rows, as_metric, as_vectors
from lookalike.catalogue import Catalogue, FeatureRecord, Location, NewSource
from lookalike.catalogue.blobs import to_blobs
from lookalike.collection.extraction import IMPORTED, is_imported
from lookalike.collection.from_metadata import is_of_metadata
from lookalike.collection.identity import content_id, sha256
from lookalike.collection.report import AddReport, Event, Listener
from lookalike.collection.row_arguments import block_of, check_name
from lookalike.errors import DuplicateIdError, FeatureMismatchError, OptionError
from lookalike.features.registry import FeatureSpec
from lookalike.sets import room_for

if TYPE_CHECKING:
    from lookalike.catalogue.writer import Writer

OnDuplicate = Literal["error", "skip", "replace"]
BLOCK_ROWS = 2048


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Consecutive rows: vectors (b, d), and for each its id, if the user gave one, its place and its metadata."""

    first_row: int
    vectors: Rows
    ids: Sequence[str] | None = None
    places: Sequence[str] | None = None
    metadata: Sequence[Mapping[str, Any]] | None = None
    skipped: Sequence[Event] = ()
    """Rows that were left out, and why."""
    joined: Collection[str] = ()
    """Those of `ids` that were found by the path of a stored picture, of which copies may be named one by one."""


def metric_of(stored: FeatureRecord | None, *, name: str, metric: str | None) -> Metric:
    """Return how what is imported as the feature `name` is compared, where `metric` is asked for.

    Raises:
        FeatureMismatchError: the stored feature is made by an extractor.
        OptionError: an unknown metric, or another than the stored one's.
    """
    check_name(metric, "metric")
    if stored is None:
        return "euclidean" if metric is None else as_metric(metric)
    if not is_imported(stored):
        source = "metadata" if is_of_metadata(stored) else "pictures"
        raise FeatureMismatchError(
            f"feature {name!r} is made from {source} by {stored.extractor!r}; import under another name (--feature)"
        )
    if metric is not None and as_metric(metric) != stored.metric:
        raise OptionError(
            f"feature {name!r} is compared by {stored.metric}, not {metric}; leave the metric out"
        )
    return stored.metric


def plan_feature(
    stored: FeatureRecord | None, *, name: str, dimension: int, metric: Metric, options: Mapping[str, Any]
) -> FeatureRecord:
    """Return the feature that rows of `dimension` are imported into: the stored one, or a new one of `metric`.

    The dimension of codes is their bytes, and that of sets grows with them.

    Raises:
        FeatureMismatchError: the stored one is of another dimension.
        OptionError: a name that is no simple word.
    """
    if stored is None:
        FeatureSpec(name, IMPORTED)  # refuses names that are no simple words
        size = room_for(dimension) if metric == "jaccard" else dimension
        return FeatureRecord(name=name, extractor=IMPORTED, dimension=size, metric=metric, options=options)
    if metric != "jaccard" and stored.dimension != dimension:
        raise FeatureMismatchError(
            f"feature {name!r} has dimension {stored.dimension}, these vectors have {dimension}; "
            "import them under another name (--feature)"
        )
    return stored


def check_on_duplicate(given: Any) -> None:
    """Raise OptionError for what is no way to deal with an id that is there."""
    if not isinstance(given, str) or given not in get_args(OnDuplicate):
        raise OptionError(f"on_duplicate is {given!r}; choose one of {', '.join(get_args(OnDuplicate))}")


class RowIngest:
    """One import into a catalogue whose writer lock is held.

    The import of a file owns the places `FILE#ROW` of its feature: those that the file does not have any more are
    forgotten, and with them the sources that lie nowhere else and have no other feature.
    """

    def __init__(
        self, catalogue: Catalogue, feature: FeatureRecord, *, on_duplicate: str, listener: Listener
    ) -> None:
        check_on_duplicate(on_duplicate)
        self._catalogue = catalogue
        self._feature = feature
        self._on_duplicate = on_duplicate
        self._listener = listener
        self._report = AddReport()
        self._numbers: dict[str, int] = {}  # of the ids that this import has seen
        self._unseen: set[int] = set()  # sources that lay in the file before, and have not been seen yet

    def run(self, blocks: Iterable[RowBlock]) -> AddReport:
        """Store all rows, or none if one of them is refused."""
        is_new = self._feature.name not in self._catalogue.features()
        with self._catalogue.write() as writer:
            if is_new:
                writer.add_feature(self._feature)
            before = np.empty(0, dtype=np.int64)
            is_first = True
            for block in blocks:
                if block.places and is_first and not is_new:
                    file = block.places[0].rpartition("#")[0]
                    before = writer.forget_rows(file, self._feature.name)
                    self._unseen = set(before.tolist())
                if len(block.vectors):
                    self._take(writer, block, with_vectors=not is_new)
                for event in block.skipped:
                    self._report.count(event)
                self._listener.advance(len(block.vectors) + len(block.skipped))
                is_first = False
            writer.remove(writer.forsaken(before, self._feature.name))
        return self._report

    def _take(self, writer: Writer, block: RowBlock, *, with_vectors: bool) -> None:
        raws = to_blobs(block.vectors, self._feature.metric)
        ids = [content_id(raw) for raw in raws] if block.ids is None else block.ids
        stored = self._catalogue.numbers(id_ for id_ in ids if id_ not in self._numbers)
        complete = self._complete(stored.values()) if with_vectors else set()
        new: dict[str, NewSource] = {}
        known: dict[str, int] = {}  # row of the block, by id, that gives a stored source its vector
        placed: list[tuple[str, Location]] = []
        metadata: dict[str, Mapping[str, Any]] = {}
        for row, id_ in enumerate(ids):
            place = None if block.places is None else Location(block.places[row])
            again = id_ in new or id_ in known or id_ in self._numbers
            taken = again or stored.get(id_) in complete
            number = self._numbers.get(id_, stored.get(id_))
            is_kept = number in self._unseen  # its vector may be passed over, but not that it lies here
            if number is not None:
                self._unseen.discard(number)
            if again and id_ in block.joined:  # a further place of a picture whose row was there
                self._report.duplicate += 1
                continue
            if taken and not self._accepts_again(id_, block, row):
                if place is not None and is_kept:
                    placed.append((id_, place))
                continue
            if place is not None:
                placed.append((id_, place))
            if block.metadata is not None:
                metadata[id_] = block.metadata[row]
            if id_ in new or (id_ not in stored and id_ not in self._numbers):
                new[id_] = NewSource(
                    id=id_,
                    sha256=sha256(raws[row]),
                    kind="row",
                    size=len(raws[row]),
                    metadata=metadata.get(id_, {}),
                    vectors={self._feature.name: block.vectors[row]},
                )
                self._report.added += not taken
            elif not taken or block.ids is not None:
                known[id_] = row
                self._report.refreshed += 1
        numbers = dict(zip(new, writer.add_sources(list(new.values())).tolist(), strict=True)) if new else {}
        self._numbers |= stored | numbers
        if known:
            rows = np.fromiter(known.values(), dtype=np.int64)
            writer.add_vectors(self._feature.name, [self._numbers[id_] for id_ in known], block.vectors[rows])
            writer.set_digests(
                {self._numbers[id_]: (sha256(raws[row]), len(raws[row])) for id_, row in known.items()}
            )
        if changed := {id_: fields for id_, fields in metadata.items() if id_ not in new}:
            committed = self._catalogue.sources(self._catalogue.numbers(changed).values())
            before = {source.id: source.metadata for source in committed}
            writer.update_metadata(
                {self._numbers[id_]: {**before.get(id_, {}), **fields} for id_, fields in changed.items()}
            )
        if placed:
            writer.add_places([(self._numbers[id_], place) for id_, place in placed])

    def _accepts_again(self, id_: str, block: RowBlock, row: int) -> bool:
        """Return whether a row is taken whose id has a vector already. Equal rows without names are one source."""
        if block.ids is None:
            self._report.duplicate += 1
            return block.places is not None
        if self._on_duplicate == "error":
            raise DuplicateIdError(
                f"row {block.first_row + row}: the id {id_!r} is there already; nothing was imported "
                "(--on-duplicate skip or replace goes on)"
            )
        if self._on_duplicate == "skip":
            self._report.duplicate += 1
            return False
        return True

    def _complete(self, numbers: Iterable[int]) -> set[int]:
        """Return those of `numbers` that have a vector of the feature."""
        found, _ = self._catalogue.vectors(self._feature.name, list(numbers))
        return set(found.tolist())


def array_blocks(
    vectors: Any,
    feature: FeatureRecord,
    ids: Sequence[str] | None,
    metadata: Sequence[Mapping[str, Any]] | None,
) -> Iterator[RowBlock]:
    """Yield the rows of an array (n, d) that may be larger than memory."""
    for first in range(0, vectors.shape[0], BLOCK_ROWS):
        rows = slice(first, first + BLOCK_ROWS)
        yield RowBlock(
            first,
            checked(block_of(vectors, rows), feature, "vectors", first),
            None if ids is None else ids[rows],
            None,
            None if metadata is None else metadata[rows],
        )


def checked(vectors: Any, feature: FeatureRecord, name: str, first_row: int) -> Rows:
    """Return vectors as the feature wants them; errors name the row."""
    size = None if feature.metric == "jaccard" else feature.dimension
    return as_vectors(vectors, dimension=size, metric=feature.metric, name=name, first_row=first_row)
