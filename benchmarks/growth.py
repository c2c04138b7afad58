"""How the cost of a query grows with the rows, at a recall of 0.95.

    python -m benchmarks.growth --data DATA --cpu 1
    python -m benchmarks.growth --synthetic

SIFT descriptors of the pictures of DATA, or clustered random rows; each size is measured at several aims, and the cost
at the recall itself is interpolated. All sizes take turns, round after round, and the least time of each counts: a
machine's mood would else pass for growth. Under `exponent` is the slope of log(cost) over log(rows): 0.5 is the square
root.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks import descriptors, synthetic, truth
from benchmarks.missing import DatasetMissingError
from benchmarks.recall import recall
from benchmarks.table import rate_at
from benchmarks.worker import fastest
from lookalike.index import Index

K = 10
QUERIES, SINGLE_QUERIES = 2000, 1000
KINDS = ("single", "batch")
AIM = 0.95
AIMS = (0.9, 0.93, 0.95, 0.97, 0.985)


class Size:
    """An index of so many rows, and the least time that each aim took so far."""

    def __init__(self, base: npt.NDArray[Any], queries: npt.NDArray[Any]) -> None:
        started = time.process_time()
        self.index = Index.build(base, seed=0, n_jobs=1)
        self.build_seconds = time.process_time() - started
        self.queries, self.some = queries, list(queries[:SINGLE_QUERIES])
        farthest = truth.cached(base, queries, "euclidean")[1][:, K - 1]
        self.found = {}
        for aim in AIMS:
            ids = self.index.search(queries, K, recall=aim, n_jobs=1)[0]
            self.found[aim] = recall(base, queries, ids, farthest, "euclidean")
        self.least = {(aim, kind): math.inf for aim in AIMS for kind in KINDS}

    def measure(self) -> None:
        """Take the times of one round, in seconds a query."""
        for aim in AIMS:
            batch = fastest(partial(self.index.search, self.queries, K, recall=aim, n_jobs=1), 1)
            single = fastest(partial(self.one_by_one, aim), 1)
            for kind, seconds in (("single", single / len(self.some)), ("batch", batch / len(self.queries))):
                self.least[aim, kind] = min(self.least[aim, kind], seconds)

    def one_by_one(self, aim: float) -> None:
        """Ask each query alone."""
        for query in self.some:
            self.index.search(query, K, recall=aim, n_jobs=1)

    def figures(self) -> dict[str, Any]:
        """Return build time, and microseconds a query at a recall of 0.95, one by one and in a batch, by one thread."""
        figures: dict[str, Any] = {
            "rows": len(self.index),
            "build_processor_seconds": round(self.build_seconds, 2),
            "recall_by_aim": {aim: round(found, 4) for aim, found in self.found.items()},
        }
        for kind in KINDS:
            points = sorted((self.found[aim], 1 / self.least[aim, kind]) for aim in AIMS)
            rate = rate_at(points, AIM)
            figures[f"{kind}_microseconds"] = None if rate is None else round(1e6 / rate, 1)
        return figures


def exponent(lines: Sequence[dict[str, Any]], kind: str) -> float | None:
    """Return the slope of log(cost) over log(rows) by least squares."""
    costs = [(line["rows"], line[f"{kind}_microseconds"]) for line in lines if line[f"{kind}_microseconds"]]
    if len(costs) < 2:
        return None
    slope = np.polyfit([math.log(rows) for rows, _ in costs], [math.log(cost) for _, cost in costs], 1)[0]
    return round(float(slope), 3)


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), envvar="LOOKALIKE_BENCH_DATA"
)
@click.option("--synthetic", "made", is_flag=True, help="Clustered random rows of 96 dimensions.")
@click.option(
    "--rows",
    multiple=True,
    type=int,
    default=(100_000, 200_000, 400_000, 800_000, 1_400_000),
    show_default=True,
)
@click.option("--cpu", type=int, help="Stay on this processor.")
@click.option("--rounds", default=7, show_default=True)
def main(data: Path | None, made: bool, rows: tuple[int, ...], cpu: int | None, rounds: int) -> None:
    """Print a line of JSON for each size, and the exponents."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    if made:
        base, queries = synthetic.vectors(max(rows), 96), synthetic.vectors(QUERIES, 96, kind=1)
    elif data is None:
        raise click.UsageError("give either --data DATA or --synthetic")
    else:
        try:
            base, queries = descriptors.sift(
                [data / "products" / "images", data / "photos"], max(rows), QUERIES
            )
        except DatasetMissingError as error:
            raise click.ClickException(str(error)) from None
    queries = queries.astype(np.float32)
    random = np.random.default_rng(0)
    order = random.permutation(len(base))
    sizes = [Size(base[np.sort(order[:count])], queries) for count in sorted(rows)]
    for _ in range(rounds):
        for size in sizes:
            size.measure()
    lines = [size.figures() for size in sizes]
    for line in lines:
        click.echo(json.dumps(line))
    click.echo(json.dumps({"exponent": {kind: exponent(lines, kind) for kind in KINDS}}))


if __name__ == "__main__":
    main()
