"""A network's features of product photographs: few rows of many dimensions, compared by cosine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from benchmarks import cache
from benchmarks.descriptors import photographs
from benchmarks.missing import DatasetMissingError
from lookalike.features.base import DECODED_SIDE
from lookalike.features.onnx import OnnxNetwork
from lookalike.images.decode import decode

MOBILENET = {"scale": 1 / 128, "mean": 1.0, "std": 1.0}
QUERY_EVERY = 10
"""One photograph in so many gives queries and no rows."""
VIEWS = 7
SHARE = 0.75
"""Side of a cropped view, in the side of the whole picture."""


def views(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield the whole picture, its mirror image, its middle and its four corners."""
    width, height = round(picture.width * SHARE), round(picture.height * SHARE)
    right, bottom = picture.width - width, picture.height - height
    yield picture
    yield ImageOps.mirror(picture)
    for left, top in ((right // 2, bottom // 2), (0, 0), (right, 0), (0, bottom), (right, bottom)):
        yield picture.crop((left, top, left + width, top + height))


def features_of(paths: Sequence[Path], model: Path, count: int) -> npt.NDArray[np.float32]:
    """Return features (pictures, count, dimension) float32 of the first `count` views, each of length one."""
    network = OnnxNetwork(str(model), **MOBILENET)
    pictures = (decode(path, side=DECODED_SIDE).image for path in paths)
    return np.stack([network.extract(list(islice(views(picture), count))) for picture in pictures])


def products(images: Path, model: Path, *, all_views: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return base and queries (_, dimension) float32: whole pictures, or with `all_views` seven views of each.

    Raises:
        DatasetMissingError: there are no pictures, or no model.
    """
    paths = photographs([images])
    if not paths or not model.exists():
        raise DatasetMissingError(f"network features need pictures in {images} and the network {model}")
    count = VIEWS if all_views else 1
    names = [str(count), *(f"{path.name} {path.stat().st_size}" for path in (model, *paths))]
    place = cache.FOLDER / f"products-{cache.digest([str(MOBILENET), str(SHARE), *names])}"
    kept = cache.load(place, ("features",))
    if kept is None:
        kept = {"features": features_of(paths, model, count)}
        cache.store_all(place, kept)
    features = np.asarray(kept["features"])
    asked = np.arange(len(features)) % QUERY_EVERY == 0
    width = features.shape[2]
    return features[~asked].reshape(-1, width), features[asked].reshape(-1, width)
