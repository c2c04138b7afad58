"""Why a row is found or not, and what an index is made of."""

from __future__ import annotations

import math

import numpy as np

from lookalike.arrays import Float32, Metric
from lookalike.buckets.base import BucketStats
from lookalike.hashing import token
from lookalike.index.answers import Explanation, IndexStats, Path, TableExplanation
from lookalike.index.bucketed import CONFIDENCE, Bucketed
from lookalike.index.scan import DISTANCES, pair_distances
from lookalike.index.settings import Settings
from lookalike.index.state import State, block_rows

MEASURED_AT = 10
"""The k at which `explain` and `stats` tell of probes."""


def explain(state: State, settings: Settings, query: Float32, id: int, row: int) -> Explanation:  # noqa: A002
    """Explain row number `row`, whose id is `id`, to one prepared query (1, d)."""
    base = state.base
    vector = state.gather(np.array([row]))
    distance = pair_distances(query, vector, np.array([0]), np.array([0]), settings.metric)[0]
    probes = None if base.bucketed is None else base.bucketed.probes_for(MEASURED_AT, settings.recall)
    path: Path = "tail" if row >= len(base.ids) else "scan" if probes is None else "buckets"
    tables: tuple[TableExplanation, ...] = ()
    estimate, error = None, None
    if base.bucketed is not None and row < len(base.ids):
        tables = _tables(base.bucketed, query, vector, probes or 1)
        estimate, error = _estimate(base.bucketed, query, row)
    return Explanation(
        id=id,
        path=path,
        candidate=path != "buckets" or any(table.shared for table in tables),
        distance=float(distance),
        estimated_distance=estimate,
        estimate_error=error,
        rank=_rank(state, settings.metric, query, float(distance), id),
        tables=tables,
    )


def stats(state: State, settings: Settings, generation: int) -> IndexStats:
    """Return the stats of an index in `state`."""
    bucketed = state.base.bucketed
    probes = None if bucketed is None else bucketed.probes_for(MEASURED_AT, settings.recall)
    measured = () if bucketed is None else bucketed.measurements
    aimed = [m for m in measured if m.probes == probes and m.k == MEASURED_AT]
    buckets = BucketStats(0, 0, 0, 0, 0.0) if bucketed is None else bucketed.store.stats()
    if settings.recall == 1:
        reason = "a recall of 1 is asked for"
    elif bucketed is None:
        reason = f"there are fewer than {settings.scan_below} rows"
    elif probes is None:
        reason = "buckets would need too large a share of the rows for this recall"
    else:
        reason = f"there are {settings.scan_below} rows or more"
    vectors = 4 * settings.dimension * len(state.alive)
    beside = 16 * len(state.base.ids) + 8 * len(state.tail_ids)
    if bucketed is not None:
        beside += sum(array.nbytes for array in bucketed.parts()[1].values())
    return IndexStats(
        rows=state.count,
        dimension=settings.dimension,
        metric=settings.metric,
        generation=generation,
        path="scan" if probes is None else "buckets",
        reason=reason,
        base_rows=len(state.base.ids),
        tail_rows=len(state.tail_ids),
        removed_rows=state.removed_rows,
        recall=settings.recall,
        probes=probes,
        measured_recall=aimed[0].recall if aimed else None,
        measurements=measured,
        family=None if bucketed is None else bucketed.family.name,
        tables=buckets.tables,
        buckets=buckets.buckets,
        largest_bucket=buckets.largest_bucket,
        median_bucket=buckets.median_bucket,
        vector_bytes=vectors,
        index_bytes=beside,
    )


def _tables(bucketed: Bucketed, query: Float32, vector: Float32, probes: int) -> tuple[TableExplanation, ...]:
    family = bucketed.family
    probed = family.probe_keys(bucketed.lifted_queries(query), probes)[0]
    row_keys = family.keys(bucketed.lifted_rows(vector))[0]
    explained = []
    for table, uuid in enumerate(family.table_uuids()):
        keys = probed[table].tolist()
        own = int(row_keys[table])
        explained.append(
            TableExplanation(
                table=table,
                uuid=uuid,
                query_token=token(table, keys[0]),
                row_token=token(table, own),
                probed_tokens=tuple(token(table, key) for key in keys),
                shared=own in keys,
                rank=keys.index(own) if own in keys else None,
            )
        )
    return tuple(explained)


def _estimate(bucketed: Bucketed, query: Float32, row: int) -> tuple[float, float]:
    """Return the sketch's estimate in the index's metric, and its error bound."""
    lifted = bucketed.lifted_queries(query)
    squares, variances = bucketed.estimate(lifted, np.array([0, 1]), np.array([row]))
    square, error = float(squares[0]), CONFIDENCE * math.sqrt(variances[0])

    def in_metric(value: float) -> float:
        if bucketed.metric == "euclidean":
            return math.sqrt(max(value, 0))
        if bucketed.metric == "cosine":
            return value / 2
        # The query was brought to the length of the longest row: squared distance = sphere - 2 scale <q, v>.
        own = lifted[0, :-1].astype(np.float64)
        scale = math.sqrt(float(own @ own)) / max(float(np.linalg.norm(query.astype(np.float64))), 1e-300)
        return (value - float(own @ own) - bucketed.radius**2) / 2 / scale if scale else 0.0

    middle = in_metric(square)
    return middle, max(in_metric(square + error) - middle, middle - in_metric(square - error))


def _rank(state: State, metric: Metric, query: Float32, distance: float, id: int) -> int:  # noqa: A002
    """Return how many rows come before the one of this distance and id."""
    closer = 0
    rows = np.flatnonzero(state.alive)
    ids = np.concatenate((state.base.ids, state.tail_ids))
    for start in range(0, len(rows), step := block_rows(query.shape[1])):
        block = rows[start : start + step]
        distances = DISTANCES[metric](state.gather(block), query).astype(np.float32)
        closer += int(np.sum((distances < distance) | ((distances == distance) & (ids[block] < id))))
    return closer
