"""What `lookalike.tune_family` predicts of its choice, beside what is then measured.

    python -m benchmarks.tuning --data DATA [--index] [--pictures DIR]

On fashion-mnist (60,000), sift (300,000), network features of the product photographs, the words of the products'
titles as sets, and 256 signs of random projections of fashion-mnist: a family is tuned for a recall of 0.9 on a sample,
its buckets are filled with all rows, and held-out queries look into as many as were proposed. `recall` is that of the
ten nearest among the candidates, `candidates` a share of the rows, `MB` what buckets take. `off` is the recall
measured less the one predicted, `us` the processor's microseconds of a query in a batch that are predicted.

With --index, an index of the choice is built, which measures for itself how many buckets to probe: its microseconds and
its recall.

With --pictures, each trade-off is drawn into DIR/DATASET-FAMILY.svg.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.datasets import QUERIES, Dataset, fashion_mnist, products, sift_300k
from benchmarks.missing import DatasetMissingError
from benchmarks.network import QUERY_EVERY
from benchmarks.runner import machine
from benchmarks.worker import fastest
from lookalike import Index, Tuning, tune_family
from lookalike.arrays import DISCRETE, Metric, as_metric, as_vectors
from lookalike.buckets import Header, MemoryBuckets
from lookalike.hashing import FamilySpec
from lookalike.index.row_forms import prepared

SAMPLE, K, RECALL = 10_000, 10, 0.9
SIGNS = 256
VECTORS: tuple[tuple[FamilySpec, Metric], ...] = (
    (FamilySpec("hyperplane"), "cosine"),
    (FamilySpec("cross-polytope"), "cosine"),
    (FamilySpec("p-stable"), "euclidean"),
    (FamilySpec("p-stable", {"distance": "l1"}), "euclidean"),
    (FamilySpec("clusters"), "euclidean"),
)
"""Families, and by which metric neighbours are nearest."""
HEADS = (
    "family",
    "metric",
    "tables",
    "probes",
    "recall",
    "+-",
    "measured",
    "off",
    "candidates",
    "measured",
    "MB",
    "measured",
    "us",
)
INDEX_HEADS = ("of an index", "its recall")


def titles(data: Path) -> Dataset:
    """Return the words of the products' titles, as sets; one in ten is a query and no row."""
    path = data / "products" / "products.csv"
    if not path.exists():
        raise DatasetMissingError(f"there is no {path}")
    with path.open(encoding="utf-8", newline="") as file:
        sets = as_vectors([row["title"].lower().split() for row in csv.DictReader(file)], metric="jaccard")
    asked = np.arange(len(sets)) % QUERY_EVERY == 0
    return Dataset("titles", sets[~asked], sets[asked], "jaccard")


def signs(data: Path) -> Dataset:
    """Return the signs of random projections of fashion-mnist about its mean, as codes."""
    whole = fashion_mnist(data)
    mean = whole.base.mean(axis=0)
    planes = np.random.default_rng(0).standard_normal((whole.base.shape[1], SIGNS))
    base, queries = (np.packbits((rows - mean) @ planes > 0, axis=1) for rows in (whole.base, whole.queries))
    return Dataset("fashion-mnist, signs", base, queries, "hamming")


def found(dataset: Dataset, tuning: Tuning, scan: Index) -> tuple[float, float, int]:
    """Return the recall of the buckets that were proposed, the share of the rows that are candidates, and bytes."""
    rows, queries = dataset.base, dataset.queries
    family = tuning.choice.spec.family({}).fit(_sample(rows))
    store = MemoryBuckets()
    header = Header(stamp=0, tables=family.table_uuids(), properties={})
    store.fill(
        header, ((np.arange(at, at + SAMPLE)[: len(part)], family.keys(part)) for at, part in _parts(rows))
    )
    shares: list[float] = []
    candidates = 0
    for query, near_ids, near in zip(queries, *scan.search(queries, K), strict=True):
        keys = family.probe_keys(query[np.newaxis], tuning.choice.probes)
        ids = store.candidates(keys, limit=len(rows)).ids
        candidates += len(ids)
        if dataset.metric not in DISCRETE:
            shares.append(float(np.isin(near_ids, ids).mean()))
            continue
        near = near[near < 1] if dataset.metric == "jaccard" else near
        if len(near):  # any that is as near as the last is as good
            met = int(np.count_nonzero(scan.distances(query, ids) <= near[-1]))
            shares.append(min(met, len(near)) / len(near))
    return float(np.mean(shares)), candidates / len(queries) / len(rows), int(store.stats().bytes or 0)


