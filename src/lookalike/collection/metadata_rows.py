"""Files of metadata, read row by row: tables with any usual separator (CSV), and JSON Lines.

A row that makes no sense is told of and passed over; the others are read.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.catalogue.metadata import encoded
from lookalike.errors import MetadataError

FILE_COLUMNS = (
    *("image", "path", "file", "filename", "file_name", "filepath", "file_path"),
    *("image_path", "image_file", "image_name", "img", "img_path", "picture", "photo"),
)
"""What columns that name the file are called, whatever their case; the first that is there counts."""
SEPARATORS = ",;\t|"
JSON_LINES = (".jsonl", ".ndjson")

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
"""At most 18 digits before the point, so that an integer fits 64 bits; a code with leading zeros stays text."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SAID = re.compile(rf'"?sep=([{SEPARATORS}])"?\s*', re.IGNORECASE)
"""A first line by which a table says its separator, as spreadsheets write it."""


class Row(NamedTuple):
    """One row of a metadata file: the line it ends on, the file it is about, and the rest; None is an empty cell."""

    line: int
    file: str
    metadata: dict[str, Any]


class BadRow(NamedTuple):
    """A row that is passed over: the line it begins on, and why."""

    line: int
    reason: str


def read_rows(path: Path | str, file_column: str | None = None) -> Iterator[Row | BadRow]:
    """The rows of a metadata file, streamed.

    A file that is called `.jsonl` or `.ndjson` has a JSON object a line, whose values are taken as they are. Any other
    is a table in UTF-8 (or UTF-16 with a byte order mark) with a header line, whose cells are separated by commas,
    semicolons, tabs or bars: by what makes a column of the header one that names the file. Blanks around names and
    cells do not count. A cell becomes a number if it reads as a plain one (`2010`, `-1.5`, `9.90`; but `00123` and
    `1e3` stay text), a list if it is a JSON list of plain values (`["red", "shoe"]`) or has bars without blanks
    (`red|shoe`), and None if it is empty. Rows without any text are passed over.

    Args:
        file_column: the column or key that names the file; by default the first of `FILE_COLUMNS` that is there.

    Raises: MetadataError, naming file and line, for a file that cannot be read, and for a header that cannot, that has
        no file column, or a column that is empty or there twice.
    """
    path = Path(path)
    read = _objects if path.suffix.lower() in JSON_LINES else _table
    try:
        with path.open("rb") as file, _text(file) as text:
            yield from read(text, path, file_column)
    except OSError as error:
        raise MetadataError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:  # of UTF-16; in UTF-8, it spoils its row alone
        raise MetadataError(f"{path} is damaged: {error}; save it in UTF-8") from error


def _text(file: io.BufferedReader) -> io.TextIOWrapper:
    encoding = "utf-16" if file.peek(2)[:2] in _UTF_16 else "utf-8-sig"
    return io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")


# --- JSON Lines ---


def _objects(lines: Iterable[str], path: Path, file_column: str | None) -> Iterator[Row | BadRow]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _of_object(number, line, file_column)
        except MetadataError as error:
            yield BadRow(number, str(error))


def _of_object(number: int, line: str, file_column: str | None) -> Row:
    if trouble := _trouble(line):
        raise MetadataError(trouble)
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"no JSON ({error}); write one object a line") from error
    if not isinstance(told, dict):
        raise MetadataError(f"a JSON {type(told).__name__}; write one object a line")
    key = _file_key(list(told), file_column)
    if key is None:
        raise MetadataError(f"no key {_called(file_column)} names the file; the keys are {_listed(told)}")
    file = told.pop(key)
    if not isinstance(file, str) or not file.strip():
        raise MetadataError(f"the key {key!r} is {file!r}; name the file")
    encoded(told, file)
    return Row(number, _stripped(file), told)


# --- Tables ---


