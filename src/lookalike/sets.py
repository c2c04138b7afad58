"""Sets of whole numbers or words as rows of numbers: the gate through which they enter.

A set is kept as its elements' numbers, uint32, ascending, each there once, and `NO_ELEMENT` after them up to the width
of its block. A word's number is a hash of 32 bits, so that no vocabulary has to be kept beside the sets, and so that
the same word has the same number in every collection and process; two words share one by a chance of 2**-32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arguments import shown
from lookalike.errors import VectorError

UInt32 = npt.NDArray[np.uint32]
Int64 = npt.NDArray[np.int64]

NO_ELEMENT = 2**32 - 1
"""Fills a row of a set up to its width; no element has this number."""
MOST_ELEMENTS = 16_384
"""A set has no more elements than this."""
FEWEST_PLACES = 8
"""The least width that sets are given room for."""


def as_sets(values: Any, *, width: int | None = None, name: str = "sets", first_row: int = 0) -> UInt32:
    """Return sets as uint32 (n, width), each row ascending, without repetition, and `NO_ELEMENT` at its end.

    Args:
        values: one of

            - a list of collections, each the whole numbers from 0, or the words, of one set;
            - one such collection, which is one set (n = 1);
            - whole numbers (n, w), a row a set; in uint32, `NO_ELEMENT` stands for none;
            - booleans (n, d): which of the elements 0..d-1 each set has; or a SciPy sparse matrix, by what is not 0.
        width: of the result; by default the size of the largest set, and at least 1.

    Raises:
        VectorError: something else, a negative number, one of 2**32 - 1 or more, words mixed with numbers, or a set of
            more elements than `width` or `MOST_ELEMENTS`. The message names the first such row.
    """
    if hasattr(values, "tocsr"):
        matrix = values.tocsr()
        rows = sets_of_indices(matrix.indptr, matrix.indices, matrix.data != 0, name=name)
    elif isinstance(values, np.ndarray) and values.dtype.kind != "O":
        rows = _of_array(values, name, first_row)
    else:
        rows = _of_collections(values, name, first_row)
    sizes = np.count_nonzero(rows != NO_ELEMENT, axis=1)
    largest = int(sizes.max(initial=0))
    _check_sizes(sizes, MOST_ELEMENTS if width is None else width, name, first_row)
    return widened(rows[:, :largest], max(1, largest) if width is None else width)


def widened(rows: UInt32, width: int) -> UInt32:
    """Return sets (n, w) as (n, width), w <= width, C-contiguous."""
    if rows.shape[1] == width:
        return np.ascontiguousarray(rows)
    wide = np.full((len(rows), width), NO_ELEMENT, dtype=np.uint32)
    wide[:, : rows.shape[1]] = rows
    return wide


def stacked_rows(rows: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return rows (w,) as (n, w); sets, of uint32, may be of unlike widths.

    Raises ValueError where others are not of one length.
    """
    if rows and all(row.dtype == np.uint32 for row in rows):
        width = max(len(row) for row in rows)
        return np.concatenate([widened(row[np.newaxis], width) for row in rows])
    return np.stack(rows)


def room_for(size: int) -> int:
    """Return the width that sets of up to `size` elements are given: a power of two, so that it seldom grows."""
    return max(FEWEST_PLACES, 1 << max(0, size - 1).bit_length())


