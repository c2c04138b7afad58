"""Does fusing features hurt? Precision of each feature, and of every two of them together, on several labelled sets.

    python -m benchmarks.fusion --data DATA --feature look --feature mobilenet:onnx=mobilenet.toml
    python -m benchmarks.fusion --data DATA --feature look --feature cedd --feature phog --all

DATA holds `products/` (`images/`, `products.csv` with `image` and `articleType`), `kinds/` (a folder a class) and
`photos/`. Relevant are pictures of the query's articleType or folder (precision@10), and the other views of one
photograph (`benchmarks/crops.py`, precision@3). Parts of these sets stand in for others: half of the classes, ten of
them, 300 pictures drawn. Every picture is a query, itself left out; the search is exact, by the distances and the
weights that a collection of just these pictures would have. `--all` fuses all features instead of each two.

A line of JSON for each set and fusion tells: each feature alone, the plain mean of their distances ("mean"), the mean
of comparable ones ("equal say"), what is done by default ("default"), its weights, and by how much it is better than
the better one alone ("gain"). The last lines sum up the gains of each fusion.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks import cache
from benchmarks.crops import photographs_of, scikit_image_photographs, view
from lookalike.arrays import Float32, Int64, Metric
from lookalike.collection.distributions import pairwise, sample_of
from lookalike.features.base import DECODED_SIDE
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.fusion import Distributions
from lookalike.images.decode import SUFFIXES, decode

BATCH = 32
VIEWS = 4
DRAWN = 300
QUERIES = 512
"""So many rows of distances are looked at together."""

Labels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A set: vectors by feature, labels (n,), and the k of precision@k."""

    name: str
    vectors: Mapping[str, npt.NDArray[Any]]
    labels: Labels
    k: int

    def part(self, name: str, rows: Labels) -> Labelled:
        """Return the part of some rows, a mask or positions."""
        vectors = {feature: each[rows] for feature, each in self.vectors.items()}
        return Labelled(f"{self.name}, {name}", vectors, self.labels[rows], self.k)


def parts(whole: Labelled) -> Iterator[Labelled]:
    """Yield a set and its parts."""
    yield whole
    random = np.random.default_rng(0)
    classes = np.unique(whole.labels)
    yield whole.part("half of the classes", np.isin(whole.labels, classes[::2]))
    yield whole.part("the other half", np.isin(whole.labels, classes[1::2]))
    for number in (1, 2):
        drawn = np.sort(random.choice(len(whole.labels), DRAWN, replace=False))
        if whole.k > VIEWS - 1:  # views of one photograph would be torn apart
            yield whole.part(f"{DRAWN} drawn ({number})", drawn)
        few = random.choice(classes, 10, replace=False)
        yield whole.part(f"10 classes ({number})", np.isin(whole.labels, few))


def precision(distances: Float32, labelled: Labelled) -> float:
    """Return the mean share of the k nearest, the query left out, that have its label."""
    right = 0
    for start in range(0, len(distances), QUERIES):
        block = distances[start : start + QUERIES].copy()
        rows = np.arange(len(block))
        block[rows, start + rows] = np.inf
        nearest = np.argpartition(block, labelled.k - 1, axis=1)[:, : labelled.k]
        right += int((labelled.labels[nearest] == labelled.labels[start + rows, np.newaxis]).sum())
    return right / (labelled.k * len(distances))


def sampled(distances: Mapping[str, Float32]) -> Distributions:
    """Return what a collection of these pictures, added in this order, would measure."""
    count = len(next(iter(distances.values())))
    numbers: Int64 = np.arange(1, count + 1)
    rows = sample_of([numbers] * len(distances)) - 1
    return Distributions.of({name: matrix[np.ix_(rows, rows)] for name, matrix in distances.items()})


