"""Files of sets: words of lines (`.txt`), lists in JSON lines (`.jsonl`), sparse matrices that SciPy saved (`.npz`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import VectorFileError
from lookalike.sets import sets_of_indices
from lookalike.vectorfiles.base import VectorFile

ELEMENTS, ID = "elements", "id"
"""The keys of an object in a line of JSON."""


class SetFile(VectorFile):
    """Sets in a file, which is read whole when it is opened: sets take less memory than the text that told them.

    - `.txt`: a set a line, its words between blanks. An empty line is an empty set.
    - `.jsonl`: a list of words or of whole numbers a line; or an object with the list as "elements", and an "id".
    - `.npz`: what `scipy.sparse.save_npz` writes of a CSR matrix: row i has the columns that are not 0.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises VectorFileError."""
        self.path = path
        self.dtype = np.dtype(np.uint32)
        self._names: list[str] | None = None
        self._sets: list[list[Any]] | _Matrix
        try:
            if path.suffix.lower() == ".npz":
                self._sets = _of_matrix(path)
                sizes = np.diff(self._sets.starts).tolist()
            else:
                lines = path.read_text(encoding="utf-8-sig").split("\n")
                if not lines[-1]:
                    lines.pop()
                self._sets = [line.split() for line in lines]
                if path.suffix.lower() == ".jsonl":
                    self._sets, self._names = _of_json(path, lines)
                sizes = [len(row) for row in self._sets]
        except (OSError, UnicodeDecodeError) as error:
            raise VectorFileError(f"{path} cannot be read ({error}); give a file of UTF-8 text") from error
        self.rows, self.dimension = len(sizes), max([1, *sizes])

    def names(self) -> Iterator[str] | None:
        """See `VectorFile`."""
        return None if self._names is None else iter(self._names)

    def close(self) -> None:
        """See `VectorFile`."""

    def _read(self, first: int, last: int) -> Any:
        return self._sets[first:last]


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A CSR matrix of which row i has the columns[starts[i] : starts[i + 1]] that are `kept`."""

    starts: npt.NDArray[Any]
    columns: npt.NDArray[Any]
    kept: npt.NDArray[np.bool_]

    def __getitem__(self, rows: slice) -> npt.NDArray[np.uint32]:
        starts = self.starts[rows.start : rows.stop + 1]
        part = slice(starts[0], starts[-1])
        return sets_of_indices(starts - starts[0], self.columns[part], self.kept[part])


def _of_json(path: Path, lines: list[str]) -> tuple[list[list[Any]], list[str] | None]:
    """Return the elements of each line, and the ids where lines have them."""
    rows, names = [], []
    for number, line in enumerate(lines):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise VectorFileError(f"{path}: line {number + 1} is no JSON ({error})") from None
        elements = value.get(ELEMENTS) if isinstance(value, dict) else value
        if not isinstance(elements, list):
            raise VectorFileError(
                f'{path}: line {number + 1} has no list; give one, or an object with "{ELEMENTS}"'
            )
        rows.append(elements)
        if isinstance(value, dict) and ID in value:
            names.append(str(value[ID]))
    if names and len(names) != len(rows):
        raise VectorFileError(f'{path}: {len(names)} of {len(rows)} lines have an "{ID}"; give all or none')
    return rows, names or None


def _of_matrix(path: Path) -> _Matrix:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            kind, shape = arrays["format"].item(), arrays["shape"]
            data, columns, starts = (arrays[name] for name in ("data", "indices", "indptr"))
    except (
        Exception
    ) as error:  # zlib's own errors, NotImplementedError and MemoryError, as archives are damaged
        raise VectorFileError(
            f"{path} is no sparse matrix ({error}); save one with scipy.sparse.save_npz"
        ) from None
    if kind not in (b"csr", "csr"):
        raise VectorFileError(f"{path} holds a matrix of format {kind!r}; save its tocsr()")
    whole = all(array.ndim == 1 and array.dtype.kind in "iu" for array in (shape, columns, starts))
    starts = starts.astype(np.int64) if whole else starts  # of unsigned numbers no difference is negative
    if (
        not whole
        or data.ndim != 1
        or len(shape) != 2
        or not 0 < len(starts) == shape[0] + 1
        or starts[0] != 0
        or np.any(np.diff(starts) < 0)
        or not len(data) == len(columns) == starts[-1]
    ):
        raise VectorFileError(f"{path} is damaged: its arrays do not fit together")
    return _Matrix(starts, columns, data != 0)
