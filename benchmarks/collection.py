"""What a collection takes beside its index: one search, a batch, and a whole process.

    python -m benchmarks.collection --against SRC
    python -m benchmarks.collection --against SRC --pictures DIR

200,000 x 32 rows about 2,000 centres, drawn from a seed (`benchmarks/synthetic.py`), are stored in a collection, and
built into an index of its own with the same options. One after the other, in the same process, each query is asked
of the collection and of the index: `beside the index` is the median of the difference. A batch of 1,000 is asked of
`search_many` and of the index; both with one thread.

With `--pictures`, `lookalike search PICTURE` is timed as a whole process, in a collection of the pictures of DIR, files
and compiled kernels being warm.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from benchmarks import synthetic
from benchmarks.builds import Build, Figures, against_option, chosen, in_turn, report
from lookalike.collection import Collection
from lookalike.images.decode import SUFFIXES
from lookalike.index import Index

SCAN_BELOW = 10_000
"""As collections have it."""
K = 10
QUERIES, BATCH = 300, 1_000
WARM_UP = 20
REPEATS = 5
MODULE = "benchmarks.collection"


def prepare(folder: Path, rows: int, dimension: int) -> None:
    """Store the rows in a collection, and the index of their own beside it."""
    vectors = synthetic.vectors(rows, dimension)
    with Collection.create(folder / "collection") as collection:
        collection.add_vectors(vectors, ids=[str(row) for row in range(rows)])
    Index.build(vectors, scan_below=SCAN_BELOW).save(folder / "index")


def seconds(run: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(folder: Path, rows: int, dimension: int) -> Figures:
    """Return the figures of one process that searches."""
    index = Index.open(folder / "index")
    asked = np.random.default_rng(0).choice(rows, QUERIES, replace=False)
    stored = synthetic.vectors(rows, dimension)[asked]
    new = synthetic.vectors(BATCH, dimension, kind=1)
    with Collection.open(folder / "collection") as collection:

        def pair(query: Any, vector: Any, k: int) -> tuple[float, float]:
            """Return the seconds of the collection and of the index. By id one more is asked of the index."""
            return (
                seconds(lambda: collection.search(query, k=K)),
                seconds(lambda: index.search(vector, k)),
            )

        by_id = [pair(str(row), vector, K + 1) for row, vector in zip(asked, stored, strict=True)][WARM_UP:]
        by_vector = [pair(vector, vector, K) for vector in new[:QUERIES]][WARM_UP:]
        figures = {}
        for label, pairs in (("by id", by_id), ("by vector", by_vector)):
            figures[f"search {label}, ms"] = 1000 * median(whole for whole, _ in pairs)
            figures[f"its index, {label}, ms"] = 1000 * median(alone for _, alone in pairs)
            figures[f"{label}, beside the index, ms"] = 1000 * median(whole - alone for whole, alone in pairs)
        if hasattr(collection, "search_many"):  # a build that is measured against may have none
            batches = [
                (
                    seconds(lambda: collection.search_many(new, k=K)),
                    seconds(lambda: index.search(new, K)),
                )
                for _ in range(REPEATS)
            ][1:]
            figures["search_many, queries/s"] = BATCH / median(whole for whole, _ in batches)
            figures["its index on the batch, queries/s"] = BATCH / median(alone for _, alone in batches)
            figures["search_many, share of its index's rate"] = median(
                alone / whole for whole, alone in batches
            )
    return figures


def whole_process(build: Build, place: Path, picture: Path) -> Figures:
    """Return the wall time of a search as a process of its own."""
    command = ["-m", "lookalike", "search", "-c", str(place), str(picture), "-k", "3"]
    return {"lookalike search PICTURE, s": seconds(lambda: build.run(command))}


@click.command(help=__doc__)
@click.option("--rows", default=200_000, show_default=True)
@click.option("--dimension", default=32, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="Processes of each build, in turn.")
@click.option("--pictures", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@against_option
@click.option("--step", type=click.Choice(["prepare", "measure"]), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(
    rows: int,
    dimension: int,
    rounds: int,
    pictures: Path | None,
    against: Path | None,
    step: str | None,
    folder: Path | None,
) -> None:
    if step is not None and folder is not None:
        if step == "prepare":
            prepare(folder, rows, dimension)
        click.echo(json.dumps({} if step == "prepare" else measure(folder, rows, dimension)))
        return
    builds = chosen(against)
    with tempfile.TemporaryDirectory() as work:
        places = {build.name: Path(work) / str(number) for number, build in enumerate(builds)}

        def run(build: Build, step: str) -> Figures:
            shape = ["--rows", str(rows), "--dimension", str(dimension)]
            return build.figures(MODULE, ["--step", step, "--folder", str(places[build.name]), *shape])

        for build in builds:
            places[build.name].mkdir()
            run(build, "prepare")
        found = in_turn(builds, rounds, lambda build: run(build, "measure"))
        report(f"{rows:,} x {dimension} in a collection, k = {K}", found)
        if pictures is not None:
            picture = min(path for path in pictures.rglob("*") if path.suffix.lower() in SUFFIXES)

            def search(build: Build) -> Figures:
                return whole_process(build, places[build.name] / "pictures", picture)

            for build in builds:
                build.run(
                    ["-m", "lookalike", "add", "-c", str(places[build.name] / "pictures"), str(pictures)]
                )
                search(build)  # warms files and kernels
            report("A search as a whole process", in_turn(builds, 3 * rounds, search))


if __name__ == "__main__":
    main(prog_name=f"python -m {MODULE}")