def measure(
    labelled: Labelled, metrics: Mapping[str, Metric], fusions: Iterable[Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield the figures of each fusion on one set."""
    distances = {name: pairwise(rows, metrics[name]) for name, rows in labelled.vectors.items()}
    alone = {name: precision(matrix, labelled) for name, matrix in distances.items()}
    told = sampled(distances)
    for names in fusions:
        weights = told.weights(names)
        shares = {
            "mean": dict.fromkeys(names, 1 / len(names)),
            "equal say": told.shares(dict.fromkeys(names, 1.0)),
            "default": told.shares(weights),
        }
        fused = {way: precision(_mean(distances, each), labelled) for way, each in shares.items()}
        best = max(alone[name] for name in names)
        yield {
            "set": labelled.name,
            "pictures": len(labelled.labels),
            f"precision@{labelled.k}": {name: round(alone[name], 4) for name in names},
            **{way: round(figure, 4) for way, figure in fused.items()},
            "weights": {name: round(weight, 3) for name, weight in weights.items()},
            "gain": round(fused["default"] - best, 4),
        }


def _mean(distances: Mapping[str, Float32], shares: Mapping[str, float]) -> Float32:
    total = np.zeros_like(next(iter(distances.values())))
    for name, share in shares.items():
        total += np.float32(share) * distances[name]
    return total


def sets(data: Path, specs: Sequence[FeatureSpec]) -> Iterator[Labelled]:
    """Yield the sets, described by the features; vectors are kept in `benchmarks/cache`."""
    with (data / "products" / "products.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    products = [data / "products" / "images" / row["image"] for row in rows]
    yield from parts(
        _described("products", _decoded(products), [row["articleType"] for row in rows], 10, specs)
    )
    kinds = sorted(path for path in (data / "kinds").rglob("*") if path.suffix.lower() in SUFFIXES)
    yield from parts(_described("kinds", _decoded(kinds), [path.parent.name for path in kinds], 10, specs))
    for name, seed in (
        ("views of photographs", 0),
        ("views of scikit-image's", 0),
        ("views of scikit-image's", 1),
    ):
        own = name.endswith("image's")
        source = scikit_image_photographs() if own else photographs_of(data / "photos")
        random = np.random.default_rng(seed)
        pictures = [view(photograph, random) for photograph in source for _ in range(VIEWS)]
        labels = [number // VIEWS for number in range(len(pictures))]
        labelled = _described(f"{name} ({seed})", pictures, labels, VIEWS - 1, specs)
        yield from [labelled] if own else parts(labelled)


def _decoded(paths: Iterable[Path]) -> Iterator[Image.Image]:
    return (decode(path, side=DECODED_SIDE).image for path in paths)


def _described(
    name: str, pictures: Iterable[Image.Image], labels: Sequence[Any], k: int, specs: Sequence[FeatureSpec]
) -> Labelled:
    extractors = {spec.name: create_extractor(spec) for spec in specs}
    folders = {
        spec.name: cache.FOLDER
        / "fusion"
        / cache.digest(
            [
                name,
                str(len(labels)),
                spec.extractor,
                extractors[spec.name].version,
                extractors[spec.name].model_hash,
            ]
        )
        for spec in specs
    }
    known = {spec.name: cache.load(folders[spec.name], ["vectors"]) for spec in specs}
    missing = [feature for feature, found in known.items() if found is None]
    made: dict[str, list[npt.NDArray[Any]]] = {feature: [] for feature in missing}
    batch: list[Image.Image] = []
    for picture in pictures if missing else ():
        batch.append(picture)
        if len(batch) == BATCH:
            for feature in missing:
                made[feature].append(extractors[feature].extract(batch))
            batch = []
    for feature in missing:
        rows = [*made[feature], *([extractors[feature].extract(batch)] if batch else [])]
        cache.store_all(folders[feature], {"vectors": np.concatenate(rows)})
    vectors = {
        feature: np.array((cache.load(folder, ["vectors"]) or {})["vectors"])
        for feature, folder in folders.items()
    }
    return Labelled(name, vectors, np.array(labels), k)


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option(
    "--feature", "features", multiple=True, required=True, help="NAME:KIND[=ARGUMENT], two or more."
)
@click.option("--all", "together", is_flag=True, help="Fuse all of them, instead of each two.")
def main(data: Path, features: tuple[str, ...], together: bool) -> None:
    """Print the figures of each set and fusion as a line of JSON."""
    specs = [FeatureSpec.parse(text) for text in features]
    if len(specs) < 2:
        raise click.UsageError("give two features or more")
    metrics = {spec.name: create_extractor(spec).metric for spec in specs}
    fusions = [tuple(metrics)] if together else list(combinations(metrics, 2))
    gains: dict[str, list[float]] = defaultdict(list)
    for labelled in sets(data, specs):
        for figures in measure(labelled, metrics, fusions):
            click.echo(json.dumps(figures))
            gains[" + ".join(figures["weights"])].append(figures["gain"])
    for name, each in gains.items():
        click.echo(
            json.dumps({"fusion": name, "least gain": min(each), "mean gain": round(float(np.mean(each)), 4)})
        )


if __name__ == "__main__":
    main()
