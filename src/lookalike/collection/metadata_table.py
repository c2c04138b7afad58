"""The table of metadata that comes with pictures: read from a CSV file, looked up by picture."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from lookalike.errors import MetadataError
from lookalike.urls import is_web_address

FILE_COLUMNS = ("image", "path")

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
"""At most 18 digits before the point, so that an integer fits 64 bits; a code with leading zeros stays text."""


class Row(NamedTuple):
    """One row of a metadata file: the line it ends on, the file it is about, and the rest; None is an empty cell."""

    line: int
    file: str
    metadata: dict[str, Any]


def read_csv(path: Path | str) -> Iterator[Row]:
    """The rows of a CSV file (comma, UTF-8 with or without BOM, a header line), streamed.

    The column `image`, or without it `path`, names the file; all others are metadata. Blanks around names and cells
    do not count. A cell becomes a number if it reads as a plain one (`2010`, `-1.5`, `9.90`; but `00123` and `1e3`
    stay text), and None if it is empty. Rows without any text are passed over.

    Raises: MetadataError, naming file and line, for a file that cannot be read, is not UTF-8 or has NUL characters,
        for a header without a file column or with a column that is empty or there twice, and for a row with more or
        fewer cells than the header or without a file.
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
        header = [_stripped(name) for name in next(reader, [])]
        key = _file_column(header, path)
        for cells in reader:
            cells = [_stripped(cell) for cell in cells]
            if not any(cells):
                continue
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise MetadataError(f"{where}: {len(cells)} cells, but the header has {len(header)} columns")
            if not cells[key]:
                raise MetadataError(
                    f"{where}: the column {header[key]!r} is empty; name the file or remove the row"
                )
            values = {name: _value(cell) for name, cell in zip(header, cells, strict=True)}
            del values[header[key]]
            yield Row(reader.line_num, cells[key], values)
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


def _stripped(cell: str) -> str:
    """Return a cell without blanks around it, nor the byte order marks that joining of files leaves within."""
    return cell.strip().strip("\ufeff").strip()


def _value(cell: str) -> str | int | float | None:
    if not _NUMBER.fullmatch(cell):
        return cell or None
    return float(cell) if "." in cell else int(cell)


Fields = dict[str, list[Any]]
"""The values of each field, in order, each once; none where the table has the field, and its cells are empty."""


class MetadataTable:
    """The rows of a metadata file, found by picture.

    A row names its picture by absolute path, by a path relative to the metadata file's folder or to one of the
    added folders, or by the file's name alone; the longest match wins. Several rows may name one picture.
    """

    def __init__(self, rows: Iterable[tuple[str, Mapping[str, Any]]], folders: Sequence[Path]) -> None:
        self._folders = [os.path.join(os.path.abspath(folder), "") for folder in folders]
        self._fields: dict[str, Fields] = {}
        self._unmatched: Counter[str] = Counter()
        for name, metadata in rows:
            key = name if is_web_address(name) else os.path.normpath(name)
            self._unmatched[key] += 1
            fields = self._fields.setdefault(key, {})
            for field, value in metadata.items():
                _take(fields, field, () if value is None else (value,))

    @classmethod
    def read(cls, file: Path, added: Sequence[Path]) -> MetadataTable:
        """Read a CSV file; see `read_csv` for its form and errors."""
        rows = ((row.file, row.metadata) for row in read_csv(file))
        return cls(rows, [file.parent, *(path for path in added if path.is_dir())])

    def of(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return what the table says of a picture that lies at all of `paths`; empty if no row names it.

        Where the rows of a picture, or of its exact copies, have several values of a field, it holds the list of them,
        so that a filter finds the picture by each. A field whose cells are empty is None.
        """
        merged: Fields = {}
        for path in sorted(paths):
            for field, values in self._fields_of(path).items():
                _take(merged, field, values)
        return {
            field: values if len(values) > 1 else next(iter(values), None) for field, values in merged.items()
        }

    def _fields_of(self, path: str) -> Fields:
        relative = [path[len(folder) :] for folder in self._folders if path.startswith(folder)]
        for name in (path, *sorted(relative, key=len, reverse=True), os.path.basename(path)):
            key = name.strip()  # as the cells are
            if key in self._fields:
                self._unmatched.pop(key, None)
                return self._fields[key]
        return {}

    @property
    def unmatched(self) -> int:
        """Number of rows that have named no picture so far."""
        return self._unmatched.total()


def _take(fields: Fields, field: str, values: Iterable[Any]) -> None:
    known = fields.setdefault(field, [])
    known.extend(value for value in values if value not in known)


def updated(metadata: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return `metadata` with what a table tells: new values, and without the fields that it tells to be None."""
    cleared = {field for field, value in told.items() if value is None}
    return {field: value for field, value in {**metadata, **told}.items() if field not in cleared}
