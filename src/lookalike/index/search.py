"""Answers a search from one state: buckets or scan of the base, scan of the tail, one allow-list over both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Float32, Int64, as_array, as_ids
from lookalike.index.approximate import Answer, Estimates, OneSearch, RowMask
from lookalike.index.io.mapping import is_mapped, release
from lookalike.index.options import Options
from lookalike.index.plan import SearchPlan, within_limit
from lookalike.index.reports import RecallMeasurement
from lookalike.index.scan import merge, scan
from lookalike.index.snapshot import Base, Snapshot

KEPT_PLANS = 1024
RELEASED_BYTES = 256 << 20
"""A base of more bytes in a file is let go of whenever so much of it has been looked at."""
PAGES_BYTES = 192 << 10
"""What the system maps around a row that is looked at: 165 kB on Linux 6.18, which keeps files in large pages."""
LOOKED_UP_SHARE = 64
"""Where more than one in so many rows is allowed, one pass over all of them is quicker than looking these up."""
SPREAD = 16
"""Many allowed ids are made a mask where the greatest is less than so many times the rows."""


def answer(
    snapshot: Snapshot,
    options: Options,
    queries: Float32,
    k: int,
    recall: float,
    limit: float,
    allow: npt.NDArray[Any] | Sequence[int] | None,
    threads: int,
    plans: dict[tuple[int, float], SearchPlan],
    estimates: Estimates | None = None,
) -> Answer:
    """Return the ids and distances (q, k) that `Index.search` returns.

    Args:
        queries: (q, d), of length one under cosine.
        limit: rows farther than this are left out.
        plans: of searches of this snapshot without a filter, which are kept here: to make one takes as long as a
            tenth of a quick search.
        estimates: where given, filled; see `Estimates`.
    """
    shown = None if allow is None else _shown(snapshot, allow)
    count = None if shown is None else int(np.count_nonzero(shown))
    base, split = snapshot.base, len(snapshot.base.ids)
    plan = plans.get((k, recall)) if shown is None else None
    if plan is None:
        plan = SearchPlan.of(base.buckets, options, k, recall, shown=count)
        if shown is None and len(plans) < KEPT_PLANS:
            plans[k, recall] = plan
    found: Answer | None = None
    if base.buckets is not None and plan.chosen is not None:
        visible = snapshot.visible if shown is None else base.buckets.visible(shown[:split])
        found = _from_buckets(plan, plan.chosen, base, queries, visible, limit, threads, estimates)
    if found is None:
        if estimates is not None:
            estimates.recalls[:] = 1
        if shown is None and snapshot.removed_rows:
            shown = snapshot.alive
        asked = (queries, base.vectors, base.ids, k, options.metric)
        if shown is None:
            found = base.leading.nearest(*asked)
        if found is None:
            rows = None if shown is None else np.flatnonzero(shown[:split])
            found = scan(*asked, rows, base.squares, threads=threads)
        if base.vectors.nbytes >= RELEASED_BYTES:
            release(base.vectors)
    if len(snapshot.tail_ids):
        here = (snapshot.alive if shown is None else shown)[split:]
        rows = None if here.all() else np.flatnonzero(here)
        vectors, ids, squares = snapshot.tail_vectors, snapshot.tail_ids, snapshot.tail_squares
        near = scan(queries, vectors, ids, k, options.metric, rows, squares, threads=threads)
        found = merge(found, near)
    return within_limit(found, limit)


def one_search(snapshot: Snapshot, options: Options, k: int, recall: float) -> OneSearch | None:
    """Return the quicker way to answer one query without a filter, as `answer` does; None where there is none."""
    base = snapshot.base
    if base.buckets is None or len(snapshot.tail_ids) or snapshot.visible is not None:
        return None
    if _is_let_go(base) or SearchPlan.of(base.buckets, options, k, recall).chosen is None:
        return None
    return base.buckets.one_search(k, recall)


def _is_let_go(base: Base) -> bool:
    """Whether the rows lie in a file so large that what was looked at of it is not kept in memory."""
    return base.vectors.nbytes >= 2 * RELEASED_BYTES and is_mapped(base.vectors)


def _from_buckets(
    plan: SearchPlan,
    chosen: RecallMeasurement,
    base: Base,
    queries: Float32,
    visible: RowMask | None,
    limit: float,
    threads: int,
    estimates: Estimates | None,
) -> Answer | None:
    """Probe the base's buckets, a few queries at a time where the rows lie in a large file."""
    assert base.buckets is not None
    vectors, search = base.vectors, base.buckets.search
    asked = (plan.k, plan.recall, visible, limit, threads)
    if not _is_let_go(base):
        return search(queries, *asked, estimates)
    row_bytes = vectors.itemsize * vectors.shape[1] + PAGES_BYTES
    step = max(1, RELEASED_BYTES // (row_bytes * max(2 * chosen.rerank, plan.k)))
    parts = []
    for start in range(0, len(queries), step):
        some = slice(start, start + step)
        part = search(queries[some], *asked, None if estimates is None else estimates.of(some))
        release(vectors)
        if part is None:
            return None
        parts.append(part)
    if not parts:
        return np.empty((0, plan.k), dtype=np.int64), np.empty((0, plan.k), dtype=np.float32)
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([distances for _, distances in parts])


def _shown(state: Snapshot, allow: npt.NDArray[Any] | Sequence[int]) -> Bool:
    """Return which rows of base and tail are there and allowed."""
    mask, rows = as_array(allow, "allow"), len(state.alive)
    if mask.dtype != np.bool_ or mask.ndim != 1:
        allowed = as_ids(mask, name="allow")
        if len(allowed) <= rows // LOOKED_UP_SHARE or allowed.max() >= SPREAD * rows:
            found = state.find(allowed)
            shown = np.zeros(rows, dtype=np.bool_)
            shown[found[found >= 0]] = True
            return shown
        mask = np.zeros(allowed.max() + 1, dtype=np.bool_)
        mask[allowed] = True
    if not len(mask):
        return np.zeros(rows, dtype=np.bool_)
    ids: Int64 = state.row_ids() if len(state.tail_ids) else state.base.ids
    seen: Bool = mask.take(ids, mode="clip")
    seen &= ids < len(mask)
    seen &= state.alive
    return seen
