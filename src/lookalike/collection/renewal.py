"""A feature's vectors made anew: by another version of its extractor, or by another model.

Every picture is read again, and the new vectors are written in one transaction, so that a search finds either the old
ones or the new ones, and a run that is stopped leaves all as it was. Until all are made they lie in a temporary file:
the transaction takes as long as writing does, and not as long as extraction.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import IO, Any

import numpy as np

from lookalike.arrays import Array
from lookalike.catalogue import Catalogue, FeatureRecord, Source
from lookalike.collection.add_plan import AddOptions
from lookalike.collection.extraction import is_of_pictures, record_of
from lookalike.collection.gone import Gone
from lookalike.collection.identity import content_id
from lookalike.collection.moving import feature_of
from lookalike.collection.report import Event, Listener
from lookalike.collection.walk import look_at
from lookalike.errors import FeatureMismatchError, OptionError, OutputError, PictureError, PictureMissingError
from lookalike.features.base import Extractor
from lookalike.features.batch import found_nothing, row_dtype
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor

BLOCK = 256
"""Pictures whose vectors are written at once."""


@dataclass(slots=True)
class RenewalReport:
    """How many pictures have new vectors, and those that have none any more, each with the reason."""

    feature: str
    version: str
    renewed: int = 0
    skipped: list[Event] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as the command line prints it under `--json`."""
        return asdict(self) | {"skipped": [event.to_json() for event in self.skipped]}


@dataclass(frozen=True, slots=True)
class Renewal:
    """A feature as it is, and as it shall be."""

    old: FeatureRecord
    new: FeatureRecord
    spec: FeatureSpec
    extractor: Extractor

    @classmethod
    def of(cls, stored: Mapping[str, FeatureRecord], asked: str | FeatureSpec) -> Renewal:
        """Plan it.

        Args:
            asked: as in `Collection.add`, or the name of a stored feature, for the newest version of its extractor.

        Raises:
            UnknownFeatureError: there is no such feature or extractor.
            FeatureMismatchError: its vectors were not made of pictures.
            OptionError, ModelError, MissingDependencyError.
        """
        if not isinstance(asked, str | FeatureSpec):
            raise OptionError(f'feature is {asked!r}; give one such as "look" or "look=2", or a FeatureSpec')
        if isinstance(asked, FeatureSpec):
            spec = asked
        elif asked in stored and is_of_pictures(stored[asked]):
            spec = FeatureSpec(asked, stored[asked].extractor, stored[asked].options)
        else:
            spec = FeatureSpec.parse(asked)
        old = feature_of(stored, spec.name)
        if not is_of_pictures(old):
            raise FeatureMismatchError(f"feature {spec.name!r} was not made of pictures; it stays as it is")
        extractor = create_extractor(spec)
        return cls(old, replace(record_of(spec, extractor), index=old.index), spec, extractor)


def renew(catalogue: Catalogue, plan: Renewal, options: AddOptions, listener: Listener) -> RenewalReport:
    """Carry it out on a catalogue whose writer lock is held.

    Raises:
        PictureMissingError: a picture is out of reach: its folder is missing or empty, as when a disk is away, or it
            came from the web. Nothing is changed.
    """
    name = plan.spec.name
    numbers = catalogue.numbers_with([name]).tolist()
    _check_reach(catalogue, numbers)
    report = RenewalReport(name, plan.new.version)
    listener.total(len(numbers))
    stream = extract_stream(
        _contents(catalogue, numbers, report, listener),
        {name: plan.spec},
        jobs=options.jobs,
        max_pixels=options.max_pixels,
        time_limit=options.time_limit,
        made={name: plan.extractor},
        isolated=options.isolated,
    )

    def vectors() -> Iterator[tuple[Event, int, Array]]:
        for (event, number), outcome in stream:
            if isinstance(outcome, PictureError):
                _skip(replace(event, outcome="skipped", reason=outcome.reason), report, listener)
            elif name in outcome.vectors:
                yield event, number, outcome.vectors[name]
            else:
                reason = found_nothing(event.path, [name]).reason
                _skip(replace(event, outcome="skipped", reason=reason), report, listener)

    with tempfile.TemporaryFile(buffering=0) as kept:
        done: list[int] = []
        for event, number, row in vectors():
            _keep(kept, row.tobytes())
            done.append(number)
            listener.event(event)
        dtype, width = row_dtype(plan.extractor), plan.new.dimension
        kept.seek(0)
        with catalogue.write() as writer:
            writer.drop_feature(name)
            writer.add_feature(plan.new)
            for start in range(0, len(done), BLOCK):
                numbers = done[start : start + BLOCK]
                data = kept.read(len(numbers) * width * dtype.itemsize)
                writer.add_vectors(name, numbers, np.frombuffer(data, dtype).reshape(-1, width))
    report.renewed = len(done)
    return report


def _keep(kept: IO[bytes], data: bytes) -> None:
    try:
        reason = "" if kept.write(data) == len(data) else "it is full"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise OutputError(
            f"the new vectors cannot be kept in {tempfile.gettempdir()} until all are made ({reason}); name a larger "
            "folder in TMPDIR"
        )


def _check_reach(catalogue: Catalogue, numbers: Iterable[int]) -> None:
    is_gone = Gone()
    for source in _sources(catalogue, numbers):
        files = [look_at(place.path) for place in source.places]
        away = [file for file in files if file.problem is not None and not is_gone(file.path)]
        if away and all(file.problem is not None for file in files):
            raise PictureMissingError(away[0].path, f"{away[0].problem}; nothing was changed")


def _contents(
    catalogue: Catalogue, numbers: Iterable[int], report: RenewalReport, listener: Listener
) -> Iterator[tuple[tuple[Event, int], str, bytes]]:
    """Yield the bytes of each source, from the first of its files that still holds them."""
    for source in _sources(catalogue, numbers):
        reason = "no file of it is known"
        for place in source.places:
            file = look_at(place.path)
            reason = file.problem or "the file has other content by now; add it again"
            if file.problem is not None or file.size != source.size:
                continue
            try:
                with open(file.path, "rb") as stream:
                    raw = stream.read()
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            if content_id(raw) == source.id:
                yield (Event("refreshed", file.path, source.id), source.number), file.path, raw
                break
        else:
            path = source.places[-1].path if source.places else source.id
            _skip(Event("skipped", path, source.id, reason), report, listener)


def _sources(catalogue: Catalogue, numbers: Iterable[int]) -> Iterator[Source]:
    left = iter(numbers)
    while block := list(islice(left, BLOCK)):
        yield from (source for source in catalogue.sources(block) if source.kind != "row")


def _skip(event: Event, report: RenewalReport, listener: Listener) -> None:
    report.skipped.append(event)
    listener.event(event)
