"""Removal by id, by path, by folder, and of what is gone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lookalike.catalogue import Catalogue, StoredLocation
from lookalike.collection.gone import Gone
from lookalike.collection.presence import is_missing
from lookalike.errors import InputError, UnknownIdError
from lookalike.urls import is_web_address


def as_names(what: Any) -> list[str]:
    """Return one id or path, or several, as a list of texts. Raises InputError for what is none."""
    is_one = isinstance(what, str | os.PathLike)
    if not is_one and (isinstance(what, bytes | Mapping) or not isinstance(what, Iterable)):
        raise InputError(f"{what!r} is no name; give an id or a path, or several in a list")
    names = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in ([what] if is_one else what)]
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{name!r} is no name; give an id or a path, as text. Nothing was removed")
    return names


def remove_sources(catalogue: Catalogue, names: Sequence[str]) -> int:
    """Remove what `names` name, in one transaction; return how many sources went.

    Raises:
        InputError: a name is empty or blank.
        UnknownIdError: a name is neither an id, nor a place, nor a folder or file with places in it.
    """
    by_id = catalogue.numbers(names)
    doomed = set(by_id.values())
    unknown = [name for name in names if name not in by_id]
    for name in unknown:
        if not name.strip():  # as a path it would be the current folder
            raise InputError(f"{name!r} is no name; give an id or a path. Nothing was removed")
    paths = [name if is_web_address(name) else os.path.abspath(name) for name in unknown]
    places = _places_below(catalogue, paths) if paths else []
    forgotten = {place.path for place in places}
    for source in catalogue.sources({place.number for place in places}):
        if all(place.path in forgotten for place in source.places):
            doomed.add(source.number)
    with catalogue.write() as writer:
        writer.forget_places(forgotten)
        writer.remove(sorted(doomed))
    return len(doomed)


@dataclass(frozen=True, slots=True)
class MissingReport:
    """What was done about files that are not there any more.

    `removed` counts the pictures that were removed, as all their files are gone; `forgotten` the files that are gone;
    `away` those that are kept, as their folder is missing or empty too, as when a disk or share is away.
    """

    removed: int
    forgotten: int
    away: int

    def to_json(self) -> dict[str, int]:
        """Return the report as the command line prints it under `--json`."""
        return asdict(self)


def remove_missing(catalogue: Catalogue) -> MissingReport:
    """Forget the files of pictures that are gone, and remove the pictures that have no other."""
    is_gone = Gone()
    gone: dict[int, list[str]] = {}
    away = 0
    for place in catalogue.places():
        if place.modified_ns is None or not is_missing(place.path):  # the first: a row of a vector file
            continue
        if is_gone(place.path):
            gone.setdefault(place.number, []).append(place.path)
        else:
            away += 1
    doomed = [
        source.number for source in catalogue.sources(gone) if len(source.places) == len(gone[source.number])
    ]
    forgotten = [path for paths in gone.values() for path in paths]
    with catalogue.write() as writer:
        writer.forget_places(forgotten)
        writer.remove(doomed)
    return MissingReport(len(doomed), len(forgotten), away)


def _places_below(catalogue: Catalogue, paths: Sequence[str]) -> list[StoredLocation]:
    """Return the places at, in, or rows of each of `paths`."""
    found: list[StoredLocation] = []
    matched: set[str] = set()
    inside = [(path, path.rstrip(os.sep) + os.sep) for path in paths]
    for place in catalogue.places():
        file = _file_of_row(place)
        for path, prefix in inside:
            if place.path.startswith(prefix) or path in (place.path, file):
                found.append(place)
                matched.add(path)
    for path in paths:
        if path not in matched:
            raise UnknownIdError(
                f"{path!r} is neither an id nor a place of this collection; nothing was removed"
            )
    return found


def _file_of_row(place: StoredLocation) -> str | None:
    """Return the FILE of a place `FILE#ROW`. Else a # is a part of a file's or folder's name."""
    file, _, row = place.path.rpartition("#")
    is_row = place.modified_ns is None and row.isascii() and row.isdigit()
    return file if is_row else None
