"""The one gate through which vectors and ids enter: shape, dtype, finite, zero, duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from lookalike.arguments import shown
from lookalike.errors import DuplicateIdError, OptionError, VectorError
from lookalike.sets import as_sets

Metric = Literal["euclidean", "cosine", "dot", "hamming", "jaccard"]
METRICS: tuple[Metric, ...] = get_args(Metric)

Array = npt.NDArray[Any]
Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]
Given = npt.ArrayLike | Iterable[Any]
"""What `as_vectors` takes: an array, or what can be made one; sets also as a list of collections."""
Rows = npt.NDArray[Any]
"""Rows (n, d) of one of the types that an index keeps: float32, float16, uint8 or int8; of sets, uint32."""

SMALLEST_SQUARE, LARGEST_SQUARE = 1e-37, 1e37
"""Squared lengths between these are ordinary float32 numbers, however they are added up, and squared distances too."""

KEPT_DTYPES = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.uint8), np.dtype(np.int8))

DISCRETE: dict[Metric, np.dtype[Any]] = {"hamming": np.dtype(np.uint8), "jaccard": np.dtype(np.uint32)}
"""The metrics of binary codes and of sets, and the type of their rows: bits, eight a number, the first of them highest;
and elements as `lookalike.sets` has them. They are compared as they are, never as vectors."""


def as_metric(metric: str) -> Metric:
    """Return `metric` if it is one of `METRICS`; raise OptionError otherwise."""
    for known in METRICS:
        if isinstance(metric, str) and metric == known:
            return known
    raise OptionError(f"metric {shown(metric)} is not known; choose one of {', '.join(METRICS)}")


def as_vectors(
    vectors: Given,
    *,
    dimension: int | None = None,
    metric: Metric = "euclidean",
    name: str = "vectors",
    first_row: int = 0,
) -> Rows:
    """Return `vectors` as a C-contiguous float32 array of shape (n, d).

    One vector of shape (d,) becomes (1, d). float16, float64, integers and booleans are cast to float32
    (float64 loses precision beyond 24 bits); other types are refused. Codes are returned as `as_codes` does, uint8,
    and sets as `as_sets` does, uint32.

    Args:
        dimension: the d that is wanted, if it is known.
        metric: under "cosine", vectors of length zero are refused, since they have no direction; under "hamming"
            vectors are binary codes, under "jaccard" sets.
        name: what the message calls the array.
        first_row: number of the first row in messages, for arrays that are a block of a larger one.

    Raises:
        VectorError: wrong number of axes, wrong dimension, a type that is not a number, NaN or infinity,
            a zero vector under cosine. The message names the first bad row.
    """
    if metric == "hamming":
        return as_codes(vectors, dimension=dimension, name=name, first_row=first_row)
    if metric == "jaccard":
        return as_sets(vectors, width=dimension, name=name, first_row=first_row)
    table = as_table(vectors, dimension, name)
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which is refused below with its row
        array = np.ascontiguousarray(table, dtype=np.float32)
    squares = np.einsum("ij,ij->i", array, array)
    suspect = np.flatnonzero(~(squares < LARGEST_SQUARE))
    if suspect.size:
        finite = np.isfinite(table[suspect]).all(axis=1)
        row = int(suspect[np.argmin(finite)])
        what = "numbers too large for float32; scale them down" if finite.all() else "NaN or infinity"
        raise VectorError(f"{name}: row {row + first_row} has {what}")
    if metric == "cosine":
        zero = np.flatnonzero(squares == 0)
        if zero.size:
            raise VectorError(
                f"{name}: row {int(zero[0]) + first_row} is all zero (or too small for float32), "
                "which has no direction under cosine; remove it or use euclidean"
            )
    return array


def as_codes(
    values: Given, *, dimension: int | None = None, name: str = "codes", first_row: int = 0
) -> UInt8:
    """Return binary codes as C-contiguous uint8 (n, bytes), eight bits a number, the first of them highest.

    Args:
        values: uint8 (n, bytes), bits packed as by `numpy.packbits`; or booleans, or whole numbers 0 and 1 of another
            type, (n, bits), which are packed, and zeros added up to whole bytes. One code may have one axis.
        dimension: the number of bytes that is wanted, if it is known.

    Raises:
        VectorError: a wrong number of axes or bits, another type, or a number that is no bit.
    """
    table = as_table(values, name=name)
    if table.dtype != np.uint8:
        if table.dtype.kind not in "iub":
            raise VectorError(
                f"{name} have type {table.dtype}; give bits as booleans, or packed in uint8 (numpy.packbits)"
            )
        if table.dtype.kind != "b":
            other = np.flatnonzero(((table != 0) & (table != 1)).any(axis=1))
            if other.size:
                raise VectorError(
                    f"{name}: row {int(other[0]) + first_row} of type {table.dtype} has numbers that are no bits; "
                    "give 0 and 1, or packed bits in uint8"
                )
        table = np.packbits(table != 0, axis=1)
    if dimension is not None and table.shape[1] != dimension:
        raise VectorError(
            f"{name} have {8 * table.shape[1]} bits ({table.shape[1]} bytes); "
            f"this needs {8 * dimension} ({dimension} bytes)"
        )
    return np.ascontiguousarray(table)


def as_array(values: Any, name: str) -> Array:
    """Return `values` as an array, of whatever shape and type.

    Raises:
        VectorError: they have no one shape, or hide some (a masked array), or cannot be read.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise VectorError(
            f"{name} are a masked array, which hides some; give those that are meant, by filled()"
        )
    try:
        array = np.asarray(values)
    except Exception as error:  # what anybody's __array__ raises; as a closed HDF5 dataset does
        raise VectorError(
            f"{name} (of type {type(values).__name__}) cannot be read as an array: {' '.join(str(error).split())}"
        ) from error
    if array.dtype.kind == "O":
        raise VectorError(
            f"{name} (of type {type(values).__name__}) are not numbers of one type; give an array or a list of them"
        )
    return array


