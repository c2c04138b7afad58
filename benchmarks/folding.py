"""What it costs to fold new rows into an index, beside building it of all rows.

    python -m benchmarks.folding --vectors base.npy --cpu 1
    python -m benchmarks.folding --vectors base.npy --cpu 1 --family hyperplane

The rows are shuffled; the last part of them is folded into an index of the others. Both are timed in turn, by the
processor's time of one thread, and the least of each counts. Recall@10 is that of rows held out, at the aim of 0.95,
among what an exact search finds. For the family of binary codes a vector gives a bit for each of its numbers, whether
it is above the median; for that of sets, the places of its 16 largest numbers.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from lookalike.hashing.base import known_families
from lookalike.index import Index

K, QUERIES, ELEMENTS = 10, 1000, 16
TOLERANCE = 1e-6


@click.command()
@click.option("--vectors", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--family", type=click.Choice(sorted(known_families())), help="Instead of learned buckets.")
@click.option("--share", default=0.101, show_default=True, help="New rows, as a share of those there.")
@click.option("--cpu", type=int, help="Stay on this processor.")
@click.option("--rounds", default=3, show_default=True)
def main(vectors: Path, family: str | None, share: float, cpu: int | None, rounds: int) -> None:
    """Print one line of JSON."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    metric, rows = _hashable(np.random.default_rng(0).permutation(np.load(vectors)), family)
    queries, rows = rows[:QUERIES], rows[QUERIES:]
    first = round(len(rows) / (1 + share))
    options: dict[str, Any] = {"metric": metric, "family": family, "n_jobs": 1}
    figures: dict[str, Any] = {"family": family, "rows": len(rows), "new": len(rows) - first}
    seconds: dict[str, list[float]] = {"build": [], "fold": []}
    Index.build(rows[:20_000], **options)  # compiles
    for _ in range(rounds):
        started = time.process_time()
        built = Index.build(rows, **options)
        seconds["build"].append(time.process_time() - started)
        folded = Index.build(rows[:first], **options)
        started = time.process_time()
        folded.add(np.arange(first, len(rows)), rows[first:])
        seconds["fold"].append(time.process_time() - started)
        if folded.stats().tail_rows:
            raise click.ClickException("the rows were not folded in; give a larger share")
    exact = built.search(queries, K, recall=1, n_jobs=1)[1]
    for name, index in (("build", built), ("fold", folded)):
        near = index.search(queries, K, n_jobs=1)[1] <= exact[:, -1:] * (1 + TOLERANCE)
        figures[f"{name}_seconds"] = round(min(seconds[name]), 3)
        figures[f"{name}_recall"] = round(float(near.mean()), 4)
    figures["fold_over_build"] = round(min(seconds["fold"]) / min(seconds["build"]), 3)
    click.echo(json.dumps(figures))


def _hashable(rows: npt.NDArray[Any], family: str | None) -> tuple[str, npt.NDArray[Any]]:
    """Return a metric that `family` is for, and `rows` (n, d) in the form that it hashes."""
    if family == "bit-sampling":
        return "hamming", np.packbits(rows > np.median(rows, axis=0), axis=1)
    if family == "min-hash":
        largest = np.argpartition(-rows.astype(np.float32), ELEMENTS, axis=1)[:, :ELEMENTS]
        return "jaccard", np.sort(largest, axis=1).astype(np.uint32)
    return "euclidean", rows


if __name__ == "__main__":
    main()
