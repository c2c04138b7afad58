"""Usual parameters of a hash family, by theory and a sample: where the tuner begins, and those it does not tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lookalike.arrays import Float32
from lookalike.hashing import Family, FamilySpec
from lookalike.index.lsh.usual_discrete import LENGTHS, fitted_discrete

CLUSTERED = ("clusters", "clusterings")
"""Families whose buckets are the cells of centroids."""
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
SHARED_BY_NEAR = 0.02
"""Near rows should share a bucket with no less a chance, before any more probes."""
FEWEST_SLOTS = 1 / 32
"""And no less than this share of a typical distance: rows that are nearly equal say nothing of the others."""


def sample_rows(asked: FamilySpec, rows: int) -> int:
    """Return the number of rows to sample, of `rows`, for what `usual_family` then does."""
    if asked.name not in CLUSTERED:
        return SAMPLE_ROWS
    return max(SAMPLE_ROWS, ROWS_A_CLUSTER * int(asked.parameters.get("clusters", _cluster_count(rows))))


def usual_family(
    asked: FamilySpec, sample: Float32, queries: Float32, rows: int, recall: float, seed: int
) -> Family:
    """Return the family that is asked for, fitted to `sample` (s, d) of `rows` rows, s >= 1.

    What is left out is chosen so that a bucket holds a few of the rows, however they lie:

    - clusters: twice the square root of the rows; sections, where there are several, of principal components.
    - clusterings: as many clusters, in the fewest tables.
    - hyperplane and cross-polytope: about the mean; bits until rows of the sample seldom share a bucket.
    - p-stable: slots four times as wide as near rows are apart; floors as bits, as long as near rows share buckets.
    - min-hash and bit-sampling: see `usual_discrete`.
    - tables: more for a higher recall, and no more than the rows themselves take memory.

    Args:
        queries: (s, d), the sample as queries are given to the family.
    """
    if asked.name in LENGTHS:
        return fitted_discrete(asked, sample, rows, recall, seed)
    given = asked.parameters
    chosen: dict[str, Any] = {"seed": seed}
    if asked.name == "clusters":
        chosen |= {"clusters": _cluster_count(rows), "rotation": given.get("sections", 1) > 1}
        return asked.family(chosen).fit(sample)
    if asked.name == "clusterings":
        chosen |= {"clusters": _cluster_count(rows), "tables": FEWEST_TABLES}
        return asked.family(chosen).fit(sample)
    chosen["tables"] = _table_count(recall, 4 * sample.shape[1])
    most = max(1, 2 * math.ceil(math.log2(max(2, rows))))
    if asked.name == "p-stable":
        longer = "floors"
        near, typical = _distances(sample, queries, rows, given.get("distance", "euclidean"))
        width = max(SLOTS_A_NEIGHBOUR * near, FEWEST_SLOTS * typical)
        chosen["bucket_size"] = width if width > 0 else 1.0
        one = asked.family({**chosen, "floors": 1}).collision_probability(near)
        if longer not in given and one is not None and 0 < one < 1:
            most = min(most, math.ceil(math.log(SHARED_BY_NEAR) / math.log(one)))
        most = min(most, 31)
    else:
        longer = "bits"
        chosen["centred"] = True
    if longer not in given:
        wanted = _wanted_in_a_bucket(rows) / max(1, rows)
        tried = np.unique(sample[:TRIED_ROWS], axis=0)  # equal ones are in one bucket whatever it is

        def even(length: int) -> bool:
            parameters = {**chosen, **given, "tables": TRIED_TABLES, longer: length}
            return _chance_shared(FamilySpec(asked.name, parameters).family({}).fit(sample), tried) <= wanted

        chosen[longer] = _least(range(1, most + 1), even)
    return asked.family(chosen).fit(sample)


def _cluster_count(rows: int) -> int:
    return max(1, round(2 * math.sqrt(rows)))


def _table_count(recall: float, row_bytes: int) -> int:
    """Return as many tables as find a neighbour with the chance `recall`, each with that of `FOUND_BY_A_TABLE`."""
    wanted = math.ceil(math.log(max(1 - recall, 1e-3)) / math.log(1 - FOUND_BY_A_TABLE))
    return min(max(FEWEST_TABLES, min(wanted, row_bytes // ENTRY_BYTES)), MOST_TABLES)


def _wanted_in_a_bucket(rows: int) -> float:
    """Return how many rows a bucket should hold: the more there are, the more a query may look at.

    A probe takes as long as several rows, so that small buckets, of which many are probed, take longer than they save.
    """
    return max(4.0, math.sqrt(rows) / 2)


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


def _distances(rows_drawn: Float32, queries: Float32, rows: int, distance: str) -> tuple[float, float]:
    """Return the distances of queries to near rows and to any, medians: `rows_drawn` are of `rows` rows."""
    sample = rows_drawn.astype(np.float64)
    order = 1 if distance == "l1" else 2
    # A query's NEAR-th nearest of all rows is about its first few in the sample; the very first may be itself.
    place = min(max(1, round(NEAR * len(sample) / max(1, rows))), len(sample) - 1)
    near, typical = [], []
    lengths = np.einsum("ij,ij->i", sample, sample, dtype=np.float64)
    for query in queries[:: max(1, len(queries) // NEAR_ROWS)][:NEAR_ROWS].astype(np.float64):
        if order == 1:
            distances = np.abs(sample - query).sum(axis=1)
        else:
            # In float64 the rounding is far below the narrowest slot, `FEWEST_SLOTS`.
            distances = np.sqrt(np.maximum(lengths - 2 * (sample @ query) + query @ query, 0))
        near.append(np.partition(distances, place)[place])
        typical.append(np.median(distances))
    return float(np.median(near)), float(np.median(typical))