class _Lines:
    """The lines of a text, of which those of a record can be gone back to."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 0
        """Of the line that was read last."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        self.number += 1
        return line

    def begin(self) -> None:
        """A record begins with the next line."""
        self._taken.clear()

    def back_to(self, count: int) -> None:
        """Read the lines of the record again that come after its first `count`."""
        rest = self._taken[count:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        del self._taken[count:]


def _table(text: Iterable[str], path: Path, file_column: str | None) -> Iterator[Row | BadRow]:
    lines = _Lines(text)
    separator, key = _layout(lines, path, file_column)
    records = _records(lines, separator)
    header = _header(next(records, []), lines.number, path)
    for cells in records:
        if isinstance(cells, BadRow):
            yield cells
        elif any(cells):
            yield _of_cells(cells, header, key, lines.number)


def _of_cells(cells: list[str], header: list[str], key: int, line: int) -> Row | BadRow:
    if trouble := _trouble("".join(cells)):
        return BadRow(line, trouble)
    if len(cells) != len(header):
        return BadRow(line, f"{len(cells)} cells, but the header has {len(header)} columns")
    if not cells[key]:
        return BadRow(line, f"the column {header[key]!r} is empty; name the file or remove the row")
    values = {name: _value(cell) for name, cell in zip(header, cells, strict=True)}
    del values[header[key]]
    return Row(line, cells[key], values)


def _records(lines: _Lines, separator: str) -> Iterator[list[str] | BadRow]:
    """Yield the cells of each record. After one that cannot be read, the next begins on the line after its first."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            lines.back_to(1)
            yield BadRow(lines.number, f"{error}; check the quotes")
        else:
            if cells is None:
                return
            yield [_stripped(cell) for cell in cells]


def _layout(lines: _Lines, path: Path, file_column: str | None) -> tuple[str, int]:
    """Return the separator and the place of the file column. The header is read again after it."""
    lines.begin()
    said = _SAID.fullmatch(next(lines, ""))
    if said is None:
        lines.back_to(0)
    headers = {separator: _first(lines, separator) for separator in (SEPARATORS if said is None else said[1])}
    keys = {separator: _file_key(header, file_column) for separator, header in headers.items()}
    by_columns = sorted(headers, key=lambda separator: -len(headers[separator]))
    for separator in by_columns:
        if (key := keys[separator]) is not None:
            return separator, headers[separator].index(key)
    widest = headers[by_columns[0]]
    raise MetadataError(
        f"{path}, line {lines.number + 1}: no column {_called(file_column)} names the file; the columns are "
        f"{_listed(widest)}" + ("" if file_column else "; give the one that does (--file-column)")
    )


def _first(lines: _Lines, separator: str) -> list[str]:
    """Return the cells of the next record, which is read again; none where it cannot be."""
    cells = next(_records(lines, separator), [])
    lines.back_to(0)
    return [] if isinstance(cells, BadRow) else cells


def _header(names: list[str] | BadRow, line: int, path: Path) -> list[str]:
    assert not isinstance(names, BadRow), "a header that has no file column is refused before"
    where = f"{path}, line {line}"
    if trouble := _trouble("".join(names)):
        raise MetadataError(f"{where}: {trouble}")
    for name in names:
        if not name:
            raise MetadataError(f"{where}: column {names.index(name) + 1} has no name; give it one")
        if names.count(name) > 1:
            raise MetadataError(f"{where}: the column {name!r} is there more than once; rename one")
    return names


# --- Names and values ---


def _file_key(names: list[str], file_column: str | None) -> str | None:
    """Return the one of `names` that is of the file's."""
    if file_column is not None:
        return file_column if file_column in names else None
    plain = {re.sub(r"[\s-]+", "_", name.strip().casefold()): name for name in reversed(names)}
    return next((plain[usual] for usual in FILE_COLUMNS if usual in plain), None)


def _called(file_column: str | None) -> str:
    return "'image', 'path', 'file' or the like" if file_column is None else repr(file_column)


def _listed(names: Iterable[str] | Mapping[str, Any]) -> str:
    return ", ".join(map(repr, list(names)[:8])) or "none"


def _trouble(text: str) -> str | None:
    """Return why a text cannot be stored, if so."""
    if "\0" in text:
        return "a NUL character; save the file as plain text in UTF-8"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "not UTF-8; save the file in UTF-8"
    return None


def _stripped(cell: str) -> str:
    """Return a cell without blanks around it, nor the byte order marks that joining of files leaves within."""
    return cell.strip().strip("\ufeff").strip()


def _value(cell: str) -> Any:
    if cell.startswith("[") and cell.endswith("]"):
        return _listed_in_json(cell)
    if "|" in cell:
        members = cell.split("|")
        if all(member and member == member.strip() for member in members):
            return [_number_or_text(member) for member in members]
    return _number_or_text(cell) if cell else None


def _number_or_text(cell: str) -> str | int | float:
    if not _NUMBER.fullmatch(cell):
        return cell
    return float(cell) if "." in cell else int(cell)


def _listed_in_json(cell: str) -> list[Any] | str:
    """Return the list of plain values that a cell is the JSON of; the text itself where it is none."""
    try:
        members = json.loads(cell)
        encoded({"": members}, "")
    except (ValueError, RecursionError, MetadataError):
        return cell
    return members if all(isinstance(member, str | int | float) for member in members) else cell
