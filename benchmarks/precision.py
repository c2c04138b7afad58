"""Precision@10 by articleType: of the ten nearest pictures, how many are of the query's kind.

    python -m benchmarks.precision --data DIR --feature look --feature onnx=model.onnx

DIR holds `images/` and `products.csv` with the columns `image` and `articleType`. Every picture is a query, itself
left out; the search is exact. With several features, the last line is of all of them together, equally weighed.
"""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks.corpus import pictures_of
from lookalike.arrays import Metric, Rows
from lookalike.features.parallel import Extracted, extract_stream
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.index.row_forms import unit_rows

NEIGHBOURS = 10


def precision(
    vectors: Rows, labels: npt.NDArray[Any], metric: Metric, *, k: int = NEIGHBOURS, block: int = 1024
) -> float:
    """Return the mean share of the k nearest rows, the row itself left out, that carry the row's label."""
    if metric == "cosine":
        vectors = unit_rows(vectors)
    elif metric == "hamming":  # the squared Euclidean distance of bits
        vectors, metric = np.unpackbits(vectors, axis=1).astype(np.float32), "euclidean"
    squares = np.einsum("ij,ij->i", vectors, vectors) if metric == "euclidean" else np.zeros(len(vectors))
    right = 0
    for start in range(0, len(vectors), block):
        nearness = 2 * vectors[start : start + block] @ vectors.T - squares
        rows = np.arange(len(nearness))
        nearness[rows, start + rows] = -np.inf
        nearest = np.argpartition(-nearness, k - 1, axis=1)[:, :k]
        right += int((labels[nearest] == labels[start + rows, None]).sum())
    return right / (k * len(vectors))


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", "features", multiple=True, default=("look",), show_default=True)
@click.option("--jobs", default=2, show_default=True)
@click.option(
    "--label", default="articleType", show_default=True, help="The column that says what is relevant."
)
def main(data: Path, features: tuple[str, ...], jobs: int, label: str) -> None:
    """Print precision@10 of each feature as a line of JSON."""
    with (data / "products.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    paths = [data / "images" / row["image"] for row in rows]
    extracted = {}
    for text in features:
        spec = FeatureSpec.parse(text)
        started = time.perf_counter()
        vectors, labels = [], []
        stream = extract_stream(pictures_of(paths), {spec.name: spec}, jobs=jobs)
        for number, result in stream:
            if isinstance(result, Extracted):
                vectors.append(result.vectors[spec.name])
                labels.append(rows[number][label])
        seconds = time.perf_counter() - started
        extracted[text] = np.stack(vectors)
        metric = create_extractor(spec).metric
        show(
            text,
            extracted[text],
            np.array(labels),
            metric,
            pictures_per_second=round(len(vectors) / seconds, 1),
        )
    if len(features) > 1:
        # The mean of cosine distances is the cosine distance of unit vectors side by side.
        together = np.hstack([unit_rows(vectors) for vectors in extracted.values()])
        show(" + ".join(features), together, np.array(labels), "cosine")


def show(name: str, vectors: Rows, labels: npt.NDArray[Any], metric: Metric, **more: float) -> None:
    """Print the figures of one feature as a line of JSON."""
    figures = {
        "feature": name,
        f"precision@{NEIGHBOURS}": round(precision(vectors, labels, metric), 4),
        "pictures": len(vectors),
        "dimension": vectors.shape[1],
        **more,
    }
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
