"""Every hash family with nothing said but its name.

    python -m benchmarks.families --data DATA [--pictures DIR]
    python -m benchmarks.families --data DATA --large

On 20,000 pictures of fashion-mnist (784 numbers, Euclidean) and on `look` of the pictures of DIR (one in ten is a
query and no row): recall@10 of held-out queries, the share of the rows that are candidates, which the index measured
itself, and the seconds of the build by the processor's clock. `exact` is the largest relative error of a distance.

With --large, the random families on fashion-mnist (60,000) and sift (300,000) at recall 0.9, beside the exact scan of
the same run, by turns and with one thread: how many times as many queries are answered one by one and in a batch. Means
by the processor's clock, of the best of three turns. `probes` are a table's.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks import truth
from benchmarks.corpus import pictures_of
from benchmarks.datasets import Dataset, fashion_mnist, sift_300k
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
LARGE = (("hyperplane", "cosine"), ("cross-polytope", "cosine"), ("p-stable", "euclidean"))
"""Families and the metrics that they are measured by."""
RECALL = 0.9
TURNS, SINGLES = 3, 100
LARGE_HEADS = (
    "family",
    "metric",
    "recall@10",
    "candidates",
    "tables",
    "probes",
    "build, s",
    "single, us",
    "scan, us",
    "ratio",
    "batch, us",
    "scan, us",
    "ratio",
)
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


def one_by_one(index: Index, queries: npt.NDArray[np.float32], k: int) -> None:
    """Ask for the nearest of each query in a call of its own."""
    for query in queries:
        index.search(query, k)


def beside_scan(dataset: Dataset, family: str, scan: Index) -> list[Any]:
    """Return a row of the table of large data sets; `scan` compares every row."""
    started = time.process_time()
    index = Index.build(dataset.base, metric=dataset.metric, family=family, recall=RECALL, seed=0, n_jobs=1)
    build = time.process_time() - started
    queries = dataset.queries[:QUERIES].astype(np.float32)
    ids = index.search(queries, K)[0]
    farthest = truth.cached(dataset.base, queries, dataset.metric)[1][:, K - 1]
    figures: list[str] = []
    for search, asked in ((one_by_one, queries[:SINGLES]), (Index.search, queries)):
        turns = [
            [fastest(partial(search, each, asked, K), 1) for each in (index, scan)] for _ in range(TURNS)
        ]
        own, other = np.min(turns, axis=0) * 1e6 / len(asked)
        figures += [f"{own:,.0f}", f"{other:,.0f}", f"{other / own:.2f}"]
    stats = index.stats()
    return [
        family,
        dataset.metric,
        f"{recall(dataset.base, queries, ids, farthest, dataset.metric):.3f}",
        f"{candidates(index):.3f}",
        stats.tables,
        stats.probes,
        f"{build:.1f}",
        *figures,
    ]


def large(data: Path) -> None:
    """Print the table of each large data set."""
    for whole in (fashion_mnist(data), sift_300k(data)):
        rows, dimension = whole.base.shape
        click.echo(f"{whole.name}, {rows:,} x {dimension}; {machine()['processor']}\n")
        click.echo(f"| {' | '.join(LARGE_HEADS)} |\n|{' --- |' * len(LARGE_HEADS)}")
        for family, metric in LARGE:
            dataset = Dataset(whole.name, whole.base, whole.queries, metric)
            scan = Index.build(dataset.base, metric=metric, recall=1.0, n_jobs=1)
            click.echo(f"| {' | '.join(map(str, beside_scan(dataset, family, scan)))} |")
        click.echo()


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--pictures", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--family", "families", multiple=True, type=click.Choice(FAMILIES), default=FAMILIES)
@click.option("--jobs", default=2, show_default=True, help="Processes that extract.")
@click.option("--large", "is_large", is_flag=True, help="60,000 and 300,000 rows, beside the exact scan.")
def main(data: Path, pictures: Path | None, families: tuple[str, ...], jobs: int, is_large: bool) -> None:
    try:
        if is_large:
            with threadpool_limits(1):
                large(data)
            return
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
