"""The table of metadata that comes with pictures: read from a CSV file, looked up by picture."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from lookalike.errors import DuplicateIdError, MetadataError

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


class MetadataTable:
    """The rows of a metadata file, found by picture.

    A row names its picture by absolute path, by a path relative to the metadata file's folder or to one of the
    added folders, or by the file's name alone; the longest match wins.
    """

    def __init__(self, rows: Iterable[tuple[str, dict[str, Any]]], folders: Sequence[Path]) -> None:
        self._folders = [os.path.join(os.path.abspath(folder), "") for folder in folders]
        self._rows: dict[str, dict[str, Any]] = {}
        self._used: set[str] = set()
        for name, fields in rows:
            key = os.path.normpath(name)
            if key in self._rows:
                raise DuplicateIdError(f"the metadata names {name!r} twice; keep one row a picture")
            self._rows[key] = fields

    @classmethod
    def read(cls, file: Path, added: Sequence[Path]) -> MetadataTable:
        """Read a CSV file; see `read_csv` for its form and errors."""
        rows = ((row.file, row.metadata) for row in read_csv(file))
        return cls(rows, [file.parent, *(path for path in added if path.is_dir())])

    def of(self, path: str) -> Mapping[str, Any]:
        """Return the metadata of the picture at `path`; empty if no row names it."""
        relative = [path[len(folder) :] for folder in self._folders if path.startswith(folder)]
        for key in (path, *sorted(relative, key=len, reverse=True), os.path.basename(path)):
            if key in self._rows:
                self._used.add(key)
                return self._rows[key]
        return {}

    def of_all(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return the metadata of a picture that lies at all of `paths`.

        Where the rows of exact copies disagree on a field, it holds the list of their values, so that a filter
        finds the picture by each of them.
        """
        merged: dict[str, list[Any]] = {}
        for path in sorted(paths):
            for name, value in self.of(path).items():
                values = merged.setdefault(name, [])
                if value not in values:
                    values.append(value)
        return {name: values[0] if len(values) == 1 else values for name, values in merged.items()}

    @property
    def unmatched(self) -> int:
        """Number of rows that have named no picture so far."""
        return len(self._rows) - len(self._used)
