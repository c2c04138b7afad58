"""Pictures in: decides for each file what is new, extracts that over the cores, and commits in batches.

Files are read and hashed here, in order; decoding and extraction run in other processes. A batch is committed in
one transaction, and only then are its files reported: what was reported survives a kill.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from lookalike.arrays import Rows
from lookalike.catalogue import Catalogue, Location, NewSource, StoredLocation
from lookalike.collection.add_plan import AddOptions, AddPlan
from lookalike.collection.file_kinds import FileKinds
from lookalike.collection.gone import Gone
from lookalike.collection.identity import sha256
from lookalike.collection.metadata_table import updated
from lookalike.collection.read_file import ReadFile, read_file
from lookalike.collection.report import AddReport, Event, Listener, Outcome
from lookalike.collection.walk import Found, look_at
from lookalike.errors import PictureError
from lookalike.features.batch import found_nothing
from lookalike.features.parallel import Extracted, extract_stream

if TYPE_CHECKING:
    from lookalike.catalogue.writer import Writer

LOOK_UP_ROWS = 500
READ_FILES = 64
READ_BYTES = 64 << 20
COMMIT_FILES = 128
COMMIT_SECONDS = 1.0


@dataclass(slots=True)
class _Picture:
    """A picture between its first reading and its commit.

    `features` are those to be extracted. `number` is that of the stored source, if the picture is known and lacks them;
    `previous` that of the source that lay at its file before, if the file was edited. `files` are all files of this
    run with this content, with what is to be reported of each. `sha256` is empty for a known picture.
    """

    id: str
    features: Sequence[str]
    sha256: str
    size: int
    number: int | None
    previous: int | None
    files: list[tuple[Found, Outcome]]
    extracted: Extracted | None = None


@dataclass(slots=True)
class _Batch:
    """What the next transaction writes, and what is reported after it."""

    pictures: list[_Picture] = field(default_factory=list)
    known: list[tuple[Found, Outcome, int]] = field(default_factory=list)  # files of sources that are stored
    events: list[Event] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures) + len(self.known) + len(self.events)


def add_pictures(catalogue: Catalogue, plan: AddPlan, options: AddOptions, listener: Listener) -> AddReport:
    """Carry out a plan on a catalogue whose writer lock is held. Raises what `Collection.add` says."""
    with catalogue.write() as writer:
        for feature in plan.features.new:
            writer.add_feature(feature)
        for name, changed in plan.features.relocated.items():
            writer.set_feature_options(name, changed)
    bad_rows = () if plan.table is None else plan.table.skipped
    listener.total(len(plan.pictures.files) + len(bad_rows))
    return _Run(catalogue, plan, options, listener).run()


class _Run:
    """One run of `add`."""

    def __init__(self, catalogue: Catalogue, plan: AddPlan, options: AddOptions, listener: Listener) -> None:
        self._catalogue = catalogue
        self._plan = plan
        self._options = options
        self._features = plan.features.specs
        self._metadata = plan.table
        self._listener = listener
        self._report = AddReport(passed_over=plan.pictures.passed_over)
        self._batch = _Batch()
        self._committed_at = time.monotonic()
        self._open: dict[str, _Picture] = {}  # by id: being extracted, or waiting for the commit
        self._lacking: dict[int, list[str]] = {}  # features, by the number of a stored picture
        for name in self._features:
            for number in catalogue.lacking(name).tolist():
                self._lacking.setdefault(number, []).append(name)
        self._kinds = FileKinds.of({name: spec.extractor for name, spec in self._features.items()})
        if self._kinds.claimed:
            self._keep_what_files_can_give()
        self._numbers: dict[str, int] = {}  # of the ids in the group of files at hand
        self._moved: set[int] = set()  # sources of which a file has been found to have moved
        self._is_gone = Gone(plan.pictures.folders)

    def _keep_what_files_can_give(self) -> None:
        """Forget that a source lacks features which are not made of files of its kind."""
        for source in self._catalogue.sources(list(self._lacking)):
            possible = {name for place in source.places for name in self._kinds.features_of(place.path)}
            lacking = [name for name in self._lacking.pop(source.number) if name in possible]
            if lacking:
                self._lacking[source.number] = lacking

    def run(self) -> AddReport:
        """Bring the catalogue up to date with the files of the plan, and give every stored picture every feature."""
        files = self._plan.pictures.files
        if self._metadata is not None:
            self._batch.events.extend(self._metadata.skipped)
        seen = {file.path for file in files}
        stream = extract_stream(
            self._to_extract(files, seen),
            self._features,
            jobs=self._options.jobs,
            max_pixels=self._options.max_pixels,
            time_limit=self._options.time_limit,
            wanted=lambda picture: picture.features,
            made=self._plan.features.extractors,
            isolated=self._options.isolated,
            cluster=self._options.cluster,
        )
        for picture, outcome in stream:
            if isinstance(outcome, PictureError):
                del self._open[picture.id]
                for file, _ in picture.files:
                    self._skip(file.path, outcome.reason)
            elif picture.number is None and not outcome.vectors:
                del self._open[picture.id]
                for file, _ in picture.files:
                    self._skip(file.path, found_nothing(file.path, picture.features).reason)
            else:
                if not outcome.vectors:
                    picture.files = [
                        (file, "unchanged" if told == "refreshed" else told) for file, told in picture.files
                    ]
                picture.extracted = outcome
                self._batch.pictures.append(picture)
            self._commit_if_due()
        self._commit()
        with self._catalogue.write() as writer:
            writer.forget_places(self._copies_that_are_gone(seen))
            writer.remove(writer.unplaced())  # pictures whose files all have other content by now
        if self._metadata is not None:
            self._report.unmatched_metadata = self._metadata.unmatched
        return self._report

    def _to_extract(self, files: Iterable[Found], seen: Set[str]) -> Iterator[tuple[_Picture, str, bytes]]:
        """Yield what must be extracted; all else goes straight into the batch."""
        iterator = iter(files)
        while chunk := list(islice(iterator, LOOK_UP_ROWS)):
            known = {place.path: place for place in self._catalogue.places([file.path for file in chunk])}
            yield from self._read((file, known.get(file.path)) for file in chunk)
        lacking = iter(sorted(self._lacking))
        while numbers := list(islice(lacking, LOOK_UP_ROWS)):
            yield from self._read(self._elsewhere(numbers, seen))

    def _elsewhere(
        self, numbers: Iterable[int], seen: Set[str]
    ) -> Iterator[tuple[Found, StoredLocation | None]]:
        """Yield for each source that lacks features a file that is not among those `seen`, if it has one."""
        for source in self._catalogue.sources(numbers):
            found = [look_at(place.path) for place in source.places if place.path not in seen]
            if found:
                file = next((file for file in found if file.problem is None), found[0])
                yield file, StoredLocation(file.path, source.number, None, None)

    def _copies_that_are_gone(self, seen: Set[str]) -> list[str]:
        """Count the files that are gone from the folders of this run, or left out by now.

        Returns those that are gone, of pictures with other files.
        """
        pictures = self._plan.pictures
        inside = tuple(os.path.join(folder, "") for folder in pictures.folders)
        gone: dict[int, list[str]] = {}
        for place in self._catalogue.places() if inside else ():
            is_file = place.modified_ns is not None
            if not is_file or not place.path.startswith(inside) or place.path in seen:
                continue
            if self._is_gone(place.path):
                gone.setdefault(place.number, []).append(place.path)
            elif any(
                pictures.excludes.leaves_out_any(place.path, folder)
                for folder, prefix in zip(pictures.folders, inside, strict=True)
                if place.path.startswith(prefix)
            ):
                self._report.excluded += 1
        self._report.gone = sum(len(paths) for paths in gone.values())
        return [
            path
            for source in self._catalogue.sources(gone)
            if len(source.places) > len(gone[source.number])
            for path in gone[source.number]
        ]

    def _read(
        self, files: Iterable[tuple[Found, StoredLocation | None]]
    ) -> Iterator[tuple[_Picture, str, bytes]]:
        """Read those files that may have changed, and yield what must be extracted."""
        group: list[ReadFile] = []
        for file, place in files:
            if file.problem is not None:
                self._skip(file.path, file.problem)
            elif (
                place is not None
                and file.raw is None
                and not self._options.reread
                and place.number not in self._lacking
                and (place.size, place.modified_ns) == (file.size, file.modified_ns)
            ):
                self._batch.known.append((file, "unchanged", place.number))
            else:
                if (
                    len(group) == READ_FILES
                    or (file.size or 0) + sum(len(one.raw) for one in group) > READ_BYTES
                ):
                    yield from self._identify(group)
                try:
                    group.append(read_file(file, place))
                except OSError as error:
                    self._skip(file.path, error.strerror or str(error))
            self._commit_if_due()
        yield from self._identify(group)
        self._commit_if_due()

    def _identify(self, group: list[ReadFile]) -> Iterator[tuple[_Picture, str, bytes]]:
        """Find out what has happened to files that were read, and yield what must be extracted; empties the group."""
        self._numbers = self._catalogue.numbers(one.id for one in group)
        group.reverse()
        while group:  # what is yielded is not held here while it waits
            file, place, raw, id_ = group.pop()
            if (picture := self._consider(file, place, raw, id_)) is not None:
                yield picture, file.path, raw
            del raw

    def _consider(self, file: Found, place: StoredLocation | None, raw: bytes, id_: str) -> _Picture | None:
        """Return the picture that a file holds, if it must be extracted."""
        if id_ in self._open:
            picture = self._open[id_]
            again: Outcome = "duplicate" if place is None else "changed"
            picture.files.append((file, "unchanged" if place and place.number == picture.number else again))
            return None
        number = self._numbers.get(id_)
        outcome = self._outcome(place, number)
        if number is not None and number not in self._lacking:
            self._batch.known.append((file, outcome, number))
            return None
        features = self._kinds.features_of(file.path) if number is None else self._lacking.pop(number)
        if not features:
            self._skip(file.path, "no feature of this collection is made of such files")
            return None
        previous = place.number if place is not None and outcome == "changed" else None
        digest = sha256(raw) if number is None else ""
        self._open[id_] = _Picture(id_, features, digest, len(raw), number, previous, [(file, outcome)])
        return self._open[id_]

    def _outcome(self, place: StoredLocation | None, number: int | None) -> Outcome:
        """Return what has happened to a file, by the place it had and the source that its content is now."""
        if place is not None:
            if place.number != number:
                return "changed"
            return "refreshed" if number in self._lacking else "unchanged"
        if number is None:
            return "added"
        if number in self._moved or not self._gone([number]):
            return "duplicate"
        self._moved.add(number)
        return "moved"

    def _gone(self, numbers: Iterable[int]) -> list[str]:
        """Return those places of sources where there is no file any more, and none out of reach either."""
        places = (place.path for source in self._catalogue.sources(numbers) for place in source.places)
        return [path for path in places if self._is_gone(path)]

    def _skip(self, path: str, reason: str) -> None:
        self._batch.events.append(Event("skipped", path, reason=reason))

    def _commit_if_due(self) -> None:
        if len(self._batch) >= COMMIT_FILES or (
            len(self._batch) and time.monotonic() - self._committed_at > COMMIT_SECONDS
        ):
            self._commit()

    def _commit(self) -> None:
        batch, self._batch = self._batch, _Batch()
        new = [picture for picture in batch.pictures if picture.number is None]
        complete = [picture for picture in batch.pictures if picture.number is not None]
        known = batch.known + [
            (file, outcome, picture.number)
            for picture in complete
            for file, outcome in picture.files
            if picture.number is not None
        ]
        metadata = self._changed_metadata(known)
        with self._catalogue.write() as writer:
            if new:
                added = writer.add_sources([self._new_source(picture) for picture in new])
            writer.forget_places(self._gone(number for _, outcome, number in known if outcome == "moved"))
            self._add_places(writer, known)
            self._add_vectors(writer, complete)
            if metadata:
                writer.update_metadata(metadata)
        if new:
            self._numbers |= zip((picture.id for picture in new), added.tolist(), strict=True)
        self._committed_at = time.monotonic()
        for picture in batch.pictures:
            del self._open[picture.id]
            for file, outcome in picture.files if picture.number is None else ():
                batch.events.append(Event(outcome, file.path, picture.id))
        ids = {
            source.number: source.id for source in self._catalogue.sources({number for _, _, number in known})
        }
        for file, outcome, number in known:
            told = "refreshed" if outcome == "unchanged" and number in metadata else outcome
            batch.events.append(Event(told, file.path, ids[number]))
        for event in batch.events:
            self._report.count(event)
            self._listener.event(event)

    def _new_source(self, picture: _Picture) -> NewSource:
        assert picture.extracted is not None
        # An edited picture is still the same thing, so what is known of it stays.
        kept = {} if picture.previous is None else self._catalogue.sources([picture.previous])[0].metadata
        return NewSource(
            id=picture.id,
            sha256=picture.sha256,
            kind="file" if picture.extracted.width is None else "picture",
            size=picture.size,
            width=picture.extracted.width,
            height=picture.extracted.height,
            metadata=updated(kept, self._fields(file.path for file, _ in picture.files)),
            places=tuple(_place(file) for file, _ in picture.files),
            vectors=picture.extracted.vectors,
        )

    def _add_places(self, writer: Writer, known: Iterable[tuple[Found, Outcome, int]]) -> None:
        # An unchanged file is written as well if only its time stamp differs, so as not to be read again.
        places = [(number, _place(file)) for file, outcome, number in known]
        stored = {
            (place.number, Location(place.path, place.size, place.modified_ns))
            for place in self._catalogue.places([place.path for _, place in places])
        }
        if fresh := [entry for entry in places if entry not in stored]:
            writer.add_places(fresh)

    def _add_vectors(self, writer: Writer, complete: Iterable[_Picture]) -> None:
        import numpy as np

        rows: dict[str, list[tuple[int, Rows]]] = {}
        for picture in complete:
            if picture.extracted is not None and picture.number is not None:
                for name, vector in picture.extracted.vectors.items():
                    rows.setdefault(name, []).append((picture.number, vector))
        for name, numbered in rows.items():
            numbers, vectors = zip(*numbered, strict=True)
            writer.add_vectors(name, numbers, np.stack(vectors))

    def _fields(self, paths: Iterable[str]) -> dict[str, object]:
        return {} if self._metadata is None else self._metadata.of(paths)

    def _changed_metadata(self, known: Iterable[tuple[Found, Outcome, int]]) -> dict[int, dict[str, object]]:
        """Return the new metadata of those stored sources for which the metadata file says something new."""
        if self._metadata is None:
            return {}
        paths: dict[int, list[str]] = {}
        for file, _, number in known:
            paths.setdefault(number, []).append(file.path)
        changed = {}
        for source in self._catalogue.sources(paths):
            # Not the places whose files are gone or changed, which may be another source's by now.
            places = [place.path for place in source.places if place == _place(look_at(place.path))]
            fields = self._fields(dict.fromkeys([*places, *paths[source.number]]))
            if (metadata := updated(source.metadata, fields)) != source.metadata:
                changed[source.number] = metadata
        return changed


def _place(file: Found) -> Location:
    return Location(file.path, file.size, file.modified_ns)
