"""Every hash family with nothing said but its name.

    python -m benchmarks.families --data DATA [--pictures DIR]

On 20,000 pictures of fashion-mnist (784 numbers, Euclidean) and on `look` of the pictures of DIR (one in ten is a
query and no row): recall@10 of held-out queries, the share of the rows that are candidates, which the index measured
itself, and the seconds of the build by the processor's clock. `exact` is the largest relative error of a distance.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import truth
from benchmarks.corpus import pictures_of
from benchmarks.datasets import Dataset, fashion_mnist
from benchmarks.missing import DatasetMissingError
from benchmarks.recall import distances, recall
from benchmarks.runner import machine
from benchmarks.worker import fastest
from lookalike.features.parallel import Extracted, extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.images.decode import SUFFIXES
from lookalike.index import Index

LEARNED = "learned"
"""What an index does that is told no family."""
FAMILIES = (LEARNED, "hyperplane", "cross-polytope", "p-stable", "clusters")
K = 10
ROWS, QUERIES = 20_000, 1_000
QUERY_EVERY = 10
HEADS = ("family", "recall@10", "candidates", "exact", "tables", "build, s", "a query, us")


def look_of(pictures: Path, jobs: int) -> Dataset:
    """Return the feature `look` of pictures as rows and queries."""
    spec = FeatureSpec.parse("look")
    paths = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in SUFFIXES)
    stream = extract_stream(pictures_of(paths), {spec.name: spec}, jobs=jobs)
    vectors = np.stack([found.vectors[spec.name] for _, found in stream if isinstance(found, Extracted)])
    asked = np.arange(len(vectors)) % QUERY_EVERY == 0
    return Dataset("look", vectors[~asked], vectors[asked], create_extractor(spec).metric)


def candidates(index: Index) -> float:
    """Return the share of the rows that are candidates of a query at the index's own recall."""
    stats = index.stats()
    if stats.path == "scan":
        return 1.0
    measured = (
        each.candidates
        for each in stats.measurements
        if (each.k, each.probes, each.rerank) == (K, stats.probes, stats.rerank)
    )
    return next(measured) / stats.rows


def measure(dataset: Dataset, family: str) -> list[Any]:
    """Return a row of the table."""
    started = time.process_time()
    index = Index.build(
        dataset.base, metric=dataset.metric, family=None if family == LEARNED else family, seed=0, n_jobs=1
    )
    build = time.process_time() - started
    queries = dataset.queries[:QUERIES].astype(np.float32)
    ids, found = index.search(queries, K)
    seconds = fastest(lambda: index.search(queries, K), 2) / len(queries)
    farthest = truth.cached(dataset.base, queries, dataset.metric)[1][:, K - 1]
    true = distances(dataset.base, queries, np.maximum(ids, 0), dataset.metric)
    error = np.abs(found - true)[ids >= 0] / np.maximum(np.abs(true)[ids >= 0], 1e-3)
    return [
        family,
        f"{recall(dataset.base, queries, ids, farthest, dataset.metric):.3f}",
        f"{candidates(index):.3f}",
        f"{error.max():.0e}",
        index.stats().tables,
        f"{build:.1f}",
        f"{1e6 * seconds:.0f}",
    ]


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--pictures", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--family", "families", multiple=True, type=click.Choice(FAMILIES), default=FAMILIES)
@click.option("--jobs", default=2, show_default=True, help="Processes that extract.")
def main(data: Path, pictures: Path | None, families: tuple[str, ...], jobs: int) -> None:
    try:
        whole = fashion_mnist(data)
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None
    sets = [Dataset(whole.name, whole.base[:ROWS], whole.queries, whole.metric)]
    if pictures is not None:
        sets.append(look_of(pictures, jobs))
    for dataset in sets:
        rows, dimension = dataset.base.shape
        click.echo(f"{dataset.name}, {rows:,} x {dimension}, {dataset.metric}; {machine()['processor']}\n")
        click.echo(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
        for family in families:
            click.echo(f"| {' | '.join(map(str, measure(dataset, family)))} |")
        click.echo()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.families")
