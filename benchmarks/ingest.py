"""The rate of a whole `add` beside that of decoding and extracting alone, on the same cores.

    python -m benchmarks.ingest --data DIR [--jobs 2] [--repeats 3]

DIR holds `images/` and `products.csv`. Both are timed in turn, as whole runs into a new collection, and then `add`
runs again over what it has stored.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import click

from benchmarks.corpus import pictures_of
from lookalike.collection import Collection
from lookalike.collection.walk import find_pictures
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec


def extraction_seconds(paths: list[Path], spec: FeatureSpec, jobs: int) -> float:
    """Return the time to read, decode and extract all pictures, keeping nothing."""
    started = time.perf_counter()
    for _ in extract_stream(pictures_of(paths), {spec.name: spec}, jobs=jobs):
        pass
    return time.perf_counter() - started


def add_seconds(data: Path, spec: FeatureSpec, jobs: int) -> tuple[float, float]:
    """Return the time of a first `add` of all pictures with their metadata, and of a second one."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Collection.create(Path(folder) / "collection") as collection,
    ):
        seconds = []
        for _ in range(2):
            started = time.perf_counter()
            collection.add(data / "images", features=[spec], metadata=data / "products.csv", jobs=jobs)
            seconds.append(time.perf_counter() - started)
    return seconds[0], seconds[1]


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", default="look", show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option("--repeats", default=3, show_default=True)
def main(data: Path, feature: str, jobs: int, repeats: int) -> None:
    """Print the rates, and the median of their ratio, as JSON."""
    spec = FeatureSpec.parse(feature)
    paths = [Path(found.path) for found in find_pictures([data / "images"]).files]
    alone, whole, again = [], [], []
    for _ in range(repeats):
        alone.append(extraction_seconds(paths, spec, jobs))
        first, second = add_seconds(data, spec, jobs)
        whole.append(first)
        again.append(second)
    ratios = [one / other for one, other in zip(alone, whole, strict=True)]
    figures = {
        "pictures": len(paths),
        "feature": feature,
        "jobs": jobs,
        "extraction_pictures_per_second": round(len(paths) / statistics.median(alone), 1),
        "add_pictures_per_second": round(len(paths) / statistics.median(whole), 1),
        "add_rate_to_extraction_rate": round(statistics.median(ratios), 3),
        "second_add_seconds": round(statistics.median(again), 2),
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
