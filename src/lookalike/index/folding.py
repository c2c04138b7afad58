"""When a base gets buckets, and when these are learned anew."""

from __future__ import annotations

from dataclasses import replace

from lookalike.index.bucketed import Bucketed
from lookalike.index.settings import Settings
from lookalike.index.state import Base
from lookalike.index.tune import tuned

FOLD_SHARE = 0.2
"""When tail and removed rows are more than this share of the base, they are folded into a new base."""

REFIT_GROWTH = 2
"""When a base has this many times the rows that its family was fitted to, or so many times fewer, it is refitted."""


def with_buckets(base: Base, settings: Settings, before: Bucketed | None = None) -> Base:
    """Return `base` with buckets, where it is large enough for them.

    Args:
        before: the buckets of the base that this one grew from.
    """
    rows = len(base.ids)
    if rows < max(1, settings.scan_below) or settings.recall == 1:
        return base
    if before is not None and before.fitted_rows / REFIT_GROWTH < rows < before.fitted_rows * REFIT_GROWTH:
        return replace(base, bucketed=before.rehashed(base.vectors))
    bucketed = Bucketed.fitted(base.vectors, settings)
    return replace(base, bucketed=tuned(bucketed, base.vectors, base.ids, settings.seed))
