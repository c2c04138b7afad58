"""The ways to search an inverted file that were measured, and the choice among them when a recall is asked."""

from __future__ import annotations

import bisect
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
    """The recall that is promised: half that error less."""
    rows: float
    """Mean rows whose distance is estimated for a query."""


@dataclass(frozen=True, slots=True)
class _Far:
    """What is saved of `Tuning.far`."""

    k: int
    distance: float


@dataclass(frozen=True, slots=True)
class Wide:
    """From where on a query has too many buckets about as near as its nearest to be like the rows."""

    breadth: float
    """How much farther than the nearest counts; as `OperatingPoint.reach`."""
    most: int
    """So many ordinary queries have at most."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an inverted file measured: for each k of a few, settings of growing cost and recall."""

    queries: int
    settings: tuple[OperatingPoint, ...]
    copies: float = 0.0
    """The share of them that have near-copies among the rows, which recalls leave out."""
    far: tuple[tuple[int, float], ...] = ()
    """For some growing k, the distance beyond which hardly any of the queries had their k-th neighbour."""
    spread: float = 0.0
    """The mean squared distance of rows to their centroids when these were learned; 0 until rows are folded in."""
    changed: int = 0
    """Rows that came or went since this was measured."""
    wide: Wide | None = None
    """None where no number of buckets tells."""
    _chosen: dict[tuple[int, float], OperatingPoint | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def choose(self, k: int, recall: float) -> OperatingPoint | None:
        """Return the cheapest setting that should reach `recall` at `k`; None where none does, and a scan is due.

        Between two k that were measured it lies between their settings. Beyond the largest, probes and rows grow
        with k.
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
        above = bisect.bisect_left(measured, k)
        if above == len(measured):
            return self._grown(k, self._at(measured[-1], recall))
        larger = self._at(measured[above], recall)
        smaller = self._at(measured[above - 1], recall) if above else None
        if larger is None or smaller is None or larger.k == k:
            return None if larger is None else replace(larger, k=k)
        share = math.log(k / smaller.k) / math.log(larger.k / smaller.k)
        return _between(smaller, larger, k, share, (k - smaller.k) / (larger.k - smaller.k))

    def _at(self, k: int, recall: float) -> OperatingPoint | None:
        """Return the cheapest setting measured for `k` that promises more, brought nearer to one that promises less.

        That one has as many probes, or as many rows are compared: between two that differ in both, recall is above
        the line from one to the other.
        """
        known = [one for one in self.settings if one.k == k]
        above = next((place for place, one in enumerate(known) if one.floor >= recall), None)
        if not above:
            return None if above is None else known[0]
        after, less = known[above], known[above - 1 :: -1]
        alike = (one for one in less if one.probes == after.probes or one.rerank == after.rerank)
        before = next(alike, less[0])
        share = (recall - before.floor) / (after.floor - before.floor)
        return _between(before, after, k, share, share)

    @staticmethod
    def _grown(k: int, setting: OperatingPoint | None) -> OperatingPoint | None:
        if setting is None:
            return None
        growth = k / setting.k
        return replace(
            setting,
            k=k,
            probes=math.ceil(setting.probes * growth),
            rerank=math.ceil(setting.rerank * growth),
            rows=setting.rows * growth,
        )

    def farthest(self, k: int) -> float:
        """Return the distance beyond which a query with its k-th neighbour is not like the rows, inf if unknown."""
        above = bisect.bisect_left(self.far, (k,))
        return self.far[above][1] if above < len(self.far) else math.inf

    def to_json(self) -> dict[str, Any]:
        """Return types that JSON has."""
        return {
            "queries": self.queries,
            "copies": self.copies,
            "far": [list(pair) for pair in self.far],
            "wide": [list(astuple(self.wide))] if self.wide else [],
            "spread": self.spread,
            "changed": self.changed,
            "settings": [list(astuple(setting)) for setting in self.settings],
        }

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Self:
        """Return what `to_json` was taken of. Raises OptionError where it is something else."""
        queries = parts.get("queries")
        copies, far = parts.get("copies", 0.0), parts.get("far", [])  # which earlier versions did not tell
        spread, changed = parts.get("spread", 0.0), parts.get("changed", 0)
        if type(spread) is not float or not 0 <= spread < math.inf or type(changed) is not int or changed < 0:
            raise OptionError("measurements are damaged; build the index again")
        if type(queries) is not int or queries < 0 or type(copies) is not float or not 0 <= copies <= 1:
            raise OptionError("measurements are damaged; build the index again")
        pairs, wide = restored(_Far, far), restored(Wide, parts.get("wide", []))
        if len(wide) > 1:
            raise OptionError("measurements are damaged; build the index again")
        return cls(
            queries,
            restored(OperatingPoint, parts.get("settings")),
            copies,
            tuple((pair.k, pair.distance) for pair in pairs),
            spread,
            changed,
            wide[0] if wide else None,
        )


def _between(
    first: OperatingPoint, second: OperatingPoint, k: int, share: float, deeper: float
) -> OperatingPoint:
    """Return a setting for `k` that has a share of the second and the rest of the first; `deeper` of its rerank."""

    def mean(name: str, weight: float = share) -> float:
        low, high = getattr(first, name), getattr(second, name)
        return float(low + weight * (high - low))

    return OperatingPoint(
        k=k,
        probes=round(mean("probes")),
        reach=mean("reach"),
        rerank=max(k, round(mean("rerank", deeper))),
        margin=mean("margin"),
        recall=mean("recall"),
        error=mean("error"),
        floor=mean("floor"),
        rows=mean("rows"),
    )