def measure(dataset: Dataset, asked: FamilySpec, pictures: Path | None) -> tuple[list[Any], Tuning, Index]:
    """Return a row of the table, the tuning, and an index that scans."""
    tuning = tune_family(
        _sample(dataset.base), asked, rows=len(dataset.base), metric=as_metric(dataset.metric), recall=RECALL
    )
    choice = tuning.choice
    if pictures is not None:
        tuning.to_svg(pictures / f"{dataset.name.partition(',')[0]}-{_name(asked)}.svg")
    scan = Index.build(dataset.base, metric=dataset.metric, scan_below=len(dataset.base) + 1, n_jobs=1)
    recall, share, size = found(dataset, tuning, scan)
    row = [
        _name(asked),
        dataset.metric,
        choice.tables,
        choice.probes,
        f"{choice.recall:.3f}",
        f"{choice.error:.3f}",
        f"{recall:.3f}",
        f"{recall - choice.recall:+.3f}",
        f"{choice.share:.3f}",
        f"{share:.3f}",
        f"{choice.bytes / 1e6:.1f}",
        f"{size / 1e6:.1f}",
        f"{choice.microseconds:,.0f}",
    ]
    return row, tuning, scan


def of_index(dataset: Dataset, tuning: Tuning, scan: Index) -> list[str]:
    """Return the microseconds of a query, and the recall, of an index of the choice."""
    index = Index.build(
        dataset.base, metric=dataset.metric, family=tuning.choice.spec, recall=RECALL, scan_below=0, n_jobs=1
    )
    near, own = (each.search(dataset.queries, K)[1] for each in (scan, index))
    own_recall = (own <= near[:, -1:] + 1e-6 * np.abs(near[:, -1:])).mean()
    seconds = fastest(lambda: index.search(dataset.queries, K), 3) / len(dataset.queries)
    return [f"{1e6 * seconds:,.0f}", f"{own_recall:.3f}"]


def tables(data: Path) -> Iterator[tuple[Dataset, tuple[tuple[FamilySpec, Metric], ...]]]:
    """Yield each data set, and what is tuned for it."""
    for make in (fashion_mnist, sift_300k):
        yield make(data), VECTORS
    yield products(data), tuple((asked, "cosine") for asked, _ in VECTORS[:2])
    yield titles(data), ((FamilySpec("min-hash"), "jaccard"),)
    yield signs(data), ((FamilySpec("bit-sampling"), "hamming"),)


def _name(asked: FamilySpec) -> str:
    return "-".join((asked.name, *map(str, asked.parameters.values())))


def _sample(rows: Any) -> Any:
    drawn = np.random.default_rng(1).choice(len(rows), min(SAMPLE, len(rows)), replace=False)
    return rows[np.sort(drawn)]


def _parts(rows: Any) -> Iterator[tuple[int, Any]]:
    return ((start, rows[start : start + SAMPLE]) for start in range(0, len(rows), SAMPLE))


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), envvar="LOOKALIKE_BENCH_DATA")
@click.option("--pictures", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--index", "is_indexed", is_flag=True, help="Build an index of each choice, too.")
def main(data: Path, pictures: Path | None, is_indexed: bool) -> None:
    heads = (*HEADS, *INDEX_HEADS) if is_indexed else HEADS
    try:
        with threadpool_limits(1):
            for whole, families in tables(data):
                rows, width = whole.base.shape
                click.echo(f"{whole.name}, {rows:,} x {width}; {machine()['processor']}\n")
                click.echo(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
                for asked, metric in families:
                    base, queries = (as_vectors(each, metric=metric) for each in (whole.base, whole.queries))
                    if metric not in DISCRETE:
                        base, queries = prepared(base, metric), prepared(queries, metric)
                    dataset = replace(whole, base=base, queries=queries[: QUERIES // 2], metric=metric)
                    row, tuning, scan = measure(dataset, asked, pictures)
                    row += of_index(dataset, tuning, scan) if is_indexed else []
                    click.echo(f"| {' | '.join(map(str, row))} |")
                click.echo()
    except DatasetMissingError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.tuning")
