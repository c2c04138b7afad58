"""What it costs to fold new rows into an index, beside building it of all rows.

    python -m benchmarks.folding --vectors base.npy --cpu 1

The rows are shuffled; the last part of them is folded into an index of the others. Both are timed in turn, by the
processor's time of one thread, and the least of each counts. Recall@10 is that of rows held out, at the aim of 0.95.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import truth
from benchmarks.recall import recall
from lookalike.index import Index

K, QUERIES = 10, 2000


@click.command()
@click.option("--vectors", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--share", default=0.101, show_default=True, help="New rows, as a share of those there.")
@click.option("--cpu", type=int, help="Stay on this processor.")
@click.option("--rounds", default=3, show_default=True)
def main(vectors: Path, share: float, cpu: int | None, rounds: int) -> None:
    """Print one line of JSON."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    rows = np.random.default_rng(0).permutation(np.load(vectors))
    queries, rows = rows[:QUERIES].astype(np.float32), rows[QUERIES:]
    first = round(len(rows) / (1 + share))
    farthest = truth.cached(rows, queries, "euclidean")[1][:, K - 1]
    figures: dict[str, Any] = {"rows": len(rows), "new": len(rows) - first}
    seconds: dict[str, list[float]] = {"build": [], "fold": []}
    Index.build(rows[:20_000], n_jobs=1)  # compiles
    for _ in range(rounds):
        started = time.process_time()
        built = Index.build(rows, n_jobs=1)
        seconds["build"].append(time.process_time() - started)
        folded = Index.build(rows[:first], n_jobs=1)
        started = time.process_time()
        folded.add(np.arange(first, len(rows)), rows[first:])
        seconds["fold"].append(time.process_time() - started)
        if folded.stats().tail_rows:
            raise click.ClickException("the rows were not folded in; give a larger share")
    for name, index in (("build", built), ("fold", folded)):
        ids = index.search(queries, K, n_jobs=1)[0]
        figures[f"{name}_seconds"] = round(min(seconds[name]), 3)
        figures[f"{name}_recall"] = round(recall(rows, queries, ids, farthest, "euclidean"), 4)
    figures["fold_over_build"] = round(min(seconds["fold"]) / min(seconds["build"]), 3)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
