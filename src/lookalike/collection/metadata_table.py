"""The table of metadata that comes with pictures, looked up by picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.collection.metadata_rows import BadRow, read_rows
from lookalike.collection.report import Event
from lookalike.errors import MetadataError
from lookalike.urls import is_web_address

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
        self.skipped: Sequence[Event] = ()
        """Rows that make no sense."""
        for name, metadata in rows:
            key = name if is_web_address(name) else os.path.normpath(name)
            self._unmatched[key] += 1
            fields = self._fields.setdefault(key, {})
            for field, value in metadata.items():
                _take(fields, field, () if value is None else (value,))

    @classmethod
    def read(cls, file: Path, added: Sequence[Path], file_column: str | None = None) -> MetadataTable:
        """Read a table or JSON Lines; see `read_rows` for their form.

        Raises:
            MetadataError: as `read_rows` says, or where no row makes sense.
        """
        bad: list[BadRow] = []

        def rows() -> Iterator[tuple[str, dict[str, Any]]]:
            for row in read_rows(file, file_column):
                if isinstance(row, BadRow):
                    bad.append(row)
                else:
                    yield row.file, row.metadata

        table = cls(rows(), [file.parent, *(path for path in added if path.is_dir())])
        if bad and not table._fields:
            more = f" (so is each of {len(bad) - 1:,} other rows)" if len(bad) > 1 else ""
            raise MetadataError(f"{file}, line {bad[0].line}: {bad[0].reason}{more}")
        table.skipped = [Event("skipped", f"{file}, line {row.line}", reason=row.reason) for row in bad]
        return table

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
            field: _together(values) if len(values) > 1 else next(iter(values), None)
            for field, values in merged.items()
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


def _together(values: Iterable[Any]) -> list[Any]:
    """Return several values as one list, and the members of lists each for itself."""
    members: list[Any] = []
    for value in values:
        for member in value if isinstance(value, list | tuple) else [value]:
            if member not in members:
                members.append(member)
    return members


def updated(metadata: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return `metadata` with what a table tells: new values, and without the fields that it tells to be None."""
    cleared = {field for field, value in told.items() if value is None}
    return {field: value for field, value in {**metadata, **told}.items() if field not in cleared}
