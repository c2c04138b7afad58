"""Answers a search from one state: buckets or scan of the base, scan of the tail, one allow-list over both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Bool, Float32, Int64, as_array, as_ids
from lookalike.index.approximate import Answer, RowMask
from lookalike.index.io.mapping import is_mapped, release
from lookalike.index.options import Options
from lookalike.index.scan import merge, scan
from lookalike.index.snapshot import Snapshot

RELEASED_BYTES = 256 << 20
"""A base of more bytes in a file is let go of whenever so much of it has been looked at."""
PAGES_BYTES = 64 << 10
"""What the system maps around a row that is looked at."""
LOOKED_UP_SHARE = 64
"""Where more than one in so many rows is allowed, one pass over all of them is quicker than looking these up."""
SPREAD = 16
"""Many allowed ids are made a mask where the greatest is less than so many times the rows."""


def answer(
    state: Snapshot,
    settings: Options,
    queries: Float32,
    k: int,
    recall: float,
    limit: float,
    allow: npt.NDArray[Any] | Sequence[int] | None,
    threads: int,
) -> Answer:
    """Return the ids and distances (q, k) that `Index.search` returns.

    Args:
        queries: (q, d), of length one under cosine.
        limit: rows farther than this are left out.
    """
    shown = None if allow is None else _shown(state, allow)
    base, split = state.base, len(state.base.ids)
    found: Answer | None = None
    few = shown is not None and np.count_nonzero(shown) < settings.scan_below
    if base.buckets is not None and not few and recall < 1:
        visible = state.visible if shown is None else base.buckets.visible(shown[:split])
        found = _from_buckets(state, queries, k, recall, visible, limit, threads)
    if found is None:
        if shown is None and state.removed_rows:
            shown = state.alive
        rows = None if shown is None else np.flatnonzero(shown[:split])
        found = scan(queries, base.vectors, base.ids, k, settings.metric, rows, base.squares)
        release(base.vectors)
    elif len(state.tail_ids) == 0:
        return found
    if len(state.tail_ids):
        here = (state.alive if shown is None else shown)[split:]
        rows = None if here.all() else np.flatnonzero(here)
        vectors, ids, squares = state.tail_vectors, state.tail_ids, state.tail_squares
        found = merge(found, scan(queries, vectors, ids, k, settings.metric, rows, squares))
    if limit < np.inf:
        far = ~(found[1] <= limit)
        found[0][far], found[1][far] = -1, np.inf
    return found


def _from_buckets(
    state: Snapshot,
    queries: Float32,
    k: int,
    recall: float,
    visible: RowMask | None,
    limit: float,
    threads: int,
) -> Answer | None:
    """Ask the base's buckets, a few queries at a time where the rows lie in a large file."""
    buckets, vectors = state.base.buckets, state.base.vectors
    if buckets is None:
        return None
    if vectors.nbytes < 2 * RELEASED_BYTES or not is_mapped(vectors):
        return buckets.search(queries, k, recall, visible, limit, threads)
    chosen = buckets.measurement(k, recall)
    if chosen is None:
        return None
    row_bytes = vectors.itemsize * vectors.shape[1] + PAGES_BYTES
    step = max(1, RELEASED_BYTES // (row_bytes * max(2 * chosen.rerank, k)))
    parts = []
    for start in range(0, len(queries), step):
        part = buckets.search(queries[start : start + step], k, recall, visible, limit, threads)
        release(vectors)
        if part is None:
            return None
        parts.append(part)
    if not parts:
        return np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32)
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
