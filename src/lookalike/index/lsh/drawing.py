"""Recall over the share of the rows that are compared for it, drawn in text and as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

COLUMNS, LINES = 60, 12
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 60, 20, 40, 50
LEAST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class Point:
    """A choice."""

    share: float
    """Of the rows that are candidates."""
    recall: float
    error: float
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Axes:
    """Shares by their logarithm, over whole powers of ten, and recalls up to 1 over whole tenths."""

    left: int
    right: int
    """Exponents."""
    bottom: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> Axes:
        """Return axes that hold all points."""
        exponents = [math.log10(max(point.share, LEAST_SHARE)) for point in points]
        left, right = math.floor(min(exponents)), math.ceil(max(exponents))
        lowest = min(point.recall - point.error for point in points)
        bottom = min(0.9, max(0.0, math.floor(10 * lowest) / 10))
        return cls(left, max(right, left + 1), bottom)

    def across(self, share: float) -> float:
        """Return where a share is, from 0 to 1."""
        return (math.log10(max(share, LEAST_SHARE)) - self.left) / (self.right - self.left)

    def up(self, recall: float) -> float:
        """Return where a recall is, from 0 to 1."""
        return (min(max(recall, self.bottom), 1.0) - self.bottom) / (1 - self.bottom)


def as_text(points: Sequence[Point]) -> str:
    """Return a plot of `points` in characters; the chosen one is a star."""
    axes = Axes.of(points)
    canvas = [[" "] * (COLUMNS + 1) for _ in range(LINES + 1)]
    for point in sorted(points, key=lambda point: point.chosen):
        column, line = round(COLUMNS * axes.across(point.share)), LINES - round(LINES * axes.up(point.recall))
        canvas[line][column] = "*" if point.chosen else "o"
    labels = {0: "1.0", LINES: f"{axes.bottom:.1f}"}
    told = [f"{labels.get(number, ''):>6} |{''.join(line).rstrip()}" for number, line in enumerate(canvas)]
    ticks = "".join(
        f"{_percent(exponent):<{COLUMNS // (axes.right - axes.left)}}"
        for exponent in range(axes.left, axes.right + 1)
    ).rstrip()
    return "\n".join(
        [
            "recall",
            *told,
            f"{'':>7}+{'-' * (COLUMNS + 1)}",
            f"{'':>8}{ticks}",
            f"{'':>8}rows that are compared",
        ]
    )


def as_svg(title: str, points: Sequence[Point]) -> str:
    """Return a picture of `points`, joined, with a bar of one standard error each; the chosen one is filled."""
    axes = Axes.of(points)
    body = [
        *_grid(axes),
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 10}">rows that are compared</text>',
        f'<text x="8" y="{TOP - 8}">recall</text>',
    ]
    places = [(_x(axes, point.share), _y(axes, point.recall)) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    body.append(f'<polyline points="{line}" fill="none" stroke="#4477aa" stroke-width="1.5"/>')
    for point, (x, y) in zip(points, places, strict=True):
        low, high = _y(axes, point.recall - point.error), _y(axes, point.recall + point.error)
        body.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="#4477aa"/>')
        fill, radius = ("#cc3311", 6) if point.chosen else ("white", 4)
        told = f"recall {point.recall:.3f}, {point.share:.2%} of the rows: {point.label}"
        body.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="#4477aa">'
            f"<title>{escape(told)}</title></circle>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f"{chr(10).join(body)}\n</svg>\n"
    )


def _grid(axes: Axes) -> Iterator[str]:
    for exponent in range(axes.left, axes.right + 1):
        x = _x(axes, 10.0**exponent)
        yield f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_percent(exponent)}</text>'
    tenths = range(round(10 * axes.bottom), 11)
    for tenth in tenths:
        y = _y(axes, tenth / 10)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>'


def _x(axes: Axes, share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * axes.across(share)


def _y(axes: Axes, recall: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * axes.up(recall)


def _percent(exponent: int) -> str:
    return f"{100 * 10.0**exponent:g} %"
