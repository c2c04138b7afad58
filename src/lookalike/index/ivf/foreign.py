"""Queries that are not like the rows, about which recalls that were measured on rows say little.

They are told by what they find, or by where they lie. Either their neighbours are farther than those of nearly all
rows. Or many times the usual number of buckets are about as near to them as the nearest, as in many dimensions all are
to a point that is none of their own: ordinary queries have a few times the usual number at most.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.index.approximate import Answer
from lookalike.index.ivf.operating_points import OperatingPoint, Wide
from lookalike.index.ivf.scope import Scope
from lookalike.index.sketches.sketched_rows import Bool

FARTHER, DEEPER = 4, 2.5
"""So many times the buckets and rows are looked at next for a foreign query."""
JUDGED = 5
"""At least so many neighbours are looked for: whether one alone is found says little of the next."""

Looked = list[tuple[Int64, OperatingPoint | None]]
"""Which queries were searched by which setting, one after another; None where all rows were compared."""


def foreign(distances: Float32, reached: Int64, far: float, wide: Wide | None) -> Bool | None:
    """Return whether queries are foreign, (q,); None where none is.

    Args:
        distances: (q, k), of what they found.
        reached: (q,), the buckets about as near as their nearest.
        far: the distance beyond which ordinary queries do not have their last neighbour.
        wide: what tells them by `reached`.
    """
    last = distances[:, -1]
    most = math.inf if wide is None else wide.most
    if len(last) == 1 and not (far < last[0] < np.inf or reached[0] > most):  # is told sooner than by arrays
        return None
    is_foreign: Bool = ((last > far) & (last < np.inf)) | (reached > most)
    return is_foreign if is_foreign.any() else None


def look_farther(
    scope: Scope, queries: Float32, k: int, setting: OperatingPoint, found: Answer, lacking: float
) -> Looked:
    """Put better answers into `found` (q, k) for foreign queries, and return what was tried.

    They are searched again by settings that grow from the one that is given, until the answer before has all but
    the share `lacking` of the one after it; or all rows are compared, where that is quicker.
    """
    ids, distances = found
    left, looked = np.arange(len(queries)), Looked()
    buckets, rows = len(scope.inverted_file.sketched.centroids), len(scope.inverted_file.sketched)
    while len(left):
        setting = replace(
            setting,
            probes=min(FARTHER * setting.probes, buckets),
            reach=FARTHER * setting.reach,
            rerank=min(round(DEEPER * setting.rerank), rows),
            margin=DEEPER * setting.margin,
            rows=min(FARTHER * setting.rows, rows),
        )
        if scope.is_scan_quicker(setting, k):
            ids[left], distances[left] = scope.scanned(queries[left], k)
            looked.append((left, None))
            break
        better = scope.probed(queries[left], k, setting)
        is_there = np.isfinite(better[1])
        kept = np.count_nonzero(is_there & (distances[left] <= better[1][:, -1:]), axis=1)
        ids[left], distances[left] = better
        looked.append((left, setting))
        left = left[kept < (1 - lacking) * np.count_nonzero(is_there, axis=1)]
    return looked
