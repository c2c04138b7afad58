"""What an index was asked to be; fixed for its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from lookalike.arguments import as_count, as_share
from lookalike.arrays import DISCRETE, KEPT_DTYPES, Metric, as_metric
from lookalike.errors import OptionError
from lookalike.hashing import Family, FamilySpec

SCANNED_NUMBERS = 1_000_000
"""Fewer numbers than this are all compared with a query, in half a millisecond; see `benchmarks/scan_size.py`.
Buckets answer sooner, but take a second to build and as long to load the compiled kernels in each process."""
FEWEST_ROWS, MOST_ROWS = 2_000, 10_000
"""Whatever their dimension, fewer rows than the first are compared, and more than the second are not."""

MOST_DIMENSIONS = 2**31 - 1

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
    """What `FamilySpec.to_json` gives of the family that is asked for; None for the buckets that are usual then."""
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
        family: Family | FamilySpec | Mapping[str, Any] | str | None,
        dtype: str,
    ) -> Self:
        """Return checked options. Raises OptionError."""
        dimension = as_count(dimension, "dimension", least=1, most=MOST_DIMENSIONS)
        if scan_below is None:
            scan_below = scan_size(dimension)
        spec, kind = FamilySpec.of(family), as_metric(metric)
        FamilySpec.for_metric(spec, kind)
        kept = [DISCRETE[kind].name] if kind in DISCRETE else [one.name for one in KEPT_DTYPES]
        if dtype not in kept:
            raise OptionError(f"dtype is {dtype!r}; give one of {', '.join(kept)}")
        return cls(
            metric=kind,
            dimension=dimension,
            recall=as_share(recall, "recall"),
            seed=as_count(seed, "seed", least=0),
            scan_below=as_count(scan_below, "scan_below", least=0),
            family=None if spec is None else spec.to_json(),
            dtype=dtype,
        )

    @property
    def buckets(self) -> FamilySpec | None:
        """The hash family of the index's buckets; None where they are learned."""
        return FamilySpec.for_metric(self.family, self.metric)

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON types."""
        return asdict(self)


def scan_size(dimension: int) -> int:
    """Return the number of rows of a dimension from which buckets are built."""
    return min(max(SCANNED_NUMBERS // dimension, FEWEST_ROWS), MOST_ROWS)
