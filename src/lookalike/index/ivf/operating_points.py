"""The ways to search an inverted file that were measured, and the choice among them when a recall is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Self

from lookalike.errors import OptionError
from lookalike.index.reports import restored

KEPT_CHOICES = 1024


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One way to search, and what was measured of it."""

    k: int
    probes: int
    reach: float
    """How much farther than its nearest bucket a query looks; see `InvertedFile.search`."""
    rerank: int
    margin: float
    """How much farther than the k-th estimate rows are compared."""
    recall: float
    """Mean recall@k over the sampled queries."""
    error: float
    """Standard error of that mean."""
    floor: float
    """The recall of the farther half of the neighbours, less its standard error. The nearer ones may be copies of one
    picture, which queries that are not among the rows have none of."""
    rows: float
    """Mean rows whose distance is estimated for a query."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an inverted file measured: for each k of a few, settings of growing cost and recall."""

    queries: int
    settings: tuple[OperatingPoint, ...]
    _chosen: dict[tuple[int, float], OperatingPoint | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def choose(self, k: int, recall: float) -> OperatingPoint | None:
        """Return the cheapest setting that should reach `recall` at `k`; None where none does, and a scan is due.

        It is what was measured for the next larger k, which it says. Beyond the largest, probes and rows grow with k.
        """
        asked = (k, recall)
        try:
            return self._chosen[asked]  # looking through the settings would take as long as a quick search
        except KeyError:
            if len(self._chosen) >= KEPT_CHOICES:
                self._chosen.clear()
            chosen = self._chosen[asked] = self._choose(k, recall)
            return chosen

    def _choose(self, k: int, recall: float) -> OperatingPoint | None:
        measured = sorted({setting.k for setting in self.settings})
        if not measured:
            return None
        at = next((known for known in measured if known >= k), measured[-1])
        growth = max(1.0, k / at)
        for setting in self.settings:
            if setting.k == at and setting.floor >= recall:
                return replace(
                    setting,
                    k=max(k, at),
                    probes=math.ceil(setting.probes * growth),
                    rerank=math.ceil(setting.rerank * growth),
                    rows=setting.rows * growth,
                )
        return None

    def to_json(self) -> dict[str, Any]:
        """Return types that JSON has."""
        return {
            "queries": self.queries,
            "settings": [list(astuple(setting)) for setting in self.settings],
        }

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """Return what `to_json` was taken of. Raises OptionError where it is something else."""
        queries = parts.get("queries")
        if type(queries) is not int or queries < 0:
            raise OptionError("measurements are damaged; build the index again")
        return cls(queries, restored(OperatingPoint, parts.get("settings")))
