"""Pictures' bytes to vectors, within this process: what the workers of `lookalike.features.parallel` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.arrays import Float32
from lookalike.errors import FeatureError, LookalikeError, PictureError
from lookalike.features.base import DECODED_SIDE, Extractor
from lookalike.images.decode import MAX_PIXELS, Decoded, decode

PIXELS_AT_ONCE = 24_000_000
"""Decoded pixels that are held before the extractors are called; one picture may be more."""


@dataclass(frozen=True)
class Extracted:
    """What a picture gave: its size in pixels, upright, its format, and a float32 vector (d,) a feature."""

    width: int
    height: int
    format: str
    vectors: dict[str, Float32]


def extract_batch(
    pictures: Sequence[tuple[str, bytes]],
    extractors: Mapping[str, Extractor],
    *,
    max_pixels: int = MAX_PIXELS,
) -> list[Extracted | PictureError]:
    """Decode pictures, given as (name, bytes), and extract every feature; one result a picture, in order.

    Each extractor sees the picture decoded to its own `decoded_side`, so that a vector does not depend on which
    other features are extracted. A picture for which an extractor gives NaN, infinity, or no direction where its
    metric is cosine, is refused like one that cannot be decoded.

    Raises:
        FeatureError: an extractor failed, or returned an array of a wrong shape.
        ModelError: as the extractor says.
    """
    sides = sorted({extractor.decoded_side for extractor in extractors.values()}) or [DECODED_SIDE]
    results: dict[int, Extracted | PictureError] = {}
    group: dict[int, dict[int, Decoded]] = {}
    pixels = 0
    for place, (name, data) in enumerate(pictures):
        try:
            views = group[place] = _decode(data, name, sides, max_pixels)
        except PictureError as error:
            # A new one, since the traceback of this one holds on to the picture's bytes and pixels.
            results[place] = type(error)(error.name, error.reason)
        else:
            pixels += sum(view.image.width * view.image.height for view in views.values())
        if pixels >= PIXELS_AT_ONCE or place + 1 == len(pictures):
            names = [pictures[one][0] for one in group]
            results.update(zip(group, _extract(names, list(group.values()), extractors), strict=True))
            group, pixels = {}, 0
    return [results[place] for place in range(len(pictures))]


def _decode(data: bytes, name: str, sides: Sequence[int], max_pixels: int) -> dict[int, Decoded]:
    """Decode a picture for each of `sides`, ascending, and only once where it comes at its full size."""
    views: dict[int, Decoded] = {}
    view: Decoded | None = None
    for side in sides:
        if view is None or view.image.size != (view.width, view.height):
            view = decode(data, name=name, side=side, max_pixels=max_pixels)
        views[side] = view
    return views


def _extract(
    names: Sequence[str], group: Sequence[dict[int, Decoded]], extractors: Mapping[str, Extractor]
) -> list[Extracted | PictureError]:
    if not group:
        return []
    rows = {
        feature: _rows(feature, extractor, [views[extractor.decoded_side] for views in group])
        for feature, extractor in extractors.items()
    }
    usable = {feature: _usable(rows[feature], extractor) for feature, extractor in extractors.items()}
    results: list[Extracted | PictureError] = []
    for place, (name, views) in enumerate(zip(names, group, strict=True)):
        refused = [feature for feature in extractors if not usable[feature][place]]
        if refused:
            results.append(
                PictureError(name, f"feature {refused[0]!r} gives NaN or an all-zero vector for it")
            )
        else:
            view = next(iter(views.values()))
            vectors = {feature: matrix[place] for feature, matrix in rows.items()}
            results.append(Extracted(view.width, view.height, view.format, vectors))
    return results


def _rows(feature: str, extractor: Extractor, views: Sequence[Decoded]) -> Float32:
    try:
        rows = np.asarray(extractor.extract([view.image for view in views]), dtype=np.float32)
    except (LookalikeError, MemoryError):
        raise
    except Exception as error:  # a plug-in may raise anything
        raise FeatureError(f"feature {feature!r}: its extractor failed ({error!r})") from error
    if rows.shape != (len(views), extractor.dimension):
        raise FeatureError(
            f"feature {feature!r}: its extractor returned shape {rows.shape} for {len(views)} pictures "
            f"of dimension {extractor.dimension}"
        )
    return rows


def _usable(rows: Float32, extractor: Extractor) -> npt.NDArray[np.bool_]:
    usable: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(rows), axis=1)
    return usable & np.logical_or.reduce(rows != 0, axis=1) if extractor.metric == "cosine" else usable
