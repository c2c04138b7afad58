"""What tuning found, and how it is told: as a table, as a plot in text, as a picture, as JSON."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import OutputError
from lookalike.index.lsh.drawing import Point, as_svg, as_text
from lookalike.index.lsh.tuner import Choice

TOLD_APART = ("tables", "seed", "table_size")
"""Parameters that the table has in a column of their own, or leaves out."""


@dataclass(frozen=True, slots=True)
class TunedFamily(Choice):
    """A choice, and how long a query takes with it; `spec` is to be given to `Index.build(family=...)`."""

    microseconds: float
    """The processor's time of a query in a batch, as steps took on this machine with rows that lie in its cache."""

    def told(self) -> str:
        """Return the parameters of a table as people read them."""
        parts = []
        for name, value in self.spec.parameters.items():
            if name not in TOLD_APART:
                parts.append(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}")
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return all this as JSON types."""
        return asdict(self) | {"spec": self.spec.to_json()}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What `tune_family` found. As text it is the trade-off, a line a choice, and a plot.

    Attributes:
        choice: the one of least cost that is predicted to reach the recall; where none does, that of the highest.
        reached: whether it does, with less than a quarter of the rows as candidates.
        recall: what was asked for.
        rows: how many rows it is for.
        trade_off: the best choices for other recalls, as far as these can be reached, ascending.
    """

    choice: TunedFamily
    reached: bool
    recall: float
    rows: int
    trade_off: tuple[TunedFamily, ...]

    def __str__(self) -> str:
        """Return a table, in which the choice is marked, and a plot of recall over candidates."""
        return f"{self.table()}\n\n{as_text(self._points())}"

    def table(self) -> str:
        """Return the trade-off, a line a choice; the one that was chosen is marked."""
        lines = [
            f"  {'recall':>6}  {'+-':>5}  {'tables':>6}  {'probes':>6}  {'candidates':>10}  {'of all':>6}"
            f"  {'MB':>7}  {'us':>7}  parameters"
        ]
        lines += [
            f"{'*' if each == self.choice else ' '} {each.recall:>6.3f}  {each.error:>5.3f}  {each.tables:>6}"
            f"  {each.probes:>6}  {each.candidates:>10,.0f}  {each.share:>6.1%}  {each.bytes / 1e6:>7.1f}"
            f"  {each.microseconds:>7,.0f}  {each.told()}"
            for each in self.trade_off
        ]
        if not self.reached:
            lines.append(
                f"Nothing that was tried reaches a recall of {self.recall:g} by less than 25 % of the rows."
            )
        return "\n".join(lines)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write a picture of recall over candidates. Raises OutputError where that cannot be done."""
        title = f"{self.choice.spec.name}, {self.rows:,} rows"
        try:
            Path(path).write_text(as_svg(title, self._points()), encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{os.fspath(path)} cannot be written ({error.strerror}); write it elsewhere"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return all this as JSON types."""
        return {
            "recall": self.recall,
            "reached": self.reached,
            "rows": self.rows,
            "choice": self.choice.to_json(),
            "trade_off": [each.to_json() for each in self.trade_off],
        }

    def _points(self) -> list[Point]:
        return [
            Point(
                each.share,
                each.recall,
                each.error,
                f"{each.tables} tables, {each.told()}",
                each == self.choice,
            )
            for each in self.trade_off
        ]
