"""How the cost of a query grows with the rows, at a recall of 0.95.

    python -m benchmarks.growth --data DATA --cpu 1
    python -m benchmarks.growth --synthetic

SIFT descriptors of the pictures of DATA, or clustered random rows; each size is measured at several aims, and the cost
at the recall itself is interpolated. Under `exponent` is the slope of log(cost) over log(rows): 0.5 is the square root.
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
QUERIES = 2000
AIM = 0.95
AIMS = (0.9, 0.93, 0.95, 0.97, 0.985)


def measure(base: npt.NDArray[Any], queries: npt.NDArray[Any], repeats: int) -> dict[str, Any]:
    """Return build time, and microseconds a query at a recall of 0.95, one by one and in a batch, by one thread."""
    started = time.process_time()
    index = Index.build(base, seed=0, n_jobs=1)
    seconds = time.process_time() - started
    farthest = truth.cached(base, queries, "euclidean")[1][:, K - 1]
    points: dict[str, list[tuple[float, float]]] = {"single": [], "batch": []}
    found_at: dict[float, float] = {}
    for aim in AIMS:
        found = index.search(queries, K, recall=aim, n_jobs=1)[0]
        share = recall(base, queries, found, farthest, "euclidean")
        found_at[aim] = round(share, 4)
        batch = fastest(partial(index.search, queries, K, recall=aim, n_jobs=1), repeats)
        some = list(queries[:1000])

        def one_by_one(aim: float = aim, some: list[npt.NDArray[Any]] = some) -> None:
            for query in some:
                index.search(query, K, recall=aim, n_jobs=1)

        points["batch"].append((share, len(queries) / batch))
        points["single"].append((share, len(some) / fastest(one_by_one, repeats)))
    figures: dict[str, Any] = {
        "rows": len(base),
        "build_processor_seconds": round(seconds, 2),
        "recall_by_aim": found_at,
    }
    for kind, measured in points.items():
        rate = rate_at(sorted(measured), AIM)
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
@click.option("--repeats", default=3, show_default=True)
def main(data: Path | None, made: bool, rows: tuple[int, ...], cpu: int | None, repeats: int) -> None:
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
    lines = []
    for count in sorted(rows):
        lines.append(measure(base[np.sort(order[:count])], queries, repeats))
        click.echo(json.dumps(lines[-1]))
    click.echo(json.dumps({"exponent": {kind: exponent(lines, kind) for kind in ("single", "batch")}}))


if __name__ == "__main__":
    main()
