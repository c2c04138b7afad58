"""Parameters of a hash family that are left out, fitted to the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.hashing import Family, FamilySpec

SAMPLE_ROWS = 10_000
ROWS_A_CLUSTER = 40
FOUND_BY_A_TABLE = 0.3
"""The chance that tables are counted on, each by itself, to find a neighbour in a few probes."""
FEWEST_TABLES, MOST_TABLES = 4, 16
ENTRY_BYTES = 4
"""What a row takes in a table."""
TRIED_ROWS, TRIED_TABLES = 2_048, 2
"""How uneven buckets are is tried on so many rows and tables."""
NEAR_ROWS = 256
NEAR = 10
"""Neighbours up to this one should share buckets."""
SLOTS_A_NEIGHBOUR = 4.0
"""Width of a slot of p-stable projections, in distances of near rows."""
FEWEST_SLOTS = 1 / 32
"""And no less than this share of a typical distance: rows that are nearly equal say nothing of the others."""


def sample_rows(asked: FamilySpec, rows: int) -> int:
    """Return the number of rows to sample, of `rows`, for what `fitted_family` then does."""
    if asked.name != "clusters":
        return SAMPLE_ROWS
    return max(SAMPLE_ROWS, ROWS_A_CLUSTER * int(asked.parameters.get("clusters", _cluster_count(rows))))


def fitted_family(asked: FamilySpec, sample: Float32, rows: int, recall: float, seed: int) -> Family:
    """Return the family that is asked for, fitted to `sample` (s, d) of `rows` rows, s >= 1.

    What is left out is chosen so that a bucket holds a few of the rows, however they lie:

    - clusters: twice the square root of the rows; sections, where there are several, of principal components.
    - hyperplane and cross-polytope: about the mean; bits until rows of the sample seldom share a bucket.
    - p-stable: slots four times as wide as near rows are apart; floors as bits.
    - tables: more for a higher recall, and no more than the rows themselves take memory.
    """
    chosen: dict[str, Any] = {"seed": seed}
    if asked.name == "clusters":
        chosen |= {
            "clusters": _cluster_count(rows),
            "rotation": asked.parameters.get("sections", 1) > 1,
        }
        return asked.family(chosen).fit(sample)
    chosen["tables"] = _table_count(recall, 4 * sample.shape[1])
    most = min(63, max(1, 2 * math.ceil(math.log2(max(2, rows)))))
    if asked.name == "p-stable":
        most = min(most, 31)
        if "bucket_size" not in asked.parameters:
            chosen["bucket_size"] = _slot_width(sample, rows, asked.parameters.get("distance", "euclidean"))
        longer = "floors"
    else:
        chosen["centred"] = True
        longer = "bits"
    if longer not in asked.parameters:
        shared = _wanted_in_a_bucket(rows) / max(1, rows)
        tried = sample[:TRIED_ROWS]

        def even(length: int) -> bool:
            family = FamilySpec(
                asked.name, {**chosen, **asked.parameters, "tables": TRIED_TABLES, longer: length}
            ).family({})
            return _chance_shared(family.fit(sample), tried) <= shared

        chosen[longer] = _least(range(1, most + 1), even)
    return asked.family(chosen).fit(sample)


def _cluster_count(rows: int) -> int:
    return max(1, round(2 * math.sqrt(rows)))


def _table_count(recall: float, row_bytes: int) -> int:
    """Return as many tables as find a neighbour with the chance `recall`, each with that of `FOUND_BY_A_TABLE`."""
    wanted = math.ceil(math.log(max(1 - recall, 1e-3)) / math.log(1 - FOUND_BY_A_TABLE))
    return min(max(FEWEST_TABLES, min(wanted, row_bytes // ENTRY_BYTES)), MOST_TABLES)


def _wanted_in_a_bucket(rows: int) -> float:
    """Return how many rows a bucket should hold: the more there are, the more a query may look at."""
    return max(4.0, math.sqrt(rows) / 8)


def _chance_shared(family: Family, rows: Float32) -> float:
    """Return the share of pairs of `rows` that share the bucket of a table."""
    shared = 0
    for keys in family.keys(rows).T:
        counts = np.unique(keys, return_counts=True)[1].astype(np.int64)
        shared += int((counts * (counts - 1)).sum())
    return shared / max(1, family.tables * len(rows) * (len(rows) - 1))


def _least(values: range, fits: Callable[[int], bool]) -> int:
    """Return the least of ascending values that fits, given that all above it do; the last where none does."""
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(values[middle]):
            high = middle
        else:
            low = middle + 1
    return values[low]


def _slot_width(sample: Float32, rows: int, distance: str) -> float:
    """Return a width of slots from distances in `sample`: of near rows, as far as it tells them, and of any two."""
    order = 1 if distance == "l1" else 2
    some = sample[:: max(1, len(sample) // NEAR_ROWS)][:NEAR_ROWS].astype(np.float64)
    # A row's NEAR-th neighbour of all is about its first few in the sample.
    place = max(1, round(NEAR * len(sample) / max(1, rows)))
    near, typical = [], []
    for row in some:
        distances = np.linalg.norm(sample - row, ord=order, axis=1)
        near.append(np.partition(distances, min(place, len(distances) - 1))[min(place, len(distances) - 1)])
        typical.append(np.median(distances))
    width = max(SLOTS_A_NEIGHBOUR * _median(near), FEWEST_SLOTS * _median(typical))
    return width if width > 0 else 1.0


def _median(values: Iterable[Any]) -> float:
    return float(np.median(np.fromiter(values, dtype=np.float64)))
