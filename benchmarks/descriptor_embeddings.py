"""How true embeddings of descriptors are: what an index ranks by, against the descriptor's own distance.

    python -m benchmarks.descriptor_embeddings --data DIR
    python -m benchmarks.descriptor_embeddings --data DIR --feature cedd

DIR is as `benchmarks.descriptors_quality` takes it. 1,000 pictures of each set are compared, 100 of which are queries.
`rank` is the mean of Spearman's correlation of both distances to all others; `nearest` the mean share of the ten
nearest by the embedding that are no farther than the tenth nearest by the distance.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import click
import numpy as np
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from benchmarks.descriptors_quality import kinds, products, views
from lookalike.arrays import Array, Float64, Rows
from lookalike.features.descriptors.base import Descriptor, pixels_of
from lookalike.features.registry import FeatureSpec, create_extractor, extractor_names
from lookalike.index.row_forms import unit_rows

PICTURES, QUERIES, NEIGHBOURS = 1000, 100, 10


def fidelity(descriptor: Descriptor, numbers: Array) -> tuple[float, float]:
    """Return `rank` and `nearest` of a descriptor of pictures (n, numbers), the first of which are the queries."""
    kept = descriptor.embed(numbers)
    ranks, shares = [], []
    for query in range(QUERIES):
        true = np.delete(descriptor.distances(numbers[query], numbers), query)
        found = np.delete(_apart(descriptor, kept, query), query)
        ranks.append(spearmanr(true, found).statistic)
        reach = np.partition(true, NEIGHBOURS - 1)[NEIGHBOURS - 1]
        shares.append((true[np.argsort(found, kind="stable")[:NEIGHBOURS]] <= reach + 1e-9).mean())
    return float(np.mean(ranks)), float(np.mean(shares))


def _apart(descriptor: Descriptor, kept: Rows, query: int) -> Float64:
    apart: Float64
    if descriptor.metric == "hamming":
        apart = np.bitwise_count(kept[query] ^ kept).sum(axis=1, dtype=np.float64)
    elif descriptor.metric == "cosine":
        units = unit_rows(kept)
        apart = 1 - (units @ units[query]).astype(np.float64)
    else:
        apart = np.square(kept.astype(np.float64) - kept[query]).sum(axis=1)
    return apart


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", "features", multiple=True, help="By default all descriptors.")
def main(data: Path, features: tuple[str, ...]) -> None:
    """Print each descriptor's figures as a line of JSON."""
    made = {
        name: create_extractor(FeatureSpec.parse(name))
        for name in features or extractor_names()
        if name != "onnx"
    }
    descriptors = {name: extractor for name, extractor in made.items() if isinstance(extractor, Descriptor)}
    figures: dict[str, dict[str, float | str]] = {name: {"feature": name} for name in descriptors}
    with threadpool_limits(1):
        for pictures, every in ((products, 5), (kinds, 1), (views, 1)):
            numbers: dict[str, list[Array]] = {name: [] for name in descriptors}
            for decoder, _ in islice(pictures(data), 0, PICTURES * every, every):
                pixels = pixels_of(decoder(next(iter(descriptors.values())).decoded_side))
                for name, descriptor in descriptors.items():
                    numbers[name].append(descriptor.describe(pixels))
            order = np.random.default_rng(0).permutation(len(numbers[next(iter(numbers))]))
            for name, descriptor in descriptors.items():
                rank, nearest = fidelity(descriptor, np.stack(numbers[name])[order])
                figures[name][f"rank {pictures.__name__}"] = round(rank, 4)
                figures[name][f"nearest {pictures.__name__}"] = round(nearest, 3)
    for line in figures.values():
        click.echo(json.dumps(line))


if __name__ == "__main__":
    main()
