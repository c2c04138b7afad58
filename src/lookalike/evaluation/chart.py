"""The figures of an evaluation as SVG: bars with their standard errors, and precision by the weight of one of two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from lookalike.evaluation.measures import Figure

WIDTH, LEFT, RIGHT, GAP = 760, 20, 20, 24
TOP, ROW, HEAD = 64, 24, 24
LETTER = 6.6
"""About the width of a letter, in pixels."""
CURVE_HEIGHT, CURVE_LEFT = 260, 60
STEPS, MOST_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2), 5
ALONE, TOGETHER, CHOSEN = "#4477aa", "#228833", "#cc3311"


@dataclass(frozen=True, slots=True)
class Bar:
    """A way to compare, with a figure for each measure."""

    name: str
    figures: Sequence[Figure]
    is_feature: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Figures by a weight from 0 to 1, and the weight that was chosen."""

    title: str
    points: Sequence[tuple[float, Figure]]
    chosen: float | None


def as_svg(title: str, measures: Sequence[str], bars: Sequence[Bar], line: Line | None) -> str:
    """Return a picture: a column of bars for each measure, a row for each way to compare, and the line below."""
    bottom = TOP + HEAD + ROW * len(bars) + 16
    height = bottom + (CURVE_HEIGHT + 60 if line is not None else 0)
    body = [f'<text x="{LEFT}" y="28" font-size="15">{escape(title)}</text>', *_bars(measures, bars)]
    if line is not None:
        body += _line(line, bottom + 20)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f"{chr(10).join(body)}\n</svg>\n"
    )


def _bars(measures: Sequence[str], bars: Sequence[Bar]) -> Iterator[str]:
    names = min(LETTER * max(len(bar.name) for bar in bars) + 12, 260)
    column = (WIDTH - LEFT - RIGHT - names) / len(measures)
    for place, measure in enumerate(measures):
        left, room = LEFT + names + place * column, column - GAP - 40
        yield f'<text x="{left:.1f}" y="{TOP}">{escape(measure)}</text>'
        for row, bar in enumerate(bars):
            figure, y = bar.figures[place], TOP + HEAD + ROW * row
            end = left + room * figure.mean
            told = f"{bar.name}: {measure} {figure.mean:.3f}, standard error {figure.error:.3f}"
            colour = ALONE if bar.is_feature else TOGETHER
            yield (
                f'<rect x="{left:.1f}" y="{y - 12}" width="{room * figure.mean:.1f}" height="16" fill="{colour}">'
                f"<title>{escape(told)}</title></rect>"
            )
            low, high = end - room * figure.error, end + room * figure.error
            yield f'<path d="M{low:.1f} {y - 4}H{high:.1f}M{low:.1f} {y - 8}v8M{high:.1f} {y - 8}v8" stroke="black"/>'
            yield f'<text x="{high + 5:.1f}" y="{y}">{figure.mean:.3f}</text>'
    for row, bar in enumerate(bars):
        most = int((names - 12) / LETTER)
        name = bar.name if len(bar.name) <= most else f"{bar.name[: most - 3]}..."
        yield f'<text x="{LEFT}" y="{TOP + HEAD + ROW * row}">{escape(name)}</text>'


def _line(line: Line, top: int) -> Iterator[str]:
    ticks = _ticks(
        min(figure.mean - figure.error for _, figure in line.points),
        max(figure.mean + figure.error for _, figure in line.points),
    )
    low, span = ticks[0], ticks[-1] - ticks[0]
    bottom, right = top + CURVE_HEIGHT, WIDTH - RIGHT

    def across(weight: float) -> float:
        return CURVE_LEFT + (right - CURVE_LEFT) * weight

    def down(value: float) -> float:
        return bottom - (CURVE_HEIGHT - 20) * (value - low) / span

    yield f'<text x="{LEFT}" y="{top}">{escape(line.title)}</text>'
    for tenth in range(0, 11, 2):
        x = across(tenth / 10)
        yield f'<path d="M{x:.1f} {top + 16}V{bottom}" stroke="#dddddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tenth / 10:g}</text>'
    for value in ticks:
        yield f'<path d="M{CURVE_LEFT} {down(value):.1f}H{right}" stroke="#dddddd"/>'
        yield f'<text x="{CURVE_LEFT - 8}" y="{down(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    places = " ".join(f"{across(weight):.1f},{down(figure.mean):.1f}" for weight, figure in line.points)
    yield f'<polyline points="{places}" fill="none" stroke="{TOGETHER}" stroke-width="1.5"/>'
    for weight, figure in line.points:
        x, y = across(weight), down(figure.mean)
        is_chosen = line.chosen is not None and abs(weight - line.chosen) < 1e-6
        ends = down(figure.mean - figure.error), down(figure.mean + figure.error)
        yield f'<path d="M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}" stroke="{TOGETHER}"/>'
        fill, radius = (CHOSEN, 6) if is_chosen else ("white", 4)
        told = f"weight {weight:g}: {figure.mean:.3f}, standard error {figure.error:.3f}"
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{TOGETHER}">'
            f"<title>{escape(told)}</title></circle>"
        )


def _ticks(low: float, high: float) -> list[float]:
    """Return round values, two or more, the first of which is not above `low` and the last not below `high`."""
    step = next((step for step in STEPS if high - low <= MOST_TICKS * step), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * place, 6) for place in range(first, max(last, first + 1) + 1)]
