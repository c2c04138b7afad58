"""What searches through buckets find of what is nearest: recall against the exact rankings."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import numpy as np

from lookalike.arrays import Float64, Int64
from lookalike.evaluation.measures import Figure, precision
from lookalike.evaluation.measuring import Measuring
from lookalike.evaluation.neighbours import FeatureRows, without
from lookalike.evaluation.report import IndexRow
from lookalike.hashing import FamilySpec
from lookalike.index import Index, IndexView

QUERIES = 256
"""Queries that are asked together."""


def measured(
    rows: FeatureRows,
    view: IndexView,
    family: str,
    exact: Int64,
    measuring: Measuring,
    *,
    is_own: bool = True,
) -> IndexRow:
    """Return what a search through an index finds of the exact rankings (q, m), m >= k, padded with -1."""
    k, queries = measuring.k, measuring.queries
    found = np.concatenate(
        [_found(rows, view, queries[start : start + QUERIES], k) for start in range(0, len(queries), QUERIES)]
    )
    return IndexRow(
        feature=rows.record.name,
        family=family,
        is_own=is_own,
        path=view.stats().path,
        recall=Figure.of(share_found(exact[:, :k], found)),
        precision=Figure.of(precision(measuring.grades(found), k)),
    )


def built(rows: FeatureRows, family: FamilySpec, exact: Int64, measuring: Measuring) -> IndexRow:
    """Return what a search finds through an index with this family, which is built for it and goes away again."""
    record = rows.record
    with TemporaryDirectory(prefix="lookalike-") as folder:
        index = Index.build_from_blocks(
            rows.blocks(),
            folder,
            dimension=record.dimension,
            metric=record.metric,
            family=family,
            scan_below=0,
        )
        try:
            return measured(rows, index.view(), family.name, exact, measuring, is_own=False)
        finally:
            index.close()


def share_found(exact: Int64, found: Int64) -> Float64:
    """Return the share of the numbers in each row of `exact` (q, k) that are in that of `found` (q, m), -1 for none."""
    there = (exact[:, :, np.newaxis] == found[:, np.newaxis, :]).any(axis=2) & (exact >= 0)
    share: Float64 = there.sum(axis=1) / np.maximum((exact >= 0).sum(axis=1), 1)
    return share


def _found(rows: FeatureRows, view: IndexView, queries: Int64, k: int) -> Int64:
    return without(queries, *view.search(rows.of(queries), k + 1))[0]
