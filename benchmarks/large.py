"""More vectors than memory should hold: built from HDF5 and searched, with the peak of resident memory.

    python -m benchmarks.large --rows 250000        4 GB
    python -m benchmarks.large --rows 1000000       16 GB on disk, and as much again for the index

The file is made first (clustered random rows, 4,096 dimensions, float32), unless `--file` names one that was made
before. Building and searching run in processes of their own, so that each has its own peak.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np

from benchmarks import synthetic, truth
from benchmarks.recall import recall
from benchmarks.worker import fastest, resident
from lookalike.index import Index

K = 10
QUERIES = 100


def make(path: Path, rows: int, dimension: int) -> None:
    """Write `vectors` (rows, dimension) float32 and `queries` (100, dimension) into an HDF5 file, block by block."""
    unfinished = path.with_suffix(".part")
    with h5py.File(unfinished, "w") as file:
        vectors = file.create_dataset("vectors", (rows, dimension), dtype=np.float32)
        start = 0
        for block in synthetic.blocks(rows, dimension):
            vectors[start : start + len(block)] = block
            start += len(block)
        file["queries"] = synthetic.vectors(QUERIES, dimension, kind=1)
    unfinished.replace(path)


def build(source: Path, path: Path, jobs: int) -> dict[str, Any]:
    """Build the index of a file into `path`; return the figures."""
    before = resident()[0]
    started = time.perf_counter()
    with h5py.File(source) as file:
        Index.build(file["vectors"], path=path, seed=0, n_jobs=jobs)
    return {
        "build_seconds": round(time.perf_counter() - started, 1),
        "build_peak_mib": resident()[1] >> 20,
        "resident_before_mib": before >> 20,
        "index_bytes": sum(part.stat().st_size for part in path.rglob("*") if part.is_file()),
    }


def search(source: Path, path: Path) -> dict[str, Any]:
    """Search a built index; return the figures. Recall is against the exact neighbours."""
    with h5py.File(source) as file:
        queries = np.asarray(file["queries"])
    started = time.perf_counter()
    index = Index.open(path)
    figures: dict[str, Any] = {"open_seconds": round(time.perf_counter() - started, 4)}
    index.search(queries[0], K)
    figures["first_search_seconds"] = round(time.perf_counter() - started, 2)
    found = index.search(queries, K, n_jobs=1)[0]
    seconds = fastest(lambda: [index.search(query, K, n_jobs=1) for query in queries], 2)
    figures["single_microseconds"] = round(1e6 * seconds / len(queries), 1)
    figures["search_peak_mib"] = resident()[1] >> 20
    with h5py.File(source) as file:
        base: Any = file["vectors"]
        near = truth.exact(base, queries, "euclidean", K)[1][:, -1]
        figures["recall"] = round(_recall(base, queries, found, near), 4)
    return figures


def _recall(base: Any, queries: Any, found: Any, farthest: Any) -> float:
    """Return the recall, reading only the rows that were found."""
    rows = np.unique(found[found >= 0])
    places = np.where(found >= 0, np.searchsorted(rows, found), -1)
    return recall(base[rows], queries, places, farthest, "euclidean")


@click.command()
@click.option("--rows", default=250_000, show_default=True)
@click.option("--dimension", default=4096, show_default=True)
@click.option(
    "--file", "source", type=click.Path(dir_okay=False, path_type=Path), help="Kept; made if missing."
)
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where to work."
)
@click.option("--jobs", default=1, show_default=True)
@click.option("--step", type=click.Choice(["all", "build", "search"]), default="all", hidden=True)
def main(rows: int, dimension: int, source: Path | None, folder: Path | None, jobs: int, step: str) -> None:
    """Print the figures as JSON."""
    if step != "all":
        if source is None or folder is None:
            raise click.UsageError("a step needs --file and --folder")
        figures = (
            build(source, folder / "index", jobs) if step == "build" else search(source, folder / "index")
        )
        click.echo(json.dumps(figures))
        return
    work = Path(tempfile.mkdtemp(dir=folder))
    try:
        source = source or work / "vectors.h5"
        if not source.exists():
            make(source, rows, dimension)
        all_figures: dict[str, Any] = {"file_bytes": source.stat().st_size}
        for part in ("build", "search"):
            command = [sys.executable, "-m", "benchmarks.large", "--step", part, "--jobs", str(jobs)]
            done = subprocess.run(
                [*command, "--file", str(source), "--folder", str(work)],
                check=False,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ,
            )
            if done.returncode:
                raise click.ClickException(f"the {part} ended with status {done.returncode}")
            all_figures |= json.loads(done.stdout)
        click.echo(json.dumps(all_figures))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
