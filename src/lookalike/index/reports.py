"""What an index tells about itself and its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from lookalike.arrays import Metric
from lookalike.errors import OptionError

Path = Literal["scan", "tail", "buckets"]


@dataclass(frozen=True, slots=True)
class TableExplanation:
    """How one table saw a query and a row. Tokens are `table-key`, as in `3-14`."""

    table: int
    uuid: str
    query_token: str
    """The query's own bucket."""
    row_token: str
    """The row's bucket."""
    probed_tokens: tuple[str, ...]
    """The buckets that are looked into for the query, likeliest first; a search, which tells centroids by bytes, may
    take another for the last of them."""
    shared: bool
    """Whether the row's bucket is among them."""
    rank: int | None
    """The place of the row's bucket among the probes, counted from 0; None where it is not among them."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row is, or is not, among the candidates of a query."""

    id: int
    path: Path
    """How the row is reached: "scan" (the index is small and compares every row), "tail" (the row was added
    lately and is compared always) or "buckets"."""
    candidate: bool
    """Whether the row's estimate is looked at, at least: its bucket is among those probed; always so by "scan" and
    "tail"."""
    distance: float
    """Exact, in the index's metric."""
    estimated_distance: float | None
    """By the sketch; None where the row has none."""
    estimate_error: float | None
    """The estimate's error bound, in the unit of `distance`: the larger of its two sides."""
    rank: int
    """How many rows are closer (by distance, then id), by an exact scan."""
    tables: tuple[TableExplanation, ...]
    """Empty where the index has no buckets for the row."""
    tokens: tuple[tuple[str, float], ...] = ()
    """Of an index in a search engine: the tokens that the row shares with the query, with their weights."""
    estimated_recall: float | None = None
    """Of a search for the ten rows nearest to the query, see `Index.estimated_recall`; None where it is not known."""


@dataclass(frozen=True, slots=True)
class RecallMeasurement:
    """Recall@k that the index measured on rows of its own, at a number of probes a table and a depth of rerank."""

    k: int
    probes: int
    """Buckets a query looks into, a table; of a learned partition from half to twice as many."""
    rerank: int
    """Rows a query that are compared exactly, at most; by a learned partition from half to twice as many."""
    recall: float
    """Mean over the sampled queries."""
    error: float
    """Standard error of that mean."""
    candidates: float
    """Mean number of candidates a query."""


@dataclass(frozen=True, slots=True)
class IndexStats:
    """Counts and sizes of an index."""

    rows: int
    dimension: int
    metric: Metric
    dtype: str
    """The type that rows are kept in."""
    stamp: int
    """See `Index.stamp`."""
    path: Literal["scan", "buckets"]
    """How a search without filters goes."""
    reason: str
    """Why it goes that way, in one clause."""
    base_rows: int
    tail_rows: int
    removed_rows: int
    """Rows of the base or tail that were removed and are not swept yet."""
    recall: float
    """The recall@10 that is aimed at."""
    probes: int | None
    """Probes a table for that recall at k = 10; see `RecallMeasurement`."""
    rerank: int | None
    """Rows a query that are then compared exactly."""
    measured_recall: float | None
    """Recall@10 at that number of probes, measured when the family was fitted."""
    measurements: tuple[RecallMeasurement, ...]
    family: str | None
    parameters: Mapping[str, Any]
    """Of the family, as it was fitted; empty where it is not one that was asked for."""
    tables: int
    buckets: int
    """Buckets in use over all tables."""
    largest_bucket: int
    median_bucket: float
    vector_bytes: int
    index_bytes: int
    """Everything beside the vectors."""
    store: str | None = None
    """Where the buckets are kept; None for those within the process."""
    notes: tuple[str, ...] = ()
    """What the store has to say of them, and of rows that have near-copies."""
    histogram: tuple[int, ...] = ()
    """How many buckets have 1 row, 2 to 3, 4 to 7, and so on; empty where that is not known."""


Measured = TypeVar("Measured")


def restored(kind: type[Measured], rows: Any) -> tuple[Measured, ...]:
    """Return measurements of a dataclass `kind`, whose fields are counts (int) and figures (float), from JSON types.

    Raises:
        OptionError: something else than lists of counts from 1 and figures from 0, of which recalls are up to 1.
    """
    kinds = {field.name: {"int": int, "float": float}[str(field.type)] for field in fields(kind)}  # type: ignore[arg-type]

    def fits(values: Any) -> bool:
        return (
            isinstance(values, list) and len(values) == len(kinds) and all(map(_fits, kinds.items(), values))
        )

    if not isinstance(rows, Iterable) or not all(map(fits, rows)):
        raise OptionError("measurements are damaged; build the index again")
    return tuple(kind(*values) for values in rows)


def _fits(field: tuple[str, type], value: Any) -> bool:
    name, kind = field
    if kind is int:
        return type(value) is int and 1 <= value < 2**31
    return type(value) is float and 0 <= value <= (1 if name == "recall" else sys.float_info.max)
