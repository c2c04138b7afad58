"""The contract of a hash family, and its way to JSON and back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Metric, UInt64
from lookalike.errors import OptionError, VectorError

Parameters = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]

TABLE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://lookalike.invalid/hash-table")
"""Namespace of the UUIDv5 of tables."""


class Family(ABC):
    """A family of locality-sensitive hash functions: one function, so one key, a table.

    A pure function of its parameters and seed and, for a learned family, of its training sample.
    `fit` must be called once before keys are asked for; it draws (or learns) what `arrays` returns.
    """

    name: ClassVar[str]
    """What JSON calls the family."""
    metrics: ClassVar[tuple[Metric, ...]] = ("euclidean", "cosine", "dot")
    """By which vectors it can hash are compared."""

    seed: int
    tables: int
    dimension: int | None
    """Dimension of the vectors; None until fitted."""

    @abstractmethod
    def fit(self, sample: Float32) -> Self:
        """Draw or learn the functions from `sample` (n, d); return self. A random family uses only its d."""

    @abstractmethod
    def keys(self, vectors: Float32) -> UInt64:
        """Return the key of each of `vectors` (n, d) in each table, shape (n, tables)."""

    @abstractmethod
    def probe_keys(self, queries: Float32, probes: int) -> UInt64:
        """Return the keys of `probes` buckets a table, likeliest first, shape (q, tables, probes).

        The first is the query's own. Where tables have fewer keys than `probes`, all of them are returned.
        """

    @abstractmethod
    def parameters(self) -> Parameters:
        """Return what the constructor takes, JSON types only."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """Return what `fit` drew or learned; empty before."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take back what `arrays` returned. Raises OptionError where it does not fit the parameters."""

    def collision_probability(self, distance: float) -> float | None:
        """Return the chance that two vectors at `distance` share a key in one table; None where unknown."""
        return None

    def centres(self) -> Float32 | None:
        """Return the middle of each key's bucket, (keys, d), where a family of one table has one."""
        return None

    def table_uuids(self) -> tuple[str, ...]:
        """Return the UUIDv5 of each table, made of the parameters, what `fit` drew or learned, and its number."""
        drawn = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            drawn.update(f"{name} {array.shape}".encode())
            drawn.update(np.ascontiguousarray(array).data)
        functions = f"{self.name} {sorted(self.parameters().items())} {drawn.hexdigest()}"
        return tuple(str(uuid.uuid5(TABLE_NAMESPACE, f"{functions} {table}")) for table in range(self.tables))

    def to_json(self) -> Parameters:
        """Return the whole fitted family as JSON types; arrays are base64 of little-endian bytes."""
        return {
            "family": self.name,
            "parameters": self.parameters(),
            "arrays": {name: _array_to_json(array) for name, array in self.arrays().items()},
        }


def checked(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return a parameter that is a whole number from `low` to `high`; raise OptionError otherwise."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        span = f"from {low}" if high is None else f"from {low} to {high}"
        raise OptionError(f"{name} is {value!r}; give a whole number {span}")
    return int(value)


def checked_flag(name: str, value: Any) -> bool:
    """Return a parameter that is true or false; raise OptionError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{name} is {value!r}; give True or False")
    return bool(value)


def as_sample(vectors: npt.ArrayLike, family: Family) -> Float32:
    """Return what `family` is to be fitted to, (n, d); raise VectorError for another shape or numbers not finite."""
    sample = _as_block(vectors, family)
    if not np.isfinite(sample).all():
        raise VectorError(f"hash family {family.name} is given NaN or infinity; leave those vectors out")
    return sample


def as_hashable(vectors: npt.ArrayLike, family: Family) -> Float32:
    """Return `vectors` (n, d) as the fitted `family` takes them.

    Raises:
        OptionError: the family is not fitted, or was for another dimension.
        VectorError: another shape, or no numbers.
    """
    if family.dimension is None:
        raise OptionError(f"hash family {family.name} is not fitted; call fit first")
    block = _as_block(vectors, family)
    if block.shape[1] != family.dimension:
        raise OptionError(
            f"hash family {family.name} is fitted for dimension {family.dimension}, not {block.shape[1]}; "
            "fit another"
        )
    return block


def mean_of(sample: Float32) -> Float32:
    """Return the mean of `sample` (n, d), (d,); zeros where it has no rows."""
    if not len(sample):
        return np.zeros(sample.shape[1], dtype=np.float32)
    mean: Float32 = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def restored_mean(family: Family, arrays: Mapping[str, npt.NDArray[Any]], dimension: int) -> Float32:
    """Return the mean that `arrays` kept of a centred family; raise OptionError where it is none."""
    mean = arrays["mean"]
    if mean.dtype != np.float32 or mean.shape != (dimension,):
        raise OptionError(f"hash family {family.name}: its mean is {mean.dtype} {mean.shape}; make it again")
    check_finite(family, mean)
    return mean


def check_finite(family: Family, *arrays: npt.NDArray[Any]) -> None:
    """Raise OptionError where arrays that a family kept hold what no fit gives."""
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays):
        raise OptionError(f"hash family {family.name}: its arrays hold NaN or infinity; make it again")


def _as_block(vectors: npt.ArrayLike, family: Family) -> Float32:
    try:
        block: Float32 = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise VectorError(
            f"hash family {family.name} is given what is no array of numbers ({error})"
        ) from None
    if block.ndim != 2 or not block.shape[1]:
        raise VectorError(
            f"hash family {family.name} is given an array of shape {block.shape}; give (rows, dimension)"
        )
    return block


def token(table: int, key: int) -> str:
    """Return the text form `table-key` of a key, as in `3-14`."""
    return f"{table}-{key}"


def family_from_json(description: Mapping[str, Any]) -> Family:
    """Return the family that `to_json` described.

    Raises:
        OptionError: not such a description.
    """
    try:
        name, parameters = description["family"], description["parameters"]
        arrays = {key: _array_from_json(value) for key, value in description["arrays"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise OptionError(f"description of a hash family is damaged ({error}); make it again") from error
    return family_from_parts(name, parameters, arrays)


def family_from_parts(
    name: str, parameters: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> Family:
    """Return the family of that name with `parameters()` and `arrays()` as given.

    Raises:
        OptionError: no such family, or parts that do not fit together.
    """
    known = known_families()
    if name not in known:
        raise OptionError(f"hash family {name!r} is not known; choose one of {', '.join(sorted(known))}")
    try:
        family = known[name](**parameters)
        if arrays:
            family._restore(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(f"hash family {name!r}: its parts do not fit together ({error})") from error
    return family


def known_families() -> dict[str, type[Family]]:
    """Return the families by name."""
    return {family.name: family for family in Family.__subclasses__()}


def _array_to_json(array: npt.NDArray[Any]) -> Parameters:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str,
        "shape": list(little.shape),
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _array_from_json(value: Mapping[str, Any]) -> npt.NDArray[Any]:
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in "fiu":
        raise ValueError(f"an array has type {dtype}")
    flat = np.frombuffer(base64.b64decode(value["base64"], validate=True), dtype=dtype)
    return flat.reshape(value["shape"]).astype(dtype.newbyteorder("="))
