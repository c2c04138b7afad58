"""What an index was asked to be; fixed for its life."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Self

from lookalike.arrays import KEPT_DTYPES, Metric, as_metric
from lookalike.errors import OptionError
from lookalike.hashing import family_from_json
from lookalike.hashing.base import checked

SCANNED_NUMBERS = 1_000_000
"""Fewer numbers than this are all compared with a query, in half a millisecond; see `benchmarks/scan_size.py`.
Buckets answer sooner, but take a second to build and as long to load the compiled kernels in each process."""
FEWEST_ROWS, MOST_ROWS = 2_000, 10_000
"""Whatever their dimension, fewer rows than the first are compared, and more than the second are not."""

LARGEST_SHARE = 0.25
"""Where buckets would give more than this share of all rows, every row is compared instead."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an index, checked."""

    metric: Metric
    dimension: int
    recall: float
    seed: int
    scan_below: int
    family: Mapping[str, Any] | None
    """The unfitted family that the user asked for, as JSON types; None is the learned partition."""
    dtype: str
    """The type that rows are kept in, such as "float32"."""

    @classmethod
    def of(
        cls,
        *,
        metric: str,
        dimension: int,
        recall: float,
        seed: int,
        scan_below: int | None,
        family: Mapping[str, Any] | None,
        dtype: str,
    ) -> Self:
        """Return checked settings. Raises OptionError."""
        checked("dimension", dimension, 1)
        checked("seed", seed, 0)
        scan_below = scan_size(dimension) if scan_below is None else checked("scan_below", scan_below, 0)
        if family is not None:
            family_from_json(family)  # whether it can be made, when buckets are
        if dtype not in {kept.name for kept in KEPT_DTYPES}:
            raise OptionError(
                f"dtype is {dtype!r}; give one of {', '.join(kept.name for kept in KEPT_DTYPES)}"
            )
        return cls(as_metric(metric), dimension, checked_recall(recall), seed, scan_below, family, dtype)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON types."""
        return asdict(self)


def scan_size(dimension: int) -> int:
    """Return the number of rows of a dimension from which buckets are built."""
    return min(max(SCANNED_NUMBERS // dimension, FEWEST_ROWS), MOST_ROWS)


def thread_count(n_jobs: int) -> int:
    """Return how many threads `n_jobs` means: itself from 1, all cores that the process may use at -1."""
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or (n_jobs < 1 and n_jobs != -1):
        raise OptionError(f"n_jobs is {n_jobs!r}; give a number of threads from 1, or -1 for all cores")
    if n_jobs > 0:
        return n_jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_recall(recall: float) -> float:
    """Return `recall` if it can be aimed at; raise OptionError otherwise."""
    number = type(recall) is float or (isinstance(recall, Real) and not isinstance(recall, bool))
    if not number or not 0 < recall <= 1:
        raise OptionError(f"recall is {recall!r}; give a share above 0 and up to 1, such as 0.95")
    return float(recall)


def checked_stamp(stamp: int) -> int:
    """Return `stamp` if it is a whole number of 63 bits; raise OptionError otherwise."""
    return checked("stamp", stamp, 0, 2**63 - 1)
