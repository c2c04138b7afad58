"""Why a row is found or not, and what an index is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lookalike.arrays import Float32, Metric
from lookalike.buckets import BucketStats
from lookalike.index.options import Options
from lookalike.index.plan import SearchPlan
from lookalike.index.reports import Explanation, IndexStats, Path, TableExplanation
from lookalike.index.row_forms import comparable
from lookalike.index.scan import DISTANCES, pair_distances
from lookalike.index.snapshot import Snapshot, block_rows

MEASURED_AT = 10
"""The k at which `explain` and `stats` tell of probes."""
NO_BUCKETS: tuple[None, Mapping[str, Any], BucketStats] = None, {}, BucketStats(0, 0, 0, 0, 0.0)


def explain(
    state: Snapshot,
    settings: Options,
    query: Float32,
    id: int,  # noqa: A002
    row: int,
    estimated_recall: float,
) -> Explanation:
    """Explain row number `row`, whose id is `id`, to one prepared query (1, d).

    Args:
        estimated_recall: of a search for the `MEASURED_AT` nearest; NaN where it is not known.
    """
    base = state.base
    vector = comparable(state.gather(np.array([row])), settings.metric)
    distance = pair_distances(query, vector, np.array([0]), np.array([0]), settings.metric)[0]
    plan = SearchPlan.of(base.buckets, settings, MEASURED_AT, settings.recall)
    path: Path = "tail" if row >= len(base.ids) else "scan" if plan.chosen is None else "buckets"
    tables: tuple[TableExplanation, ...] = ()
    estimated: tuple[float, float] | None = None
    if base.buckets is not None and row < len(base.ids):
        tables = base.buckets.tables(query, row, vector, MEASURED_AT, settings.recall)
        estimated = base.buckets.estimate(query, row)
    return Explanation(
        id=id,
        path=path,
        candidate=path != "buckets" or any(table.shared for table in tables),
        distance=float(distance),
        estimated_distance=None if estimated is None else estimated[0],
        estimate_error=None if estimated is None else estimated[1],
        rank=_rank(state, settings.metric, query, float(distance), id),
        tables=tables,
        estimated_recall=None if math.isnan(estimated_recall) else estimated_recall,
    )


def stats(state: Snapshot, settings: Options, stamp: int) -> IndexStats:
    """Return the stats of an index in `state`."""
    base = state.base
    plan = SearchPlan.of(base.buckets, settings, MEASURED_AT, settings.recall)
    chosen = plan.chosen
    family, parameters, buckets = NO_BUCKETS if base.buckets is None else base.buckets.buckets()
    vectors = base.vectors.nbytes + state.tail_vectors.nbytes
    arrays = [base.ids, base.order, state.tail_ids, state.alive]
    if base.buckets is not None:
        arrays += [*base.buckets.arrays().values(), *base.buckets.parts()[1].values()]
    return IndexStats(
        rows=state.count,
        dimension=settings.dimension,
        metric=settings.metric,
        dtype=settings.dtype,
        stamp=stamp,
        path="scan" if chosen is None else "buckets",
        reason=plan.reason,
        base_rows=len(base.ids),
        tail_rows=len(state.tail_ids),
        removed_rows=state.removed_rows,
        recall=settings.recall,
        probes=None if chosen is None else chosen.probes,
        rerank=None if chosen is None else chosen.rerank,
        measured_recall=None if chosen is None else chosen.recall,
        measurements=() if base.buckets is None else base.buckets.measurements(),
        family=family,
        parameters=parameters,
        tables=buckets.tables,
        buckets=buckets.buckets,
        largest_bucket=buckets.largest_bucket,
        median_bucket=buckets.median_bucket,
        vector_bytes=vectors,
        index_bytes=sum(array.nbytes for array in arrays),
        histogram=buckets.histogram,
        notes=() if base.buckets is None else base.buckets.notes(),
    )


def _rank(state: Snapshot, metric: Metric, query: Float32, distance: float, id: int) -> int:  # noqa: A002
    """Return how many rows come before the one of this distance and id."""
    closer = 0
    rows = np.flatnonzero(state.alive)
    ids = state.row_ids()
    for start in range(0, len(rows), step := block_rows(query.shape[1])):
        block = rows[start : start + step]
        distances = DISTANCES[metric](comparable(state.gather(block), metric), query).astype(np.float32)
        closer += int(np.sum((distances < distance) | ((distances == distance) & (ids[block] < id))))
    return closer
