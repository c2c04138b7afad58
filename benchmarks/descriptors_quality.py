"""What each descriptor finds, and what it costs: precision on three labelled sets, dimension, bytes and time.

    python -m benchmarks.descriptors_quality --data DIR
    python -m benchmarks.descriptors_quality --data DIR --feature cedd --feature look

DIR holds `products/` (`images/` and `products.csv` with the columns `image` and `articleType`), `kinds/` (a folder a
class) and `photos/`, of which views are made as `benchmarks.crops` does. Every picture is a query, itself left out; the
search is exact, by the metric that a collection uses. Time is that of the processor, one thread, for a picture of
224 x 224 that is decoded already.
"""

from __future__ import annotations

import csv
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click
import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks.crops import photographs_of, view
from benchmarks.precision import precision
from lookalike.arrays import Array, Rows
from lookalike.features.base import Extractor
from lookalike.features.registry import FeatureSpec, create_extractor, extractor_names
from lookalike.images.decode import SUFFIXES, decode

Picture = tuple[Callable[[int], Image.Image], str]
"""What decodes a picture to a side, and its label."""

VIEWS = 4
BATCH = 32
TIMED = 100
TIMED_SIDE = 224


def products(data: Path) -> Iterator[Picture]:
    """Yield pictures of products with their articleType."""
    with (data / "products" / "products.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield _decoder(data / "products" / "images" / row["image"]), row["articleType"]


def kinds(data: Path) -> Iterator[Picture]:
    """Yield pictures with the names of their folders."""
    for path in sorted((data / "kinds").glob("*/*")):
        if path.suffix.lower() in SUFFIXES:
            yield _decoder(path), path.parent.name


def views(data: Path) -> Iterator[Picture]:
    """Yield views of photographs with the photographs' numbers."""
    random = np.random.default_rng(0)
    for number, photograph in enumerate(photographs_of(data / "photos")):
        for _ in range(VIEWS):
            one = view(photograph, random)
            yield partial(_decoded, one), str(number)


def vectors_of(
    pictures: Iterable[Picture], extractors: dict[str, Extractor]
) -> tuple[dict[str, Rows], Array]:
    """Return the rows of each feature, and the pictures' labels."""
    parts: dict[str, list[Rows]] = {name: [] for name in extractors}
    labels: list[str] = []
    sides = {extractor.decoded_side for extractor in extractors.values()}
    stream = iter(pictures)
    while batch := list(islice(stream, BATCH)):
        decoded = {side: [decoder(side) for decoder, _ in batch] for side in sides}
        labels += [label for _, label in batch]
        for name, extractor in extractors.items():
            parts[name].append(extractor.extract(decoded[extractor.decoded_side]))
    return {name: np.concatenate(rows) for name, rows in parts.items()}, np.array(labels)


def milliseconds(extractor: Extractor, pictures: list[Image.Image]) -> float:
    """Return the median time of the processor for one picture."""
    times = []
    for picture in pictures:
        started = time.process_time()
        extractor.extract([picture])
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times)


def _decoder(path: Path) -> Callable[[int], Image.Image]:
    return lambda side: decode(path, side=side).image


def _decoded(image: Image.Image, side: int) -> Image.Image:
    """Return a picture that is decoded already, whatever its size."""
    return image


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", "features", multiple=True, help="By default all descriptors, and look.")
@click.option("--times-only", is_flag=True, help="Measure no precision.")
def main(data: Path, features: tuple[str, ...], times_only: bool) -> None:
    """Print each feature's figures as a line of JSON."""
    specs = [FeatureSpec.parse(text) for text in features or sorted({*extractor_names()} - {"onnx"})]
    extractors = {spec.name: create_extractor(spec) for spec in specs}
    with threadpool_limits(1):
        timed = [
            decoder(TIMED_SIDE).resize((TIMED_SIDE, TIMED_SIDE))
            for decoder, _ in islice(products(data), TIMED)
        ]
        figures: dict[str, dict[str, float | str]] = {
            name: {"feature": name, "metric": extractor.metric, "dimension": extractor.dimension}
            for name, extractor in extractors.items()
        }
        for name, extractor in extractors.items():
            figures[name]["bytes"] = extractor.extract(timed[:1]).nbytes
            figures[name]["ms"] = round(milliseconds(extractor, timed), 2)
        if not times_only:
            for pictures, k in ((products, 10), (kinds, 10), (views, VIEWS - 1)):
                vectors, labels = vectors_of(pictures(data), extractors)
                for name, rows in vectors.items():
                    found = precision(rows, labels, extractors[name].metric, k=k)
                    figures[name][f"precision@{k} {pictures.__name__}"] = round(found, 4)
    for line in figures.values():
        click.echo(json.dumps(line))


if __name__ == "__main__":
    main()
