"""Checks of what `Collection.add_vectors` and its like are given, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Metric, as_vectors
from lookalike.errors import InputError, LookalikeError, MetadataError, OptionError, VectorError


def as_table(vectors: Any, metric: Metric) -> Any:
    """Return vectors as something of shape (n, d), d > 0, whose rows can be read in blocks.

    An array, a memory map or an HDF5 dataset stays what it is; other forms of codes and sets become arrays. Raises
    VectorError for what is no table.
    """
    if metric in DISCRETE and getattr(vectors, "dtype", None) != DISCRETE[metric]:
        return as_vectors(vectors, metric=metric)
    if isinstance(vectors, np.ma.MaskedArray):
        raise VectorError("vectors are a masked array; fill what is masked, or leave those rows out")
    try:
        table = vectors if hasattr(vectors, "shape") else np.asarray(vectors)
        shape = tuple(table.shape)
    except LookalikeError:
        raise
    except (
        Exception
    ) as error:  # of rows of different lengths, of a closed dataset; any library may say it its own way
        raise VectorError(
            f"vectors are no table ({_one_line(error)}); give as many numbers in each row"
        ) from None
    return table if len(shape) == 2 and shape[1] > 0 else as_vectors(table)


def block_of(vectors: Any, rows: slice) -> Any:
    """Return rows of a table. Raises VectorError where they cannot be read."""
    try:
        return vectors[rows]
    except LookalikeError:
        raise
    except Exception as error:
        raise VectorError(f"vectors: row {rows.start} and on cannot be read ({_one_line(error)})") from None


def as_text_ids(ids: Any, count: int) -> list[str]:
    """Return ids as `count` texts; whole numbers are taken too. Raises InputError."""
    return [_text_id(one) for one in _listed(ids, "ids", count)]


def as_metadata(metadata: Any, count: int) -> list[dict[str, Any]]:
    """Return metadata as `count` dictionaries. Raises InputError."""
    rows = []
    for row, fields in enumerate(_listed(metadata, "metadata", count)):
        if not isinstance(fields, Mapping):
            raise MetadataError(f"metadata: row {row} is {fields!r}; give a mapping of field names to values")
        rows.append({name: _plain(value) for name, value in fields.items()})
    return rows


def check_name(value: Any, name: str) -> None:
    """Raise OptionError unless `value`, of the parameter `name`, is text or None."""
    if value is not None and not isinstance(value, str):
        raise OptionError(f"{name} is {value!r}; give text")


def _listed(values: Any, name: str, count: int) -> list[Any]:
    """Return a list, tuple, array or the like as a list: what has an order and a length."""
    no_list = isinstance(values, str | bytes | bytearray | Set | Mapping | np.ma.MaskedArray)
    if no_list or not isinstance(values, Iterable) or not hasattr(values, "__len__"):
        raise InputError(f"{name} are of type {type(values).__name__}; give a list, one for each vector")
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise InputError(f"{name} have shape {values.shape}; give a list, one for each vector")
    listed = list(values)
    if len(listed) != count:
        raise InputError(f"{len(listed)} {name} were given for {count} vectors; give one a vector")
    return listed


def _text_id(id_: Any) -> str:
    if not isinstance(id_, str | int | np.integer) or isinstance(id_, bool) or id_ == "":
        raise InputError(f"{id_!r} cannot be an id; give text or whole numbers")
    return str(id_)


def _plain(value: Any) -> Any:
    """Return numbers of NumPy, alone and in lists, as those of Python, which JSON has."""
    if isinstance(value, np.generic):
        return value.item()
    return [_plain(member) for member in value] if isinstance(value, list | tuple) else value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
