"""Views of one photograph: do the other views of it come first?

    python -m benchmarks.crops --data PHOTOS_DIR --feature look
    python -m benchmarks.crops --scikit-image

Of each photograph, several views are made: a crop of 60 to 90 % of its area, turned by up to 5 degrees, mirrored half
of the time, with other brightness, contrast and colour, and compressed again as JPEG. Every view is a query, itself
left out; the search is exact; relevant are the other views of the same photograph. The views are a function of the seed
and of the photographs in the order of their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from lookalike.arrays import Float32
from lookalike.errors import PictureError
from lookalike.features.base import DECODED_SIDE
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.images.decode import decode
from lookalike.index.row_forms import unit_rows

BATCH = 32


def view(photograph: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return one random view of a photograph, as a decoded JPEG."""
    turned = photograph.rotate(random.uniform(-5, 5), Image.Resampling.BILINEAR)
    side = random.uniform(0.6, 0.9) ** 0.5
    stretch = random.uniform(0.95, 1.05)
    width = min(round(turned.width * side * stretch), turned.width)
    height = min(round(turned.height * side / stretch), turned.height)
    left = int(random.integers(turned.width - width + 1))
    top = int(random.integers(turned.height - height + 1))
    image = turned.crop((left, top, left + width, top + height))
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(random.uniform(0.75, 1.3))
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=int(random.integers(40, 93)))
    with Image.open(jpeg) as again:
        return again.convert("RGB")


def retrieval(vectors: Float32, photographs: npt.NDArray[Any]) -> tuple[float, float]:
    """Return R-precision (the share of a photograph's other views among as many nearest) and mean average precision.

    With v views a photograph, R = v - 1, where precision@R and recall@R are the same figure.
    """
    nearness = vectors @ vectors.T
    np.fill_diagonal(nearness, -np.inf)
    order = np.argsort(-nearness, axis=1, kind="stable")[:, :-1]
    relevant = photographs[order] == photographs[:, None]
    others = relevant.sum(axis=1)
    ranks = np.arange(1, relevant.shape[1] + 1)
    in_reach = (relevant & (ranks <= others[:, None])).sum(axis=1)
    average = (relevant * relevant.cumsum(axis=1) / ranks).sum(axis=1)
    return float((in_reach / others).mean()), float((average / others).mean())


def photographs_of(folder: Path) -> Iterator[Image.Image]:
    """Yield the pictures of a folder by name, without the files that are none."""
    for path in sorted(folder.iterdir()):
        try:
            yield decode(path, side=DECODED_SIDE).image
        except PictureError as error:
            click.echo(f"skipped {error}", err=True)


def scikit_image_photographs() -> Iterator[Image.Image]:
    """Yield the photographs that scikit-image brings along without a download."""
    from skimage import data

    names = (
        *(
            "astronaut",
            "brick",
            "camera",
            "chelsea",
            "coffee",
            "coins",
            "grass",
            "gravel",
            "hubble_deep_field",
        ),
        *("immunohistochemistry", "moon", "page", "retina", "rocket"),
    )
    for name in names:
        yield Image.fromarray(getattr(data, name)()).convert("RGB")


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of photographs."
)
@click.option("--scikit-image", is_flag=True, help="Use scikit-image's own photographs.")
@click.option("--feature", "features", multiple=True, default=("look",), show_default=True)
@click.option("--views", type=click.IntRange(min=2), default=4, show_default=True, help="Views a photograph.")
@click.option("--seed", default=0, show_default=True)
def main(data: Path | None, scikit_image: bool, features: tuple[str, ...], views: int, seed: int) -> None:
    """Print precision at R and mean average precision of each feature as a line of JSON."""
    if (data is None) != scikit_image:
        raise click.UsageError("give either --data FOLDER or --scikit-image")
    random = np.random.default_rng(seed)
    pictures = [
        view(photograph, random)
        for photograph in (photographs_of(data) if data else scikit_image_photographs())
        for _ in range(views)
    ]
    photographs = np.arange(len(pictures)) // views
    for text in features:
        extractor = create_extractor(FeatureSpec.parse(text))
        if extractor.metric != "cosine":
            raise click.UsageError(f"{text} is compared by {extractor.metric}; this measures cosine features")
        batches = [extractor.extract(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH)]
        r_precision, mean_average_precision = retrieval(unit_rows(np.concatenate(batches)), photographs)
        figures = {
            "feature": text,
            f"precision@{views - 1}": round(r_precision, 4),
            "mAP": round(mean_average_precision, 4),
            "views": len(pictures),
            "photographs": len(pictures) // views,
            "dimension": extractor.dimension,
        }
        click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
