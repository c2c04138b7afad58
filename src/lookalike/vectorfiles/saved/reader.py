"""What reads the saved index of one library, within the child process."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Metric
from lookalike.errors import MissingDependencyError, OptionError, VectorFileError

Ids = npt.NDArray[np.integer[Any]]

LIVE_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Asked:
    """The file, and what the user says of it; `metric` is a metric of Lookalike, or that of the library."""

    path: Path
    dimension: int | None
    metric: str | None


class Reader(ABC):
    """The vectors of a saved index.

    Attributes:
        rows: how many vectors it holds.
        dimension: numbers a vector; of codes, bits.
        dtype: type of the numbers as they are read; uint8 for packed codes, bool for bits.
        metric: how they are compared.
    """

    rows: int
    dimension: int
    dtype: np.dtype[Any]
    metric: Metric

    @abstractmethod
    def ids(self, first: int, last: int) -> Ids:
        """Return the library's ids of rows first..last-1."""

    @abstractmethod
    def vectors(self, first: int, last: int) -> npt.NDArray[Any]:
        """Return rows first..last-1."""


def load(module: str, package: str, extra: str) -> Any:
    """Import a library. Raises MissingDependencyError."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"saved indexes of {extra} are read by {package}, which cannot be imported ({error}); "
            f"pip install 'lookalike[{extra}]'"
        ) from None


def check_dimension(asked: Asked, found: int) -> None:
    """Raise OptionError where the user says another dimension than the file."""
    if asked.dimension is not None and asked.dimension != found:
        raise OptionError(
            f"{asked.path} has dimension {found}, not {asked.dimension}; leave the dimension out"
        )


def check_metric(asked: Asked, found: Metric) -> None:
    """Raise OptionError where the user says another metric than the file."""
    if asked.metric is not None and asked.metric != found:
        raise OptionError(f"{asked.path} is an index of {found}, not of {asked.metric}; leave the metric out")


def unit_vectors_metric(asked: Asked, library: str) -> Metric:
    """Return the metric of an index of cosine that keeps unit vectors in place of what went in.

    Raises:
        VectorFileError: the user does not ask for these unit vectors by another metric.
    """
    for metric in ("dot", "euclidean"):
        if asked.metric == metric:
            return metric
    raise VectorFileError(
        f"{asked.path}: {library} divides vectors by their lengths under cosine and keeps no others, so what went in "
        "cannot be read back; import the original vectors, or these unit vectors by --metric dot, which ranks alike"
    )


def live_ids(ids: Ids, get: Callable[[Ids], Any]) -> Ids:
    """Return the ids, ascending, whose vectors the library gives: it does not say which of them were deleted."""
    ids = ids.copy()
    ids.sort()
    kept: list[Ids] = []
    pending = [ids[first : first + LIVE_AT_ONCE] for first in range(0, len(ids), LIVE_AT_ONCE)][::-1]
    while pending:
        some = pending.pop()
        try:
            get(some)
        except RuntimeError:
            if len(some) > 1:
                pending += [some[len(some) // 2 :], some[: len(some) // 2]]
        else:
            kept.append(some)
    return np.concatenate(kept) if kept else ids[:0]
