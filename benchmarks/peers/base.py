"""The contract between the benchmark and a library that is measured.

An adapter is one small file. It translates, and nothing else: no caching, no shortcuts, no copies of the data beyond
what the library itself needs. Adapters run in the library's own Python, where Lookalike need not be installed.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[Any]
Ids = npt.NDArray[Any]
Options = Mapping[str, Any]


class Peer(abc.ABC):
    """One library with one choice of build options.

    Rows come as C-contiguous float32 (n, d), or as the data's own dtype where `keeps_dtype` says that the library
    takes it. Queries are float32. For cosine they come as they are: normalising is the adapter's, and counts.
    """

    module: ClassVar[str]
    """What it imports."""
    packages: ClassVar[str]
    """What `pip install` needs."""
    metrics: ClassVar[frozenset[str]] = frozenset({"euclidean", "cosine", "dot"})
    keeps_dtype: ClassVar[bool] = False
    largest: ClassVar[int] = 10_000_000
    """The most rows for which a build takes minutes rather than hours."""

    def __init__(self, options: Options) -> None:
        self.options = dict(options)

    @classmethod
    @abc.abstractmethod
    def builds(cls, rows: int, dimension: int) -> list[dict[str, Any]]:
        """Return the build options worth measuring at this size, the best known first."""

    @abc.abstractmethod
    def build(self, vectors: Vectors, metric: str, threads: int) -> None:
        """Build the index."""

    @abc.abstractmethod
    def settings(self) -> list[list[dict[str, Any]]]:
        """Return the search settings worth measuring, in groups, the quickest group first.

        Within a group each setting costs and finds more than the one before; the rest is passed over once that
        brings nothing.
        """

    @abc.abstractmethod
    def use(self, setting: Options, k: int) -> None:
        """Take a setting for the searches that follow. Not timed."""

    @abc.abstractmethod
    def search(self, queries: Vectors, k: int) -> Ids:
        """Return the row numbers (q, k) of the neighbours of all queries (q, d), in one call where there is one."""

    def search_one(self, query: Vectors, k: int) -> Ids:
        """Return the row numbers (k,) of the neighbours of one query (d,)."""
        found: Ids = self.search(query[np.newaxis], k)[0]
        return found

    def save(self, folder: Path) -> bool:
        """Write the index into `folder`, so that its size can be told; return False where the library cannot."""
        return False


def power_of_two(value: float) -> int:
    """Return the power of two that is nearest to `value` in ratio."""
    return int(2 ** max(round(math.log2(value)), 0))


def normalised(vectors: Vectors) -> Vectors:
    """Return rows of length one, as float32; rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def padded(rows: list[Any], k: int) -> Ids:
    """Return lists of unequal length as an array (q, k), the rest -1."""
    ids = np.full((len(rows), k), -1, dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row[:k]
    return ids
