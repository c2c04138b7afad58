"""Tables from result lines: rates at given recalls by interpolation, ratios to the fastest peer, and what builds cost.

python -m benchmarks.table RESULTS.jsonl [MORE.jsonl]
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

Row = dict[str, Any]
Point = tuple[float, float]
"""Recall, and rate in queries a second."""

OWN = "lookalike"
RECALLS = (0.90, 0.95, 0.99)
KINDS = ("single", "batch")
MIB = 2**20


def read(paths: Iterable[Path]) -> list[Row]:
    """Return the lines of result files."""
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def frontier(rows: Iterable[Row], kind: str) -> list[Point]:
    """Return the points that no other is both quicker and better than, by recall, from rows of one peer.

    Runs of the same build and setting count once, by their medians.
    """
    same: dict[str, list[Point]] = defaultdict(list)
    for row in rows:
        if "recall" in row:
            same[json.dumps([row["options"], row["setting"]])].append((row["recall"], row[kind]))
    return unbeaten((median(r for r, _ in runs), median(rate for _, rate in runs)) for runs in same.values())


def unbeaten(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other is both quicker and better than, by recall."""
    best: list[Point] = []
    for recall, rate in sorted(points, reverse=True):
        if not best or rate > best[-1][1]:
            best.append((recall, rate))
    return best[::-1]


def rate_at(points: Sequence[Point], recall: float) -> float | None:
    """Return the rate at a recall: the logarithm of the rate is interpolated; None beyond the best recall."""
    if not points or recall > points[-1][0]:
        return None
    if recall <= points[0][0]:
        return points[0][1]
    for (low, quick), (high, slow) in pairwise(points):
        if recall <= high:
            share = (recall - low) / (high - low)
            return math.exp((1 - share) * math.log(quick) + share * math.log(slow))
    return None


def grouped(rows: Iterable[Row]) -> dict[str, dict[str, list[Row]]]:
    """Return rows by data set and by peer, in the order in which they came."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if "dataset" in row:
            groups.setdefault(row["dataset"], {}).setdefault(row["peer"], []).append(row)
    return groups


def speed_table(peers: dict[str, list[Row]], kind: str) -> list[str]:
    """Return a Markdown table of one data set: rates at each recall, and Lookalike's rate in that of each peer.

    A peer that does not reach a recall is shown once with its best recall, beside which Lookalike's rate is the
    column's all the same.
    """
    lines = [
        f"| {kind} queries/s at recall | " + " | ".join(f"{recall:.2f}" for recall in RECALLS) + " |",
        "| --- |" + " --- |" * len(RECALLS),
    ]
    rates = {
        peer: [rate_at(frontier(rows, kind), recall) for recall in RECALLS] for peer, rows in peers.items()
    }
    own = rates.get(OWN, [None] * len(RECALLS))

    def strength(peer: str) -> float:
        return max((rate for rate in rates[peer] if rate), default=0.0)

    for peer in sorted(rates, key=lambda peer: (peer != OWN, -strength(peer))):
        cells: list[str] = []
        reached = frontier(peers[peer], kind)[-1:]
        for known, mine in zip(rates[peer], own, strict=True):
            rate, short = known, ""
            if rate is None and reached:
                best, rate = reached.pop()
                short = f" at {best:.2f}"
            cell = "" if rate is None else f"{rate:,.0f}{short}"
            if rate and mine and peer != OWN:
                cell += f" ({mine / rate:.1f} x)" if mine / rate < 100 else f" ({mine / rate:.0f} x)"
            cells.append(cell)
        lines.append(f"| {peer} | " + " | ".join(cells) + " |")
    ratios = []
    for column, mine in enumerate(own):
        others = [values[column] for peer, values in rates.items() if peer != OWN]
        fastest = max((rate for rate in others if rate), default=None)
        ratios.append(f"**{mine / fastest:.2f}**" if mine and fastest else "")
    if any(ratios):
        lines.append("| times the fastest peer | " + " | ".join(ratios) + " |")
    return lines


def build_table(peers: dict[str, list[Row]]) -> list[str]:
    """Return a Markdown table of one data set: what each build cost."""
    lines = [
        "| build | processor seconds | peak MiB beyond the data | saved, bytes a row | of these beside the vectors |",
        "| --- | --- | --- | --- | --- |",
    ]
    for peer, rows in peers.items():
        builds: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if "build_seconds" in row:
                builds[json.dumps(row["options"])].append(row)
        for options, runs in builds.items():
            first = runs[0]
            seconds = median(run["build_processor_seconds"] for run in runs)
            peak = median(run["build_peak_bytes"] for run in runs) / MIB
            saved = first["saved_bytes"]
            cells = ["", ""]
            if saved is not None:
                cells = [f"{size / first['rows']:.0f}" for size in (saved, saved - first["rows_bytes"])]
            name = peer if options == "{}" else f"{peer} {options}"
            lines.append(f"| {name} | {seconds:.1f} | {peak:.0f} | {cells[0]} | {cells[1]} |")
    return lines


def aims_table(rows: list[Row]) -> list[str]:
    """Return a Markdown table of one data set: the recall that Lookalike was asked for, and what it found."""
    found: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if "recall" in row:
            found[row["setting"]["recall"]].append(row["recall"])
    return [
        "| recall asked for | " + " | ".join(f"{aim:g}" for aim in found) + " |",
        "| --- |" + " --- |" * len(found),
        "| found | " + " | ".join(f"{median(values):.3f}" for values in found.values()) + " |",
    ]


def report(rows: Iterable[Row]) -> str:
    """Return all tables as Markdown."""
    lines = []
    for name, peers in grouped(rows).items():
        lines += [f"### {name}", ""]
        for kind in KINDS:
            lines += [*speed_table(peers, kind), ""]
        if OWN in peers:
            lines += [*aims_table(peers[OWN]), ""]
        lines += [*build_table(peers), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(read(map(Path, sys.argv[1:]))))
