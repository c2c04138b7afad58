"""Among which rows, and how near, neighbours are looked for: by probing buckets, or by comparing all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lookalike.arrays import Float32, Int64
from lookalike.index.approximate import Answer, RowMask
from lookalike.index.ivf.inverted_file import InvertedFile
from lookalike.index.ivf.operating_points import OperatingPoint, Wide
from lookalike.index.ivf.tuning import cost, filtered_scan_cost, scan_cost
from lookalike.index.scan import scan

MOSTLY = 0.9
"""Where more than this share is visible, as after rows were removed, no more buckets are probed for it."""


@dataclass(frozen=True, eq=False)
class Scope:
    """The rows of an inverted file that one search may find."""

    inverted_file: InvertedFile
    usual: OperatingPoint
    """The setting for the search without a filter; under one, at least as many rows are compared."""
    wide: Wide | None
    """What `probed` fills `reached` by."""
    visible: RowMask | None
    """The rows that may be found; None for all."""
    max_distance: float
    """Rows that are farther may be left out."""
    threads: int

    def probed(
        self,
        queries: Float32,
        k: int,
        setting: OperatingPoint,
        *,
        most_hidden: int = 0,
        hidden: Int64 | None = None,
        reached: Int64 | None = None,
    ) -> Answer:
        """Return what a setting finds; see `InvertedFile.search`."""
        return self.inverted_file.search(
            queries,
            k,
            setting.probes,
            self._rerank(setting),
            reach=setting.reach,
            margin=setting.margin if self.visible is None else max(self.usual.margin, setting.margin),
            visible=None if self.visible is None else self.visible.mask,
            beyond=beyond(self.usual, self.visible),
            most_hidden=most_hidden,
            hidden=hidden,
            breadth=self.wide.breadth if self.wide else -1.0,
            reached=reached,
            max_distance=self.max_distance,
            threads=self.threads,
        )

    def scanned(self, queries: Float32, k: int) -> Answer:
        """Return the exact neighbours."""
        sketched = self.inverted_file.sketched
        rows = None if self.visible is None else np.flatnonzero(self.visible.rows)
        return scan(queries, sketched.vectors, sketched.ids, k, sketched.metric, rows)

    def is_scan_quicker(self, setting: OperatingPoint, k: int) -> bool:
        """Whether to compare all rows takes less time than a setting."""
        sketched = self.inverted_file.sketched
        taken = cost(sketched, setting.probes, setting.rows, self._rerank(setting))
        if self.visible is None:
            return taken >= scan_cost(sketched, k)
        return taken > filtered_scan_cost(sketched, int(np.count_nonzero(self.visible.rows)))

    def _rerank(self, setting: OperatingPoint) -> int:
        """Return how many rows are compared: of those that it was measured with, the visible share."""
        if self.visible is None:
            return setting.rerank
        return max(self.usual.rerank, math.ceil(self.visible.share * setting.rerank))


def beyond(usual: OperatingPoint | None, visible: RowMask | None) -> int:
    """Return what `InvertedFile.search` is told of a filter, given the setting for a search without one."""
    return 0 if usual is None or visible is None or visible.share > MOSTLY else usual.probes
