"""The recall that is found beside the recall that was asked for, over k, filters, and queries of another kind.

    python -m benchmarks.asked_recall --data DATA [--set NAME]... [--k K]... [--filters] [--hnswlib]

Each line is a set, a k and a recall asked for: the recall found on held-out queries (by distances, so that equally
near rows are right), how far it is off, microseconds a query in a batch, and how the search went. The network features
are those of product photographs, whole (`network-1`), or whole, mirrored and cropped (`network-3`); the queries of
`network-1-cropped` are cropped, and its rows are not; `elsewhere` asks for other photographs among them
(`photos/` and `kinds/`), and `elsewhere-rows` for products among these. With --filters, 1, 10 and 50 % of the rows may
be found: by chance, or those nearest to one row. With --hnswlib, what a graph of M 16 finds stands beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks import cache
from benchmarks.datasets import Dataset, fashion_mnist, sift_300k
from benchmarks.descriptors import photographs
from benchmarks.network import MOBILENET, QUERY_EVERY, features_of
from benchmarks.runner import machine
from lookalike import Index

RECALLS = (0.8, 0.9, 0.95, 0.99)
KS = (1, 10, 50, 100, 300, 1000)
QUERIES = 2000
SHARES = (0.01, 0.1, 0.5)
ROUNDS = 3


def sift(rows: int) -> Callable[[Path], Dataset]:
    """Return the maker of a set of so many SIFT rows, drawn at random."""

    def make(data: Path) -> Dataset:
        whole = sift_300k(data)
        chosen = np.sort(np.random.default_rng(0).choice(len(whole.base), rows, replace=False))
        return Dataset(f"sift-{rows // 1000}k", whole.base[chosen], whole.queries, "euclidean")

    return make


def features(data: Path, folders: list[str], views: int) -> npt.NDArray[np.float32]:
    """Return network features (pictures, views, 1280) of the pictures of some folders of `data`."""
    model, paths = (
        data / "models" / "mobilenet_v2_1.0_224.onnx",
        photographs([data / name for name in folders]),
    )
    names = [str(MOBILENET), str(views), *(f"{path.name} {path.stat().st_size}" for path in (model, *paths))]
    place = cache.FOLDER / f"features-{cache.digest(names)}"
    kept = cache.load(place, ("features",))
    if kept is None:
        kept = {"features": features_of(paths, model, views)}
        cache.store_all(place, kept)
    return np.asarray(kept["features"])


def network(name: str, views: list[int], asked_views: list[int]) -> Callable[[Path], Dataset]:
    """Return the maker of a set of views of product photographs: 0 the whole, 1 its mirror image, 2 its middle.

    One photograph in ten is not among the rows, and its views are queries.
    """

    def make(data: Path) -> Dataset:
        each = features(data, ["products/images"], 3)
        asked = np.arange(len(each)) % QUERY_EVERY == 0
        base, queries = each[~asked][:, views], each[asked][:, asked_views]
        width = each.shape[2]
        return Dataset(name, base.reshape(-1, width), queries.reshape(-1, width), "cosine")

    return make


def elsewhere(data: Path) -> Dataset:
    """Return three views of product photographs, and queries that show other things."""
    each, others = features(data, ["products/images"], 3), features(data, ["photos", "kinds"], 1)
    return Dataset("elsewhere", each.reshape(-1, each.shape[2]), others[:, 0], "cosine")


def elsewhere_rows(data: Path) -> Dataset:
    """Return photographs of other things, and queries that show products."""
    each, others = features(data, ["products/images"], 3), features(data, ["photos", "kinds"], 1)
    return Dataset("elsewhere-rows", others[:, 0], each[:, 0], "cosine")


SETS: dict[str, Callable[[Path], Dataset]] = {
    "sift-10k": sift(10_000),
    "sift-100k": sift(100_000),
    "sift-300k": sift(300_000),
    "fashion-mnist": fashion_mnist,
    "network-1": network("network-1", [0], [0]),
    "network-1-cropped": network("network-1-cropped", [0], [2]),
    "network-3": network("network-3", [0, 1, 2], [0, 1, 2]),
    "elsewhere": elsewhere,
    "elsewhere-rows": elsewhere_rows,
}


def filters(base: npt.NDArray[Any]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Yield filters of `base` by name: shares of it by chance and by place."""
    random = np.random.default_rng(1)
    far = np.linalg.norm(
        base.astype(np.float32) - base[random.integers(len(base))].astype(np.float32), axis=1
    )
    for share in SHARES:
        yield f"{share:.0%} by chance", random.random(len(base)) < share
        yield f"{share:.0%} by place", far <= np.quantile(far, share)


def report_hnswlib(made: Dataset, queries: Any, truth: Any, k: int) -> None:
    """Print what hnswlib finds of `truth`, distances (q, k), beside it."""
    import hnswlib

    graph = hnswlib.Index(space={"euclidean": "l2"}.get(made.metric, made.metric), dim=made.base.shape[1])
    graph.init_index(len(made.base), M=16, ef_construction=200)
    graph.add_items(made.base, num_threads=1)
    for ef in (10, 20, 40, 80, 160):
        graph.set_ef(max(ef, k))
        start = time.perf_counter()
        _, distances = graph.knn_query(queries, k, num_threads=1)
        took = 1e6 * (time.perf_counter() - start) / len(queries)
        found = np.sqrt(distances) if made.metric == "euclidean" else distances
        share = float((found <= truth[:, -1:] * (1 + 1e-6) + 1e-5).mean())
        click.echo(f"{made.name} k {k:4} hnswlib, ef {ef:3} found {share:.3f} {took:15.1f} us")


def report(index: Index, queries: Any, k: int, allow: Any, name: str) -> None:
    """Print the lines of one set, k and filter."""
    truth = index.search(queries, k, recall=1, allow=allow)[1]
    limit = truth[:, -1:] + 1e-6 * np.maximum(np.abs(truth[:, -1:]), 1)
    for asked in RECALLS:
        taken = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            distances = index.search(queries, k, recall=asked, allow=allow)[1]
            taken.append(time.perf_counter() - start)
        right = (distances <= limit) & np.isfinite(distances)
        found = float(right.sum() / max(1, np.isfinite(truth).sum()))
        took = 1e6 * min(taken) / len(queries)
        click.echo(f"{name} k {k:4} asked {asked:.2f} found {found:.3f} {found - asked:+.3f} {took:8.1f} us")


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--set", "names", multiple=True, default=tuple(SETS), type=click.Choice(list(SETS)))
@click.option("--k", "ks", multiple=True, default=KS, type=int)
@click.option("--filters", "filtered", is_flag=True)
@click.option("--hnswlib", is_flag=True)
def main(data: Path, names: tuple[str, ...], ks: tuple[int, ...], filtered: bool, hnswlib: bool) -> None:
    """Print the table."""
    click.echo(machine())
    with threadpool_limits(1):
        for name in names:
            made = SETS[name](data)
            queries = np.asarray(made.queries[:QUERIES], dtype=np.float32)
            start = time.perf_counter()
            index = Index.build(made.base, metric=made.metric, scan_below=0, n_jobs=1)
            click.echo(f"{name}: {made.base.shape}, built in {time.perf_counter() - start:.1f} s")
            for k in ks:
                if not filtered:
                    report(index, queries, k, None, name)
                    if hnswlib:
                        report_hnswlib(made, queries, index.search(queries, k, recall=1)[1], k)
                    continue
                for kind, shown in filters(made.base):
                    report(index, queries, k, np.flatnonzero(shown), f"{name} {kind}")


if __name__ == "__main__":
    main()
