"""How vectors lie in an array: which axes are theirs, and whether they are its rows or its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lookalike.errors import VectorFileError
from lookalike.vectorfiles.base import Orientation

DEFAULT_DATASET = "feats"
DEFAULT_NAMES = "filenames"


class Names(Protocol):
    """One name a vector, which may be streamed again and again; `label` is what messages call them."""

    label: str
    count: int

    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user says of a file of vectors.

    Attributes:
        dataset: which of the arrays or columns in it.
        names: which array or column in it has the names, or a file of names.
        orientation: how the vectors lie.
        dimensions: of what a row of the file is searched among; None where the file is imported. Names then only help
            to tell the orientation, and need not be there.
    """

    dataset: str | None = None
    names: str | None = None
    orientation: Orientation | None = None
    dimensions: frozenset[int] | None = None

    @property
    def is_query(self) -> bool:
        """Whether rows are searched for rather than imported."""
        return self.dimensions is not None


def matrix_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return which two axes of an array are rows and numbers, or None if there are others longer than one.

    Axes of length one mean nothing, as in Caffe's (n, d, 1, 1) and in batches of one, (n, 1, d); the first axis is
    that of the rows, however short it is, unless two others remain.
    """
    if len(shape) < 2:
        return None
    long = [axis for axis, length in enumerate(shape) if axis and length != 1]
    if len(long) == 2 and shape[0] == 1:
        return long[0], long[1]
    return (0, long[0] if long else 1) if len(long) < 2 else None


def line_axis(shape: tuple[int, ...]) -> int | None:
    """Return the one axis of an array that may be longer than one, or None if there are none or two."""
    long = [axis for axis, length in enumerate(shape) if length != 1]
    if not shape or len(long) > 1:
        return None
    return long[0] if long else 0


def told_orientation(label: str, shape: tuple[int, int], names: Names | None, wanted: Wanted) -> Orientation:
    """Return how vectors lie in an array of `shape`: as is said, else as the names, else rows.

    Of an array to search for, that which gives the dimension that is searched goes first, and nothing is refused.

    Raises:
        VectorFileError: the names fit neither way, or both and nothing is said.
    """
    if wanted.dimensions is not None:
        of_dimension = [way for way, size in _ways(shape[::-1]) if size in wanted.dimensions]
        if len(of_dimension) == 1:
            return of_dimension[0]
    if names is None:
        return wanted.orientation or "rows"
    fitting = [way for way, rows in _ways(shape) if rows == names.count]
    if wanted.is_query:
        return fitting[0] if len(fitting) == 1 else wanted.orientation or "rows"
    if not fitting or (wanted.orientation is not None and wanted.orientation not in fitting):
        read_as = f" read as {wanted.orientation}" if wanted.orientation else ""
        raise VectorFileError(
            f"{names.label} has {names.count} names, which does not fit {label} of shape {shape}{read_as}; "
            "name the right datasets"
        )
    if wanted.orientation is None and len(fitting) == 2:
        raise VectorFileError(
            f"{label} has shape {shape}, which could be read either way; give the orientation: rows or columns"
        )
    return wanted.orientation or fitting[0]


def _ways(lengths: tuple[int, int]) -> list[tuple[Orientation, int]]:
    return [("rows", lengths[0]), ("columns", lengths[1])]


def told_names(path: Path, wanted: Wanted, find: Callable[[str], Names | None], others: str) -> Names | None:
    """Return the names that are asked for: in the file, as `find` gives them, or in a file of their own.

    Args:
        others: where else they could be, for the message; empty where the file holds nothing but vectors.

    Raises:
        VectorFileError: they are in neither, or damaged.
    """
    if wanted.is_query:
        with suppress(VectorFileError):
            return find(wanted.names or DEFAULT_NAMES)
        return None
    if wanted.names is None:
        return find(DEFAULT_NAMES)
    if (found := find(wanted.names)) is not None:
        return found
    file = Path(wanted.names)
    if file.is_file():
        from lookalike.vectorfiles.names_file import open_names

        return open_names(file)
    raise VectorFileError(
        f"{path} has no dataset {wanted.names!r} for names; it has {others}"
        if others
        else f"{wanted.names}, which should have the names of the rows of {path}, is not a file"
    )


def only_matrix(path: Path, shapes: dict[str, tuple[int, ...]], wanted: Wanted, others: str) -> str:
    """Return the name of the array that holds the vectors: the one that is named, `feats`, or the only one.

    Args:
        shapes: the arrays of numbers in the file.
        others: all arrays in the file, for the message.

    Raises:
        VectorFileError: it is not there, or nothing says which it is.
    """
    if wanted.dataset is not None:
        if wanted.dataset in shapes:
            return wanted.dataset
        raise VectorFileError(
            f"{path} has no dataset {wanted.dataset!r} of numbers; it has {others or 'none'}"
        )
    if DEFAULT_DATASET in shapes:
        return DEFAULT_DATASET
    found = [
        name for name, shape in shapes.items() if matrix_axes(shape) is not None and name != wanted.names
    ]
    wide = [name for name in found if line_axis(shapes[name]) is None]
    found = wide if len(wide) == 1 else found
    if len(found) != 1:
        raise VectorFileError(
            f"{path} has {'no array' if not found else 'more than one array'} of shape (rows, dimension); choose one "
            f"of its datasets with the option dataset: {others or 'it has none'}"
        )
    return found[0]