@lru_cache(maxsize=1 << 16)
def element_of(word: str) -> int:
    """Return the number of a word: 32 bits of the BLAKE2b digest of its UTF-8, less the one that stands for none."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % NO_ELEMENT


def is_sorted(rows: UInt32) -> bool:
    """Return whether rows are as `as_sets` makes them."""
    following = rows[:, 1:]
    return bool(((rows[:, :-1] < following) | (following == NO_ELEMENT)).all())


def _of_array(array: npt.NDArray[Any], name: str, first_row: int) -> UInt32:
    if isinstance(array, np.ma.MaskedArray):
        raise VectorError(f"{name} are a masked array, which hides some; give those that are meant")
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.dtype.kind == "U" and array.ndim == 2:
        return _of_collections(array.tolist(), name, first_row)
    if array.ndim != 2 or array.dtype.kind not in "iub":
        raise VectorError(
            f"{name} have shape {array.shape} and type {array.dtype}; give lists of whole numbers or words, or "
            "booleans that say which elements each set has"
        )
    if array.dtype.kind == "b":
        row, column = np.nonzero(array)
        sizes = np.bincount(row, minlength=len(array))
        _check_sizes(sizes, MOST_ELEMENTS, name, first_row)
        return _filled(sizes, column)
    if array.dtype == np.uint32:
        return array if is_sorted(array) else _sorted(array)
    _check_numbers(array, np.repeat(np.arange(len(array)), array.shape[1]), name, first_row)
    return _sorted(array.astype(np.uint32))


def sets_of_indices(
    starts: npt.NDArray[Any], columns: npt.NDArray[Any], kept: npt.NDArray[np.bool_], *, name: str = "sets"
) -> UInt32:
    """Return the rows of a CSR matrix as sets: row i has those of columns[starts[i] : starts[i + 1]] that are `kept`.

    Raises:
        VectorError: as `as_sets` does.
    """
    count = len(starts) - 1
    row = np.repeat(np.arange(count), np.diff(starts))[kept]
    _check_numbers(columns[kept], row, name, 0)
    sizes = np.bincount(row, minlength=count)
    _check_sizes(sizes, MOST_ELEMENTS, name, 0)
    return _sorted(_filled(sizes, columns[kept]))


def _of_collections(values: Any, name: str, first_row: int) -> UInt32:
    rows = _listed(values, name)
    words = [bool(row) and isinstance(row[0], str) for row in rows]
    for number, (row, of_words) in enumerate(zip(rows, words, strict=True), first_row):
        for element in row:
            if isinstance(element, bool) or not isinstance(element, str if of_words else int | np.integer):
                raise VectorError(
                    f"{name}: set {number} has {shown(element)}; give whole numbers from 0, or words, not both"
                )
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    _check_sizes(sizes, MOST_ELEMENTS, name, first_row)
    numbers = (map(element_of, row) if of_words else row for row, of_words in zip(rows, words, strict=True))
    try:
        flat = np.fromiter(chain.from_iterable(numbers), dtype=np.int64, count=int(sizes.sum()))
    except OverflowError:
        raise VectorError(f"{name} have a number of 2**63 or more; give numbers below 2**32 - 1") from None
    _check_numbers(flat, np.repeat(np.arange(len(rows)), sizes), name, first_row)
    return _sorted(_filled(sizes, flat))


def _listed(values: Any, name: str) -> list[list[Any]]:
    """Return the sets as lists of elements."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise VectorError(f"{name} are of type {type(values).__name__}; give lists of whole numbers or words")
    outer = list(values)
    if isinstance(values, Set) or (outer and isinstance(outer[0], str | int | np.integer)):
        return [outer]
    rows = []
    for number, row in enumerate(outer):
        if isinstance(row, str | bytes | Mapping) or not isinstance(row, Iterable):
            raise VectorError(f"{name}: set {number} is {shown(row)}; give a list of whole numbers or words")
        rows.append(row.tolist() if isinstance(row, np.ndarray) else list(row))
    return rows


def _check_sizes(sizes: Int64, most: int, name: str, first_row: int) -> None:
    large = np.flatnonzero(sizes > most)
    if large.size:
        row = int(large[0])
        raise VectorError(f"{name}: set {row + first_row} has {sizes[row]:,} elements; this takes {most:,}")


def _check_numbers(numbers: npt.NDArray[Any], rows: Int64, name: str, first_row: int) -> None:
    flat = numbers.reshape(-1)
    bad = np.flatnonzero((flat < 0) | (flat >= NO_ELEMENT))
    if bad.size:
        raise VectorError(
            f"{name}: set {int(rows[bad[0]]) + first_row} has the number {flat[bad[0]]}; "
            "give numbers from 0 to 2**32 - 2, or words"
        )


def _filled(sizes: Int64, elements: npt.NDArray[Any]) -> UInt32:
    """Return rows of `sizes` (n,) elements, which follow one another in `elements`."""
    rows = np.full((len(sizes), int(sizes.max(initial=0))), NO_ELEMENT, dtype=np.uint32)
    rows[np.arange(rows.shape[1]) < sizes[:, np.newaxis]] = elements
    return rows


def _sorted(rows: UInt32) -> UInt32:
    """Return rows in ascending order, without repetition."""
    ordered = np.sort(rows, axis=1)
    again = ordered[:, 1:] == ordered[:, :-1]
    if not again.any():
        return ordered
    ordered[:, 1:][again] = NO_ELEMENT
    return np.sort(ordered, axis=1)