def kept_dtype(dtype: npt.DTypeLike, metric: Metric = "euclidean") -> np.dtype[Any]:
    """Return the type that rows of `dtype` are kept in: their own where it is one of `KEPT_DTYPES`, else float32.

    Codes and sets have the type that `DISCRETE` says.
    """
    if metric in DISCRETE:
        return DISCRETE[metric]
    native = np.dtype(dtype).newbyteorder("=")
    return native if native in KEPT_DTYPES else np.dtype(np.float32)


def as_rows(
    vectors: Given,
    dtype: np.dtype[Any],
    *,
    dimension: int | None = None,
    metric: Metric = "euclidean",
    name: str = "vectors",
    first_row: int = 0,
) -> Rows:
    """Return `vectors` as a C-contiguous array (n, d) of `dtype`, one that `kept_dtype` gives for `metric`.

    Numbers of another type are cast; float16 rounds them, and integers must hold them exactly. Arguments and
    errors are otherwise those of `as_vectors`.
    """
    if metric in DISCRETE:
        return as_vectors(vectors, dimension=dimension, metric=metric, name=name, first_row=first_row)
    table = as_table(vectors, dimension, name)
    if table.dtype == dtype and dtype.kind in "iu" and metric != "cosine":
        return np.ascontiguousarray(table)
    array = as_vectors(table, metric=metric, name=name, first_row=first_row)
    if dtype == np.float32:
        return array
    if table.dtype == dtype:
        return np.ascontiguousarray(table)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
        held = (cast == array).all(axis=1) if dtype.kind in "iu" else np.isfinite(cast).all(axis=1)
    if metric == "cosine":
        held &= (cast != 0).any(axis=1)
    if not held.all():
        raise VectorError(
            f"{name}: row {int(np.argmin(held)) + first_row} has numbers that {dtype}, which this index keeps, "
            "cannot hold; scale them, or build an index of float32"
        )
    return cast


def as_table(vectors: Given, dimension: int | None = None, name: str = "vectors") -> Array:
    """Return `vectors` as an array of two axes, (d,) as (1, d), of real numbers of any type.

    Raises:
        VectorError: see `as_vectors`.
    """
    array = as_array(vectors, name)
    if array.dtype.kind not in "fiub":
        raise VectorError(f"{name} have type {array.dtype}; give real numbers (float32 is kept as it is)")
    if array.ndim == 1:
        array = array[np.newaxis, :]
    if array.ndim != 2:
        raise VectorError(f"{name} have {array.ndim} axes (shape {array.shape}); give (rows, dimension)")
    if array.shape[1] == 0:
        raise VectorError(f"{name} have dimension 0; give at least one number a row")
    if dimension is not None and array.shape[1] != dimension:
        raise VectorError(f"{name} have dimension {array.shape[1]}; this needs {dimension}")
    return array


def as_ids(
    ids: Sequence[int] | npt.NDArray[Any],
    *,
    rows: int | None = None,
    name: str = "ids",
    repeated: bool = False,
) -> Int64:
    """Return `ids` as an int64 array of shape (n,), each at least 0, and there once unless `repeated`.

    Raises:
        VectorError: not whole numbers, negative, or not as many as `rows`.
        DuplicateIdError: an id is there twice.
    """
    array = as_array(ids, name)
    if array.size == 0 and array.dtype == np.float64:  # as NumPy makes of an empty list
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise VectorError(
            f"{name} have shape {array.shape} and type {array.dtype}; give a list of whole numbers"
        )
    if rows is not None and array.size != rows:
        raise VectorError(f"{array.size} {name} were given for {rows} rows; give one a row")
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.int64).max):
        raise VectorError(f"{name} must be from 0 to 2**63 - 1; found {array.min()} to {array.max()}")
    array = np.ascontiguousarray(array, dtype=np.int64)
    if repeated:
        return array
    ordered = np.sort(array)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if again.size:
        raise DuplicateIdError(f"{name}: {again[0]} is there more than once")
    return array
