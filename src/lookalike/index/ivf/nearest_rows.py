"""The exact nearest rows of rows, by which an inverted file measures itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32, Int64
from lookalike.index.io.mapping import release
from lookalike.index.sketches.sketched_rows import SketchedRows

BLOCK_BYTES = 16 << 20
PENDING = 3
"""So many times the neighbours that are wanted are kept until they are sorted."""


def nearest_rows(sketched: SketchedRows, queries: Float32, own: Int64, k: int) -> tuple[Int64, Float32]:
    """Return the positions (q, k) of the exact nearest rows of each query, its own row left out, and their nearness.

    That is a squared distance less the query's own square about the mean, or under "dot" a negated inner product.
    """
    rows, dimension = sketched.vectors.shape
    if sketched.metric != "dot":
        queries = queries - sketched.rotation.mean
    step = max(k + 1, BLOCK_BYTES // (4 * max(dimension, len(queries))))
    limit: Float32 = np.full(len(queries), np.inf, dtype=np.float32)
    found = _Found(np.empty(0, np.uint16), np.empty(0, np.int64), np.empty(0, np.float32))
    parts, pending = [found], 0
    for start in range(0, rows, step):
        block = sketched.rows_as_hashed(np.arange(start, min(rows, start + step)))
        block -= sketched.rotation.mean
        release(sketched.vectors)
        scores: Float32 = queries @ block.T
        if sketched.metric == "dot":
            np.negative(scores, out=scores)
        else:
            scores *= -2
            scores += np.einsum("ij,ij->i", block, block)
        inside = np.flatnonzero((own >= start) & (own < start + len(block)))
        scores[inside, own[inside] - start] = np.nan  # which is not less than anything, and comes last
        if start == 0 and len(block) > k:
            limit = np.partition(scores, k - 1, axis=1)[:, k - 1]
        near = np.flatnonzero(scores <= limit[:, np.newaxis])
        query, column = np.divmod(near, len(block))
        parts.append(_Found(query.astype(np.uint16), column + start, scores.reshape(-1)[near]))
        pending += len(near)
        if start + step >= rows or pending > PENDING * k * len(queries):
            found = _nearest(parts, len(queries), k)
            parts, pending = [found], len(found.query)
            limit = np.maximum.reduceat(found.score, np.searchsorted(found.query, np.arange(len(queries))))
            limit[np.bincount(found.query, minlength=len(queries)) < k] = np.inf
    return found.position.reshape(len(queries), k), found.score.reshape(len(queries), k)


class _Found(NamedTuple):
    """Some rows, for each (n,) whose they are, which and how near."""

    query: npt.NDArray[np.uint16]
    position: Int64
    score: Float32


def _nearest(parts: Sequence[_Found], queries: int, k: int) -> _Found:
    """Return the `k` nearest rows of each query, nearest first."""
    query, position, score = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(query, kind="stable")  # in linear time, of such short numbers
    ends = np.cumsum(np.bincount(query, minlength=queries))
    kept = []
    for own in np.split(order, ends[:-1]):
        near = own
        if len(own) > k:
            near = own[np.sort(np.argpartition(score[own], k - 1)[:k])]
        kept.append(near[np.argsort(score[near], kind="stable")])
    chosen = np.concatenate(kept)
    return _Found(query[chosen], position[chosen], score[chosen])
