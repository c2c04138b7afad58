"""What an evaluation found, and how it is told: as tables, as a picture, as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import OutputError
from lookalike.evaluation.chart import Bar, Line, as_svg
from lookalike.evaluation.measures import Figure

Weights = Mapping[str, float]
MOST_TOLD = 4
"""The weights of so many features have room in a line of the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way to compare, by an exact search: a feature alone, or several by weights."""

    name: str
    weights: Weights
    precision: Figure
    """Share of the first k that are relevant."""
    average_precision: Figure
    """Its mean is mAP."""
    recall: Figure
    """Share of what is relevant that is among the first k."""
    ndcg: Figure | None
    """Of the first k; None where there are no grades but relevant and not."""
    gain: Figure
    """How much higher its precision is than that of the best feature alone, query by query."""

    @property
    def is_feature(self) -> bool:
        """Whether it is one feature alone."""
        return tuple(self.weights) == (self.name,)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two features of one extractor, such as one network that is given pictures in two ways; the better one first."""

    first: str
    second: str
    precision: Figure
    """How much higher the precision of the first is, query by query."""
    average_precision: Figure
    """How much higher its average precision is."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What a search through the buckets of a feature finds."""

    feature: str
    family: str
    is_own: bool
    """Whether it is the feature's own index; else it was built for the evaluation."""
    path: str
    """"scan" where every row is compared, else "buckets"."""
    recall: Figure
    """Share of the exact first k that is found."""
    precision: Figure
    """Share of the first k that are relevant."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Weights to search with, and what they are worth.

    Attributes:
        weights: of the features to compare; one alone where no weights of several do better on held out queries.
        precision: on queries that had no part in the choice, by cross-validation.
        gain: how much higher that is than of the best feature alone, query by query.
        folds: of the cross-validation.
    """

    weights: Weights
    precision: Figure
    gain: Figure
    folds: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The precision of two features together, by the weight of the second, the two weights summing to one."""

    first: str
    second: str
    points: tuple[tuple[float, Figure], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `Collection.evaluate` found. As text it is tables for people.

    Attributes:
        relevance: what says that sources are relevant, as in "75 labels by articleType".
        sources: how many there are.
        queries: of how many the figures are means.
        k: of precision, recall and nDCG.
        depth: where rankings are cut for average precision.
        rows: each feature alone, the best first, then several together.
        pairs: features of one extractor, each two compared with each other.
        indexes: each feature through its own buckets, and through those of the families that were asked for.
        proposal: weights to search with; None where there is one feature, or one query.
        curve: of two features; else None.
        notes: sentences about what was left out or is not known.
    """

    relevance: str
    sources: int
    queries: int
    k: int
    depth: int
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    indexes: tuple[IndexRow, ...]
    proposal: Proposal | None
    curve: Curve | None
    notes: tuple[str, ...]

    @property
    def best(self) -> str:
        """The best feature alone."""
        return self.rows[0].name

    def __str__(self) -> str:
        """Return tables, each difference with its standard error, and the proposal in words."""
        parts = [f"{self.title()}, each left out of its own answer", self._rows_told()]
        if self.pairs:
            parts.append(self._pairs_told())
        if self.indexes:
            parts.append(self._indexes_told())
        if self.proposal is not None:
            parts.append(self._proposal_told(self.proposal))
        return "\n\n".join(parts)

    def title(self) -> str:
        """Return what the figures are of."""
        return f"{self.relevance}: {self.queries:,} queries among {self.sources:,} sources"

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Draw the figures with their standard errors. Raises OutputError where that cannot be done."""
        measures = [name for name, _ in self._figures(self.rows[0])]
        bars = [
            Bar(row.name, [figure for _, figure in self._figures(row)], row.is_feature) for row in self.rows
        ]
        line = None
        if self.curve is not None:
            chosen = self.proposal.weights.get(self.curve.second, 0.0) if self.proposal is not None else None
            title = f"precision@{self.k} by the weight of {self.curve.second} beside {self.curve.first}"
            line = Line(title, self.curve.points, chosen)
        try:
            Path(path).write_text(as_svg(self.title(), measures, bars, line), encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{os.fspath(path)} cannot be written ({error.strerror}); write it elsewhere"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return all this as JSON types."""
        return asdict(self)

    def _figures(self, row: Row) -> Iterator[tuple[str, Figure]]:
        yield f"precision@{self.k}", row.precision
        yield "mAP", row.average_precision
        yield f"recall@{self.k}", row.recall
        if row.ndcg is not None:
            yield f"nDCG@{self.k}", row.ndcg

    def _rows_told(self) -> str:
        measures = [name for name, _ in self._figures(self.rows[0])]
        head = [
            "",
            *(part for name in measures for part in (name, "+-")),
            f"precision against {self.best}",
            "",
        ]
        lines = []
        for row in self.rows:
            figures = [part for _, figure in self._figures(row) for part in _figure(figure)]
            gain = "" if row.name == self.best else _difference(row.gain)
            told = 1 < len(row.weights) <= MOST_TOLD
            lines.append([row.name, *figures, gain, _weights(row.weights) if told else ""])
        return _table(head, lines, numbers=2 * len(measures))

    def _pairs_told(self) -> str:
        head = ["of one extractor", f"precision@{self.k}", "mAP"]
        lines = [
            [
                f"{pair.first} against {pair.second}",
                _difference(pair.precision),
                _difference(pair.average_precision),
            ]
            for pair in self.pairs
        ]
        return _table(head, lines, numbers=0)

    def _indexes_told(self) -> str:
        through = [row for row in self.indexes if row.path == "buckets"]
        scanned = [f"{row.feature} ({_buckets(row)})" for row in self.indexes if row.path == "scan"]
        parts = []
        if through:
            head = ["buckets of", "recall", "+-", f"precision@{self.k}", "+-", ""]
            lines = [
                [row.feature, *_figure(row.recall), *_figure(row.precision), _buckets(row)] for row in through
            ]
            parts.append(_table(head, lines, numbers=4))
        if scanned:
            parts.append(f"Searches that compare every row, and lose nothing: {', '.join(scanned)}.")
        return "\n\n".join(parts)

    def _proposal_told(self, proposal: Proposal) -> str:
        held_out = f"by cross-validation ({proposal.folds} folds over the queries)"
        if len(proposal.weights) == 1:
            return (
                f"Proposed: {self.best} alone; no weights of several find more {held_out}, where it has "
                f"{proposal.precision.mean:.3f}."
            )
        told = (
            f"Proposed: {_weights(proposal.weights)}. Precision@{self.k} of {proposal.precision.mean:.3f} {held_out}, "
            f"against {self.rows[0].precision.mean:.3f} of {self.best} alone: {_difference(proposal.gain)}."
        )
        return f"{told} {self.best} alone is as good and quicker." if proposal.gain.is_noise else told


def _buckets(row: IndexRow) -> str:
    return row.family if row.is_own else f"{row.family}, built beside"


def _figure(figure: Figure) -> tuple[str, str]:
    return f"{figure.mean:.3f}", f"{figure.error:.3f}"


def _weights(weights: Weights) -> str:
    """Return weights as shares of their sum."""
    total = sum(weights.values())
    return ", ".join(f"{name} {weight / total:.2g}" for name, weight in weights.items())


def _difference(gain: Figure) -> str:
    """Return a difference with its standard error, and whether it is more than noise."""
    told = f"{gain.mean:+.4f} +- {gain.error:.4f}"
    return f"{told}, within the noise" if gain.is_noise else told


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> str:
    """Return a table whose second column is the first of so many that hold numbers, which stand to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.rjust(width) if 1 <= place <= numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
