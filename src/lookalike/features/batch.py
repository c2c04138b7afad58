"""Pictures' bytes to vectors, within this process: what the workers of `lookalike.features.parallel` do."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.arrays import DISCRETE, Rows
from lookalike.errors import FeatureError, LookalikeError, PictureError, PictureFormatError
from lookalike.features.base import DECODED_SIDE, Extractor, FileExtractor
from lookalike.features.framing import Framer
from lookalike.images import MAX_PIXELS
from lookalike.images.decode import Decoded, decode

Progress = Callable[[Sequence[int]], None]
"""Is told the places, in its batch, of the pictures that are decoded or extracted next."""

PIXELS_AT_ONCE = 24_000_000
"""Decoded pixels that are held before the extractors are called; one picture may be more."""


@dataclass(frozen=True)
class Extracted:
    """What a picture gave: its size in pixels, upright, its format, and a vector (d,) for each feature.

    Another file, which an extractor reads itself, has no size, and its suffix for a format.

    Vectors are float32, binary codes uint8. Where a feature's network runs elsewhere, it is a frame, flat and uint8,
    until then.
    """

    width: int | None
    height: int | None
    format: str
    vectors: dict[str, Rows]


class _Views(NamedTuple):
    """A picture, decoded for those extractors that are wanted; or a file, as extractors that read files read it."""

    name: str
    features: tuple[str, ...]
    by_side: dict[int, Decoded]
    by_feature: dict[str, Any]

    def of(self, feature: str, extractor: Extractor) -> Any:
        """Return what an extractor takes."""
        if feature in self.by_feature:
            return self.by_feature[feature]
        return self.by_side[extractor.decoded_side].image


def extract_batch(
    pictures: Sequence[tuple[str, bytes]],
    extractors: Mapping[str, Extractor],
    *,
    max_pixels: int = MAX_PIXELS,
    wanted: Sequence[Collection[str]] | None = None,
    progress: Progress | None = None,
) -> list[Extracted | PictureError]:
    """Decode pictures, given as (name, bytes), and extract their features; one result a picture, in order.

    Each extractor sees the picture decoded to its own `decoded_side`, so that a vector does not depend on which
    other features are extracted. A picture for which an extractor gives NaN, infinity, or no direction where its
    metric is cosine, is refused like one that cannot be decoded. Where a wanted extractor reads files itself, all do.

    Args:
        wanted: the features to extract of each picture; by default all.
        progress: is told before each step.

    Raises:
        FeatureError: an extractor failed, or returned an array of a wrong shape.
        ModelError: as the extractor says.
    """
    every = tuple(extractors)
    readers = {name: one for name, one in extractors.items() if isinstance(one, FileExtractor)}
    results: dict[int, Extracted | PictureError] = {}
    group: dict[int, _Views] = {}
    pixels = 0
    for place, (name, data) in enumerate(pictures):
        if progress is not None:
            progress((place,))
        features = every if wanted is None else tuple(wanted[place])
        read, views = {}, {}
        try:
            if not readers.keys().isdisjoint(features):
                read = {feature: _read(readers[feature], feature, data, name) for feature in features}
            else:
                sides = sorted({extractors[feature].decoded_side for feature in features}) or [DECODED_SIDE]
                views = _decode(data, name, sides, max_pixels)
        except PictureError as error:
            # A new one, since the traceback of this one holds on to the picture's bytes and pixels.
            results[place] = type(error)(error.name, error.reason)
        else:
            group[place] = _Views(name, features, views, read)
            pixels += (
                len(data) if read else sum(view.image.width * view.image.height for view in views.values())
            )
        if group and (pixels >= PIXELS_AT_ONCE or place + 1 == len(pictures)):
            if progress is not None:
                progress(tuple(group))
            results.update(_extract(group, extractors))
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


def _read(reader: FileExtractor, feature: str, data: bytes, name: str) -> Any:
    try:
        return reader.read(data, name)
    except PictureError:
        raise
    except Exception as error:  # a plug-in may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureFormatError(name, f"feature {feature!r} cannot read it ({reason})") from error


def _extract(
    group: dict[int, _Views], extractors: Mapping[str, Extractor]
) -> dict[int, Extracted | PictureError]:
    vectors: dict[int, dict[str, Rows]] = {place: {} for place in group}
    refused: dict[int, str] = {}
    for feature, extractor in extractors.items():
        places = [place for place, one in group.items() if feature in one.features]
        if not places:
            continue
        pictures = [group[place].of(feature, extractor) for place in places]
        rows = checked_rows(feature, extractor, len(places), partial(extractor.extract, pictures))
        for place, row, usable in zip(places, rows, usable_rows(rows, extractor), strict=True):
            if usable:
                vectors[place][feature] = row
            elif not getattr(extractor, "may_find_nothing", False):
                refused.setdefault(place, feature)
    results: dict[int, Extracted | PictureError] = {}
    for place, one in group.items():
        if place in refused:
            results[place] = no_vector(one.name, refused[place])
        elif one.by_feature:
            suffix = os.path.splitext(one.name)[1].lower()
            results[place] = Extracted(None, None, suffix, vectors[place])
        else:
            view = next(iter(one.by_side.values()))
            results[place] = Extracted(view.width, view.height, view.format, vectors[place])
    return results


def found_nothing(name: str, features: Iterable[str]) -> PictureError:
    """Return the error of a picture in which those extractors find nothing that it was wanted for."""
    return PictureError(name, f"{', '.join(features)} found nothing in it")


def no_vector(name: str, feature: str) -> PictureError:
    """Return the error of a picture for which an extractor gives nothing that could be compared."""
    return PictureError(name, f"feature {feature!r} gives NaN or an all-zero vector for it")


def checked_rows(feature: str, extractor: Extractor, count: int, extract: Callable[[], Any]) -> Rows:
    """Return what `extract` gives for `count` pictures: a row each, of `row_dtype`.

    Raises:
        FeatureError: it failed, gave another shape, or codes of another type.
    """
    dtype = row_dtype(extractor)
    try:
        given: Rows = np.asarray(extract())
        rows: Rows = given.astype(dtype, copy=False)
    except (LookalikeError, MemoryError):
        raise
    except Exception as error:  # a plug-in may raise anything
        raise FeatureError(f"feature {feature!r}: its extractor failed ({error!r})") from error
    if rows.shape != (count, extractor.dimension):
        raise FeatureError(
            f"feature {feature!r}: its extractor returned shape {rows.shape} for {count} pictures "
            f"of dimension {extractor.dimension}"
        )
    if dtype == np.uint8 and given.dtype != dtype:  # of others, a cast would lose what they say
        raise FeatureError(
            f"feature {feature!r}: its extractor returned {given.dtype}; give codes packed in uint8 (numpy.packbits)"
        )
    return rows


def row_dtype(extractor: Extractor) -> np.dtype[Any]:
    """Return the type of an extractor's rows: float32, or uint8 where they are frames or binary codes."""
    if isinstance(extractor, Framer):
        return np.dtype(np.uint8)
    return DISCRETE.get(extractor.metric, np.dtype(np.float32))


def usable_rows(rows: Rows, extractor: Extractor) -> npt.NDArray[np.bool_]:
    """Return which rows can be compared: finite ones, and under cosine those that are not zero throughout."""
    usable: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(rows), axis=1)
    return usable & np.logical_or.reduce(rows != 0, axis=1) if extractor.metric == "cosine" else usable
