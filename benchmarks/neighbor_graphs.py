"""The graph of neighbours that a clustering or embedding begins with, by several transformers.

    python -m benchmarks.neighbor_graphs --data DATA

`fit_transform` of the 60,000 pictures of fashion-mnist (784 numbers, float32), each with itself and its 15 nearest:
`LSHTransformer` at several recalls, `KNeighborsTransformer` of scikit-learn, which compares all pairs, and
`PyNNDescentTransformer` where pynndescent is installed. Seconds are of the processor's clock with one thread, after a
run on some of the rows that compiles; recall is by distance, against scikit-learn's graph.

A second table is of all rows within a radius of 1,000 queries that are no rows, by `LSHNeighbors` at a recall of 0.9
and by scikit-learn's brute force; recall is the mean over queries that have any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.neighbors import KNeighborsTransformer, NearestNeighbors
from threadpoolctl import threadpool_limits

from benchmarks.datasets import fashion_mnist
from benchmarks.missing import DatasetMissingError
from benchmarks.runner import machine
from lookalike.arrays import Rows
from lookalike.sklearn import LSHNeighbors, LSHTransformer

NEIGHBORS = 15
RECALLS = (0.9, 0.95, 0.99)
RADII, QUERIES = (800, 1200, 1600), 1_000
COMPILED_BY = 12_000
"""Rows of the run that compiles: enough for buckets."""
TOLERANCE = 1e-3
"""What is farther than the last true neighbour by no more than this share of it is found too, as in ann-benchmarks."""


def transformers() -> Iterator[tuple[str, Any]]:
    """Yield names and transformers; the first is exact."""
    yield "KNeighborsTransformer", KNeighborsTransformer(n_neighbors=NEIGHBORS, algorithm="brute")
    for recall in RECALLS:
        yield f"LSHTransformer(recall={recall})", LSHTransformer(n_neighbors=NEIGHBORS, recall=recall)
    try:
        from pynndescent import PyNNDescentTransformer
    except ImportError:
        return
    yield (
        "PyNNDescentTransformer",
        PyNNDescentTransformer(n_neighbors=NEIGHBORS, n_jobs=1, random_state=0, low_memory=False),
    )


def recall_of(graph: Any, farthest: Rows) -> float:
    """Return the share of the entries (n, k + 1) that are as near as the last true neighbour, `farthest` (n,)."""
    near = graph.data <= np.repeat(farthest * (1 + TOLERANCE), np.diff(graph.indptr))
    return float(np.count_nonzero(near)) / (len(farthest) * (NEIGHBORS + 1))


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor's seconds of a call, and what it returns."""
    started = time.process_time()
    result = run()
    return time.process_time() - started, result


def graph_rows(vectors: Rows) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of graphs."""
    farthest = None
    for name, transformer in transformers():
        transformer.fit_transform(vectors[:COMPILED_BY])
        seconds, graph = timed(partial(transformer.fit_transform, vectors))
        if farthest is None:
            farthest = graph.data.reshape(len(vectors), -1).max(axis=1)
        yield name, f"{seconds:.1f}", f"{recall_of(graph, farthest):.4f}"


def radius_rows(vectors: Rows, queries: Rows) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of radii."""
    ours = LSHNeighbors(recall=0.9).fit(vectors)
    theirs = NearestNeighbors(algorithm="brute").fit(vectors)
    ours.kneighbors(queries)  # compiles
    for radius in RADII:
        seconds, found = timed(partial(ours.radius_neighbors, queries, radius, False))
        their_seconds, true = timed(partial(theirs.radius_neighbors, queries, radius, False))
        within = np.array([len(rows) for rows in true])
        shared = np.array([len(np.intersect1d(*pair)) for pair in zip(found, true, strict=True)])
        recall = (shared[within > 0] / within[within > 0]).mean()
        yield (
            f"{radius:,}",
            f"{np.median(within):,.0f}",
            f"{within.max():,}",
            f"{recall:.4f}",
            f"{seconds:.1f}",
            f"{their_seconds:.1f}",
        )


def show(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table in Markdown, each row when it is known."""
    click.echo(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for row in rows:
        click.echo(f"| {' | '.join(row)} |")


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--graphs/--no-graphs", default=True, help="The first table, which takes minutes.")
def main(data: Path, graphs: bool) -> None:
    try:
        dataset = fashion_mnist(data)
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None
    vectors, queries = (rows.astype(np.float32) for rows in (dataset.base, dataset.queries[:QUERIES]))
    click.echo(f"fashion-mnist, {len(vectors):,} x {vectors.shape[1]}; {machine()['processor']}\n")
    with threadpool_limits(1):
        if graphs:
            show(("transformer", "processor seconds", "recall"), graph_rows(vectors))
            click.echo()
        heads = ("radius", "rows within, median", "most", "recall", "LSHNeighbors, s", "brute force, s")
        show(heads, radius_rows(vectors, queries))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.neighbor_graphs")
