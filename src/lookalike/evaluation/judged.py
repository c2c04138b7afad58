"""Judged pairs: a CSV file, or a list, of a query, a source and how relevant it is."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.arguments import shown
from lookalike.catalogue import Catalogue
from lookalike.errors import MetadataError, OptionError, UnknownIdError
from lookalike.evaluation.relevance import Judgements
from lookalike.urls import is_web_address

QUERY, SOURCE, GRADE = "query", "source", "grade"

Judged = str | os.PathLike[str] | Sequence[tuple[str, str] | tuple[str, str, float]]
"""A CSV file, or pairs of ids or paths with a grade each, 1 where none is given."""


class Pair(NamedTuple):
    """A judged pair, and where it stands."""

    where: str
    query: str
    source: str
    grade: float


def judgements(catalogue: Catalogue, judged: Judged) -> Judgements:
    """Return the judgements that a CSV file or a list tells, whose sources are looked up by id, then by path.

    The file has a header with the columns `query`, `source` and, if it likes, `grade`; others are passed over. A grade
    is a number, 0 for not relevant; without one it is 1. Paths are absolute, or relative to the file's folder or the
    working folder.

    Raises:
        MetadataError: the file cannot be read, a column or cell is missing, a grade is none, a pair is judged twice,
            or differently, or no grade is above 0; with the line.
        UnknownIdError: a source is not there; with the line.
        OptionError: `judged` is no such thing.
    """
    if isinstance(judged, str | os.PathLike):
        file = Path(judged)
        pairs, name, folders = list(_read(file)), str(file), [file.absolute().parent, Path.cwd()]
    else:
        pairs, name, folders = list(_listed(judged)), "judged", [Path.cwd()]
    numbers = _numbers(catalogue, pairs, folders)
    told: dict[int, dict[int, float]] = {}
    for pair in pairs:
        query, source = numbers[pair.query], numbers[pair.source]
        if query == source:
            raise MetadataError(f"{pair.where}: {pair.source} is the query itself; remove the line")
        if source in told.setdefault(query, {}):
            raise MetadataError(f"{pair.where}: this pair was judged before; keep one of the two")
        told[query][source] = pair.grade
    return Judgements(name, told)


def _read(file: Path) -> Iterator[Pair]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            try:
                yield from _pairs(reader, str(file))
            except csv.Error as error:
                raise MetadataError(f"{file}, line {reader.line_num}: {error}; check the quotes") from error
    except UnicodeDecodeError as error:
        raise MetadataError(f"{file} is not UTF-8; save it in UTF-8") from error
    except OSError as error:
        raise MetadataError(f"{file} cannot be read: {error.strerror or error}") from error


def _pairs(reader: Any, name: str) -> Iterator[Pair]:
    header = [cell.strip() for cell in next(reader, [])]
    for column in (QUERY, SOURCE):
        if header.count(column) != 1:
            there = ", ".join(map(repr, header[:8])) or "none"
            raise MetadataError(
                f"{name}, line 1: one column must be {column!r}, as in query,source,grade; the columns are {there}"
            )
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{name}, line {reader.line_num}"
        if len(cells) != len(header):
            raise MetadataError(f"{where}: {len(cells)} cells, but the header has {len(header)} columns")
        row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        for column in (QUERY, SOURCE):
            if not row[column]:
                raise MetadataError(
                    f"{where}: the column {column!r} is empty; name a source by its id or path"
                )
        yield Pair(where, row[QUERY], row[SOURCE], _grade(row.get(GRADE, "1"), where))


def _listed(judged: Any) -> Iterator[Pair]:
    if isinstance(judged, bytes) or not isinstance(judged, Iterable):
        raise OptionError(f"judged is {shown(judged)}; give a CSV file, or a list of (query, source, grade)")
    for place, pair in enumerate(judged, 1):
        where = f"judged pair {place}"
        if not isinstance(pair, tuple | list) or len(pair) not in (2, 3):
            raise OptionError(f"{where} is {shown(pair)}; give (query, source) or (query, source, grade)")
        query, source, *grade = pair
        if not isinstance(query, str) or not isinstance(source, str):
            raise OptionError(f"{where}: give ids or paths as text")
        yield Pair(where, query, source, _grade(grade[0] if grade else 1, where))


def _grade(value: Any, where: str) -> float:
    try:
        grade = float(value)
    except (TypeError, ValueError):
        grade = math.nan
    if not (math.isfinite(grade) and grade >= 0):
        raise MetadataError(f"{where}: the grade is {value!r}; give a number, 0 for not relevant")
    return grade


def _numbers(catalogue: Catalogue, pairs: Sequence[Pair], folders: Sequence[Path]) -> dict[str, int]:
    """Return the number of each source that is named. Raises UnknownIdError for the first that is not there."""
    names = dict.fromkeys(name for pair in pairs for name in (pair.query, pair.source))
    numbers = catalogue.numbers(names)
    ways = {name: _ways(name, folders) for name in names if name not in numbers}
    placed = {
        place.path: place.number for place in catalogue.places({way for one in ways.values() for way in one})
    }
    for name, paths in ways.items():
        number = next((placed[path] for path in paths if path in placed), None)
        if number is not None:
            numbers[name] = number
    for pair in pairs:
        for name in (pair.query, pair.source):
            if name not in numbers:
                raise UnknownIdError(f"{pair.where}: {name} is no id or path of a source (lookalike list)")
    return numbers


def _ways(name: str, folders: Sequence[Path]) -> list[str]:
    """Return the places that a name may stand for."""
    if is_web_address(name) or "\0" in name:
        return [name]
    return [name, *(os.path.normpath(folder / name) for folder in folders)]
