"""What rows that are unlike the rest cost every query.

    python -m benchmarks.odd_rows

Clustered random rows with a spread of 1, as they are; with one row of 1e4 times the usual length among them from the
start; after that row was removed; and all of them with 300 added to every number. Each is searched by a scan (9,000
rows) and through buckets (9,000 and 60,000 rows), by one thread. In every round all take turns, by the processor's
time; `ratio` is the median of the rounds to the plain rows. Recall@10 is against the exact neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks import synthetic, truth
from benchmarks.recall import recall
from benchmarks.runner import machine
from benchmarks.worker import fastest
from lookalike.index import Index

K = 10
QUERIES, SINGLE_QUERIES = 400, 200
LENGTH, OFFSET = 1e4, 300
KINDS = ("single", "batch")


class Case:
    """An index of rows that are plain or odd, and the seconds that its queries took in each round."""

    def __init__(
        self,
        name: str,
        rows: npt.NDArray[Any],
        queries: npt.NDArray[Any],
        scan_below: int,
        removed: int | None,
    ) -> None:
        self.name, self.queries = name, queries
        self.index = Index.build(rows, scan_below=scan_below, seed=0, n_jobs=1)
        if removed is not None:
            self.index.remove([removed])
            rows = rows[:removed]
        found = self.index.search(queries, K)[0]
        farthest = truth.exact(rows, queries, "euclidean", K)[1][:, -1]
        self.recall = recall(rows, queries, found, farthest, "euclidean")
        self.seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def measure(self) -> None:
        """Take the seconds a query of one round, one by one and in a batch."""
        some = self.queries[:SINGLE_QUERIES]
        single = fastest(lambda: [self.index.search(query, K) for query in some], 1)
        batch = fastest(lambda: self.index.search(self.queries, K), 1)
        self.seconds["single"].append(single / len(some))
        self.seconds["batch"].append(batch / len(self.queries))


def cases(rows: int, dimension: int, scan_below: int) -> list[Case]:
    """Return the plain rows and the odd ones; the odd row is the last."""
    drawn = np.concatenate(
        [synthetic.vectors(rows, dimension), synthetic.vectors(QUERIES, dimension, kind=1)]
    )
    drawn = ((drawn - drawn.mean()) / drawn.std()).astype(np.float32)
    plain, queries = drawn[:rows], drawn[rows:]
    odd = plain.copy()
    odd[-1] *= LENGTH * np.median(np.linalg.norm(plain, axis=1)) / np.linalg.norm(plain[-1])
    far, far_queries = plain + np.float32(OFFSET), queries + np.float32(OFFSET)
    return [
        Case("plain", plain, queries, scan_below, None),
        Case("one row of 1e4 x the length", odd, queries, scan_below, None),
        Case("that row removed", odd, queries, scan_below, rows - 1),
        Case("an offset of 300", far, far_queries, scan_below, None),
    ]


def table(measured: Sequence[Case]) -> str:
    """Return a Markdown table; the first case is what the others are compared with."""
    heads = ["", *(f"{kind}, us | ratio" for kind in KINDS), "recall"]
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " --- |" * 5]
    for case in measured:
        cells = []
        for kind in KINDS:
            pairs = zip(case.seconds[kind], measured[0].seconds[kind], strict=True)
            cells.append(f"{1e6 * median(case.seconds[kind]):.1f} | {median(a / b for a, b in pairs):.2f}")
        lines.append(f"| {case.name} | {' | '.join(cells)} | {case.recall:.3f} |")
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--dimension", default=64, show_default=True)
@click.option("--scanned", default=9_000, show_default=True, help="Rows that are all compared.")
@click.option(
    "--hashed", multiple=True, type=int, default=(9_000, 60_000), show_default=True, help="Rows in buckets."
)
@click.option("--rounds", default=7, show_default=True)
def main(dimension: int, scanned: int, hashed: tuple[int, ...], rounds: int) -> None:
    for name, rows, scan_below in [
        ("scan", scanned, scanned + 1),
        *(("buckets", rows, 1) for rows in hashed),
    ]:
        with threadpool_limits(1):  # what threads of matrix products spin away would count
            measured = cases(rows, dimension, scan_below)
            for _ in range(rounds):
                for case in measured:
                    case.measure()
        click.echo(f"{name}, {rows:,} x {dimension}; {machine()['processor']}\n\n{table(measured)}\n")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.odd_rows")
