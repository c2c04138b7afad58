"""What the steps of a search take on this machine, timed on a sample of the rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.arrays import DISCRETE, Int64, Rows
from lookalike.buckets import Header, MemoryBuckets
from lookalike.hashing import Family
from lookalike.index.build_steps import sketched
from lookalike.index.exact_rows import ExactRows
from lookalike.index.io.sinks import MemorySinks
from lookalike.index.lsh.lift import Lift
from lookalike.index.lsh.neighbours import K, drawn_rows
from lookalike.index.lsh.tuning import RERANKED
from lookalike.index.options import Options
from lookalike.index.sketches.rotation import Rotation
from lookalike.index.sketches.sketched_rows import SketchedRows

ROWS, QUERIES, TURNS = 4_096, 128, 3


@dataclass(frozen=True, slots=True)
class Rates:
    """Microseconds that a query in a batch takes of the processor's time."""

    query: float
    """Whatever it probes."""
    table: float
    """To hash the query for a table."""
    probe: float
    """To find the key of one more bucket, and the bucket."""
    entry: float
    """To count an entry of a bucket."""
    candidate: float
    """To estimate a candidate's distance by its sketch; of codes and sets, to compare it."""

    def microseconds(self, tables: int, probes: int, entries: float, candidates: float) -> float:
        """Return what a query takes that does so much; `probes` are a table's."""
        probing = tables * (self.table + self.probe * probes)
        return self.query + probing + self.entry * entries + self.candidate * candidates


def timed_rates(family: Family, kept: Rows, lift: Lift, probes: int, seed: int) -> Rates:
    """Return what a search of some of the rows `kept` (s, d) takes in buckets of the fitted `family`.

    These rows lie in the processor's cache, as those of a large index do not: there a search takes longer.
    """
    kept = drawn_rows(kept, ROWS)
    queries = drawn_rows(kept, QUERIES)
    asked, count = lift.queries(queries), len(queries)
    store = MemoryBuckets()
    header = Header(stamp=0, tables=family.table_uuids(), properties={})
    store.fill(header, [(np.arange(len(kept)), family.keys(lift.rows(kept)))])
    keys = family.probe_keys(asked, probes)
    nowhere = np.random.default_rng(seed).integers(2**63, 2**64, keys.shape, dtype=np.uint64)
    one = _fastest(lambda: family.probe_keys(asked, 1))
    all_keys = _fastest(lambda: family.probe_keys(asked, probes))
    missing = _fastest(lambda: store.candidates(nowhere, limit=len(kept)))
    meeting = _fastest(lambda: store.candidates(keys, limit=len(kept)))
    entries = int(store.candidates(keys, limit=len(kept)).hits.sum())
    rows = _comparing(kept, lift, seed)

    def compared(each: int) -> float:
        positions: Int64 = np.tile(np.arange(each), count)
        offsets = np.arange(count + 1) * each
        return _fastest(lambda: rows.nearest(queries, offsets, positions, K, RERANKED))

    few = min(RERANKED, len(kept))
    least, most = compared(few), compared(len(kept))
    candidate = max(0.0, most - least) / max(1, len(kept) - few)
    return Rates(
        query=max(0.0, least - few * candidate) / count,
        table=one / (count * family.tables),
        probe=(max(0.0, all_keys - one) + missing) / keys.size,
        entry=max(0.0, meeting - missing) / max(1, entries),
        candidate=candidate / count,
    )


def _comparing(kept: Rows, lift: Lift, seed: int) -> SketchedRows | ExactRows:
    """Return the rows as an index of them compares candidates."""
    ids = np.arange(len(kept))
    if lift.metric in DISCRETE:
        return ExactRows(lift.metric, kept, ids)
    options = Options.of(
        metric=lift.metric,
        dimension=kept.shape[1],
        recall=1.0,
        seed=seed,
        scan_below=None,
        family=None,
        dtype="float32",
    )
    rotation = Rotation.fitted(kept, seed)
    vectors = MemorySinks().array("vectors", kept.dtype, kept.shape)
    vectors.put_run(0, kept)
    whole = np.array([0, len(kept)])
    return sketched(options, rotation.mean[np.newaxis], whole, vectors, ids, rotation, MemorySinks(), 1)


def _fastest(run: Callable[[], Any]) -> float:
    """Return the processor's microseconds of the fastest of some runs, after one that loads what it needs."""
    run()
    times = []
    for _ in range(TURNS):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return 1e6 * min(times)
