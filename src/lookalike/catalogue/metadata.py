"""Metadata: read from CSV files, and as JSON in the catalogue."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from lookalike.catalogue.records import Metadata
from lookalike.errors import MetadataError

FILE_COLUMNS = ("image", "path")

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
"""At most 18 digits before the point, so that an integer fits 64 bits; a code with leading zeros stays text."""


class Row(NamedTuple):
    """One row of a metadata file: the line it ends on, the file it is about as written, and the rest."""

    line: int
    file: str
    metadata: dict[str, Any]


def read_csv(path: Path | str) -> Iterator[Row]:
    """The rows of a CSV file (comma, UTF-8 with or without BOM, a header line), streamed.

    The column `image`, or without it `path`, names the file; all others are metadata. A cell becomes a number
    if it reads as a plain one (`2010`, `-1.5`, `9.90`; but `00123` and `1e3` stay text), and is left out if it
    is empty. Blank lines are passed over.

    Raises: MetadataError, naming file and line, for a file that cannot be read, is not UTF-8 or has NUL
    characters, for
        a header without a file column or with a column that is empty or there twice, and for a row with more
        or fewer cells than the header or without a file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            yield from _rows(file, path)
    except OSError as error:
        raise MetadataError(f"{path} cannot be read: {error.strerror or error}") from error


def _rows(file: BinaryIO, path: Path) -> Iterator[Row]:
    reader = csv.reader(_lines(file, path), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        key = _file_column(header, path)
        for cells in reader:
            if not cells:
                continue
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise MetadataError(f"{where}: {len(cells)} cells, but the header has {len(header)} columns")
            if not cells[key].strip():
                raise MetadataError(
                    f"{where}: the column {header[key]!r} is empty; name the file or remove the row"
                )
            metadata = {
                name: _value(cell)
                for column, (name, cell) in enumerate(zip(header, cells, strict=True))
                if column != key and cell.strip()
            }
            yield Row(reader.line_num, cells[key], metadata)
    except csv.Error as error:
        raise MetadataError(
            f"{path}, line {reader.line_num}: {error}; check the quotes and line ends"
        ) from error


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    for number, raw in enumerate(file, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise MetadataError(f"{path}, line {number}: not UTF-8; save the file in UTF-8") from error
        if "\0" in line:
            raise MetadataError(
                f"{path}, line {number}: a NUL character; save the file as plain text in UTF-8"
            )
        yield line


def _file_column(header: list[str], path: Path) -> int:
    """Index of the column that names the file."""
    for name in header:
        if not name:
            raise MetadataError(f"{path}, line 1: column {header.index(name) + 1} has no name; give it one")
        if header.count(name) > 1:
            raise MetadataError(f"{path}, line 1: the column {name!r} is there more than once; rename one")
    for name in FILE_COLUMNS:
        if name in header:
            return header.index(name)
    found = ", ".join(map(repr, header[:8])) or "none"
    raise MetadataError(
        f"{path}, line 1: no column 'image' or 'path' names the file; the columns are {found}"
    )


def _value(cell: str) -> str | int | float:
    if not _NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


def encoded(metadata: Metadata, name: str) -> str:
    """`metadata` as JSON text for the catalogue; `name` is the source in messages.

    Raises: MetadataError for what JSON in UTF-8 cannot hold, and for what SQL cannot compare: integers beyond
    64
        bits, NUL characters.
    """
    try:
        _check(metadata)
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode("utf-8")
    except RecursionError as error:
        raise MetadataError(f"metadata of {name} is nested too deeply; make it flatter") from error
    except (TypeError, ValueError) as error:  # among them UnicodeEncodeError
        raise MetadataError(f"metadata of {name} cannot be stored: {error}") from error
    return text


def _check(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"{value[:40]!r} has a NUL character; remove it")
    elif isinstance(value, dict):
        for field, member in value.items():
            if not isinstance(field, str):
                raise ValueError(f"the field name {field!r} is no text; make it one")
            _check(field)
            _check(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _check(member)
    elif isinstance(value, int) and not _fits(value):
        raise ValueError(f"{value} does not fit 64 bits; give it as text")


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**63
