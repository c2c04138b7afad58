"""`.parquet` files: a column of lists of numbers and, beside it, a column of names. Read by pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import LookalikeError, MissingDependencyError, VectorFileError
from lookalike.vectorfiles.base import BLOCK_BYTES, VectorFile
from lookalike.vectorfiles.layout import DEFAULT_DATASET, DEFAULT_NAMES, Names, Wanted, told_names

NAME_COLUMNS = (DEFAULT_NAMES, "image_path", "path", "key")
"""Columns that are taken for names where none is named: those of img2dataset and clip-retrieval."""
NAMES_PER_READ = 4096
BUFFER_BYTES = 1 << 20
TEXT_BYTES = 64 << 20
"""Of the file's own description, which is held in memory."""


class ParquetFile(VectorFile):
    """Vectors in a column of lists, each as long as the first, or of lists of a fixed size."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self.path = path
        self._table = _Table(path)
        try:
            name = self._column(wanted)
            self._name = name
            self.rows = self._table.rows
            self._at: tuple[int, Iterator[npt.NDArray[Any]], npt.NDArray[Any]] | None = None
            first = next(self._table.batches(name, 0, 1), None)
            if first is None:
                raise VectorFileError(f"{path} has no rows")
            self.dimension = 0
            block = self._matrix(first, 0)
            self.dimension, self.dtype = block.shape[1], block.dtype
            if self.dimension == 0:
                raise VectorFileError(
                    f"{path}: column {name!r} has no numbers in row 0; give at least one a row"
                )
            self.name_source = told_names(path, wanted, self._names, self._table.told())
            if self.name_source is None and not wanted.is_query:
                self.name_source = self._table.usual_names()
            if self.name_source is not None and self.name_source.count != self.rows and not wanted.is_query:
                raise VectorFileError(
                    f"{self.name_source.label} has {self.name_source.count} names for the {self.rows} rows of {path}"
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._table.close()

    def _suitable_rows(self) -> int:
        return max(1, min(super()._suitable_rows(), 4096))

    def _read(self, first: int, last: int) -> npt.NDArray[Any]:
        """Read on where the last block ended, if that is where this one begins, or from the group of rows before it."""
        if self._at is None or self._at[0] != first:
            self._at = first, self._blocks_from(first), np.empty((0, self.dimension), self.dtype)
        _, blocks, rest = self._at
        parts, wanted = [rest], last - first - len(rest)
        while wanted > 0:
            block = next(blocks, None)
            if block is None:
                raise VectorFileError(f"{self.path} has fewer rows than it declares; it is damaged")
            parts.append(block)
            wanted -= len(block)
        rows: npt.NDArray[Any] = np.concatenate(parts)
        self._at = last, blocks, rows[last - first :]
        return rows[: last - first]

    def _blocks_from(self, first: int) -> Iterator[npt.NDArray[Any]]:
        size = max(1, min(BLOCK_BYTES // (8 * self.dimension), NAMES_PER_READ))
        at = first
        for batch in self._table.batches(self._name, first, size):
            yield self._matrix(batch, at)
            at += len(batch)

    def _matrix(self, column: Any, first: int) -> npt.NDArray[Any]:
        """Return a column of lists as rows. Raises VectorFileError for those of another length than the first."""
        label = f"{self.path}: column {self._name!r}"
        with mapped(self.path):
            if column.null_count:
                row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                raise VectorFileError(f"{label} has nothing in row {first + row}; leave that row out")
            lengths = column.value_lengths().to_numpy(zero_copy_only=False)
            size = self.dimension or int(lengths[0])
            other = np.flatnonzero(lengths != size)
            if other.size:
                raise VectorFileError(
                    f"{label} has {lengths[other[0]]} numbers in row {first + int(other[0])}, where the first row has "
                    f"{size}; vectors need as many each"
                )
            values = column.flatten()
            if values.null_count:
                row = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False))) // size
                raise VectorFileError(f"{label} lacks a number in row {first + row}; leave that row out")
            numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
        return numbers.reshape(-1, size)

    def _column(self, wanted: Wanted) -> str:
        """Return the name of the column that holds the vectors. Raises VectorFileError."""
        found = self._table.of_vectors()
        told = self._table.told()
        if wanted.dataset is not None:
            if wanted.dataset in found:
                return wanted.dataset
            problem = "holds no lists of numbers" if wanted.dataset in self._table.columns else "is not there"
            raise VectorFileError(f"{self.path}: column {wanted.dataset!r} {problem}; the columns are {told}")
        if DEFAULT_DATASET in found:
            return DEFAULT_DATASET
        if len(found) != 1:
            which = (
                f"more than one column of vectors ({', '.join(found)})" if found else "no column of vectors"
            )
            raise VectorFileError(
                f"{self.path} has {which}, which are lists of numbers; "
                + ("choose one with the option dataset" if found else f"the columns are {told}")
            )
        return found[0]

    def _names(self, name: str) -> Names | None:
        return self._table.names(name)


def names_in(path: Path) -> Names:
    """Return the names in a Parquet file without vectors, such as clip-retrieval's `metadata_0.parquet`.

    Raises:
        VectorFileError: no column is called as those of names are, or the file is damaged.
    """
    table = _Table(path)
    names = table.usual_names()
    if names is None:
        raise VectorFileError(
            f"{path} has none of the columns {', '.join(NAME_COLUMNS)}, which would have names; it has {table.told()}"
        )
    return names


class _Table:
    """The columns of a file, read a few rows at a time."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise MissingDependencyError(f"{path} needs: pip install 'lookalike[parquet]'") from error
        self.path = path
        self._arrow = pyarrow
        with mapped(path):
            # Buffered reads take a page at a time; else whole columns of a group of rows come into memory.
            self._file = pyarrow.parquet.ParquetFile(
                path,
                buffer_size=BUFFER_BYTES,
                pre_buffer=False,
                memory_map=False,
                page_checksum_verification=True,
                thrift_string_size_limit=TEXT_BYTES,
                thrift_container_size_limit=10_000_000,
            )
            self.rows = int(self._file.metadata.num_rows)
            self._groups = [
                int(self._file.metadata.row_group(number).num_rows)
                for number in range(self._file.metadata.num_row_groups)
            ]
            self.columns = {field.name: field.type for field in self._file.schema_arrow}
        if min(self._groups, default=0) < 0 or sum(self._groups) != self.rows:
            raise VectorFileError(
                f"{path} declares {self.rows} rows and has {sum(self._groups)}; it is damaged"
            )

    def close(self) -> None:
        self._file.close(force=True)

    def told(self) -> str:
        """Return the columns and their types, for messages."""
        found = [f"{name!r} ({kind})" for name, kind in list(self.columns.items())[:20]]
        return ", ".join(found) or "none"

    def of_vectors(self) -> list[str]:
        """Return the columns that are lists of numbers."""
        types = self._arrow.types
        return [
            name
            for name, kind in self.columns.items()
            if (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
            and (
                types.is_floating(kind.value_type)
                or types.is_integer(kind.value_type)
                or types.is_boolean(kind.value_type)
            )
        ]

    def usual_names(self) -> Names | None:
        """Return the names in the first of the columns that usually have them, or None."""
        for name in NAME_COLUMNS:
            if name in self.columns:
                return self.names(name)
        return None

    def names(self, name: str) -> Names | None:
        """Return the names in a column, or None if there is none of that name. Raises VectorFileError."""
        kind = self.columns.get(name)
        if kind is None:
            return None
        types = self._arrow.types
        while types.is_dictionary(kind):
            kind = kind.value_type
        if not (types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)):
            raise VectorFileError(
                f"{self.path}: column {name!r} holds no text ({kind}); names are text or whole numbers"
            )
        return _ColumnNames(self, name)

    def batches(self, column: str, first: int, size: int) -> Iterator[Any]:
        """Yield a column from row `first` on, at most `size` rows at a time."""
        with mapped(self.path):
            skipped, group = first, 0
            while group < len(self._groups) and skipped >= self._groups[group]:
                skipped -= self._groups[group]
                group += 1
            left = list(range(group, len(self._groups)))
            batches = self._file.iter_batches(
                batch_size=size, row_groups=left, columns=[column], use_threads=False
            )
        while True:
            with mapped(self.path):
                batch = next(batches, None)
            if batch is None:
                return
            if skipped >= len(batch):
                skipped -= len(batch)
                continue
            yield batch.column(0).slice(skipped)
            skipped = 0


class _ColumnNames:
    """The names in a column of text or whole numbers."""

    def __init__(self, table: _Table, name: str) -> None:
        self.label = f"{table.path}: column {name!r}"
        self.count = table.rows
        self._table, self._name = table, name

    def __iter__(self) -> Iterator[str]:
        row = 0
        for batch in self._table.batches(self._name, 0, NAMES_PER_READ):
            with mapped(self._table.path):
                names = batch.to_pylist()
            for name in names:
                if name is None:
                    raise VectorFileError(f"{self.label} has no name in row {row}; give one a row")
                yield str(name)
                row += 1


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises into VectorFileError."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise VectorFileError(f"{path} cannot be read as Parquet: {reason}") from error
