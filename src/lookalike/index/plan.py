"""Whether buckets are probed or rows scanned, and how far: decided here, and asked wherever it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from lookalike.index.approximate import Answer
from lookalike.index.options import Options
from lookalike.index.reports import RecallMeasurement
from lookalike.index.snapshot import Snapshot

FOLD_SHARE = 0.1
"""When tail and removed rows are more than this share of the base, they are folded into a new base."""


class Measured(Protocol):
    """Buckets whose recall was measured."""

    def measurement(self, k: int, recall: float) -> RecallMeasurement | None:
        """Return what a search for `k` at `recall` would use, and what was measured of it; None for a scan."""
        ...


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How a search goes.

    Attributes:
        k: neighbours wanted.
        recall: the recall@k to aim at.
        chosen: what was measured of the operating point that is taken; None where every row is compared.
        reason: why it goes that way, in one clause.
    """

    k: int
    recall: float
    chosen: RecallMeasurement | None
    reason: str

    @classmethod
    def of(
        cls,
        buckets: Measured | None,
        options: Options,
        k: int,
        recall: float,
        *,
        shown: int | None = None,
    ) -> Self:
        """Return the plan of a search; `shown` is the number of rows that a filter leaves.

        Args:
            buckets: what may be probed; None where there is nothing of the kind.
        """
        chosen = None
        if recall == 1:
            reason = "a recall of 1 is asked for"
        elif buckets is None:
            reason = f"there are fewer than {options.scan_below} rows"
        elif shown is not None and shown < options.scan_below:
            reason = f"the filter leaves fewer than {options.scan_below} rows"
        elif (chosen := buckets.measurement(k, recall)) is None:
            reason = "no number of probes that was measured reaches this recall with less than a scan"
        elif options.scan_below:
            reason = f"there are {options.scan_below} rows or more"
        else:
            reason = "buckets are probed however few rows there are"
        return cls(k, recall, chosen, reason)


def within_limit(answer: Answer, limit: float) -> Answer:
    """Return `answer`, which is changed, without the rows that are farther than `limit`."""
    if limit < np.inf:
        far = ~(answer[1] <= limit)
        answer[0][far], answer[1][far] = -1, np.inf
    return answer


def wants_buckets(rows: int, options: Options) -> bool:
    """Return whether a base of that number of rows is given buckets."""
    return rows >= max(1, options.scan_below) and options.recall < 1


def is_fold_due(snapshot: Snapshot, options: Options) -> bool:
    """Return whether tail and removed rows should be folded into a new base."""
    if not snapshot.count or options.recall == 1:
        return False
    if snapshot.base.buckets is None:
        return wants_buckets(snapshot.count, options)
    return snapshot.loose_share > FOLD_SHARE
