"""TIFF by tifffile, as arrays: layouts, samples and compressions that Pillow does not read, or not rightly."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from lookalike.images.depth import Samples, UInt8, to_uint8
from lookalike.images.jxl import declared_size
from lookalike.images.request import Loaded, Request

_MOST_SAMPLES = 8
_GREYS, _RGB, _PALETTE, _CMYK, _YCBCR = (0, 1), 2, 3, 5, 6
_ALPHA = (1, 2)
_OF_THEIR_OWN = {
    **dict.fromkeys((33003, 33004, 33005, 34712), ("JPEG2000",)),
    34933: ("PNG",),
    50001: ("WEBP",),
}
"""Compressions whose strips and tiles say by themselves how large they are, and what Pillow calls them."""
_JPEG_XL = (50002, 52546)
_COLOURS = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 255, 255),
    (255, 0, 255),
    (255, 255, 0),
)
"""What ImageJ shows the channels of a composite in, where no table says otherwise."""


def load_page(data: bytes, request: Request, kind: str) -> Loaded:
    """Return the first page of a TIFF; `kind` is what an error calls it.

    Raises:
        PictureFormatError: of a kind that is not read.
        Exception: whatever tifffile and imagecodecs raise, of a damaged one.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if (
            not isinstance(page, tifffile.TiffPage)
            or page.imagedepth > 1
            or page.samplesperpixel > _MOST_SAMPLES
        ):
            raise request.unread(f"TIFF: {kind}")
        if int(page.compression) != 1:
            request.need("imagecodecs", "codecs", f"TIFF: {kind}")
            _check_segments(data, page, request, kind)
        image = _composite(file, request) or _picture(page, request, kind)
    profile = page.tags.valueof(34675)
    if isinstance(profile, bytes):
        image.info["icc_profile"] = profile
    orientation = page.tags.valueof(274, 1)
    return Loaded(
        image, image.width, image.height, orientation=orientation if orientation in range(2, 9) else 1
    )


def _check_segments(data: bytes, page: tifffile.TiffPage, request: Request, kind: str) -> None:
    """Look at the sizes that strips and tiles declare which are pictures of their own: decoders believe these.

    Raises:
        PictureError: one is too large, or is no such picture.
    """
    compression = int(page.compression)
    if compression not in _OF_THEIR_OWN and compression not in _JPEG_XL:
        return
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        segment = data[start : start + count]
        if not segment:  # of a sparse file
            continue
        if compression in _JPEG_XL:
            size = declared_size(segment)
        else:
            try:
                with Image.open(io.BytesIO(segment), formats=_OF_THEIR_OWN[compression]) as opened:
                    size = opened.size
            except OSError:
                size = None
        if size is None:
            raise request.unread(f"TIFF: {kind}")
        request.check_size(*size)


def _picture(page: tifffile.TiffPage, request: Request, kind: str) -> Image.Image:
    try:
        samples = np.asarray(page.asarray())
    except (NotImplementedError, ValueError) as error:
        if "not supported" in str(error) or isinstance(error, NotImplementedError):
            raise request.unread(f"TIFF: {kind}") from error
        raise
    # (planes, depth, height, width, samples): one of the planes and the samples is 1
    samples = np.moveaxis(samples.reshape(page.shaped), 0, -1)[0]
    samples = samples.reshape(*samples.shape[:2], -1)
    photometric, count = int(page.photometric), samples.shape[2]
    if photometric == _PALETTE and page.colormap is not None:
        palette = to_uint8(np.asarray(page.colormap, dtype=np.uint16).T)
        return Image.fromarray(palette[samples[..., 0]])
    colours = {0: 1, 1: 1, _RGB: 3, _YCBCR: 3, _CMYK: 4}.get(photometric, 0)
    if not colours or count < colours or (colours == 1 and count > 2) or samples.dtype.kind == "c":
        raise request.unread(f"TIFF: {kind}, photometric {photometric}")
    scaled = _scaled(samples[..., :colours], page)
    if photometric == 0:
        scaled = np.invert(scaled)
    if photometric == _YCBCR and int(page.compression) == 1:
        return Image.fromarray(scaled, "YCbCr")
    if photometric == _CMYK:
        return Image.fromarray(scaled, "CMYK")
    if count > colours and page.extrasamples and int(page.extrasamples[0]) in _ALPHA:
        alpha = to_uint8(samples[..., colours : colours + 1])
        scaled = np.concatenate([scaled, alpha], axis=2)
    return Image.fromarray(np.ascontiguousarray(scaled.squeeze(axis=2) if scaled.shape[2] == 1 else scaled))


def _scaled(samples: Samples, page: tifffile.TiffPage) -> UInt8:
    if samples.dtype == np.uint8 and page.bitspersample < 8:
        return np.rint(samples * (255 / ((1 << page.bitspersample) - 1))).astype(np.uint8)
    largest: Any = page.tags.valueof(281)
    largest = max(largest) if isinstance(largest, tuple) and largest else largest
    bits = page.bitspersample if page.bitspersample < 16 else None
    if bits is None and isinstance(largest, int) and largest:
        bits = largest.bit_length()
    missing = page.nodata if page.tags.get(42113) is not None else None
    return to_uint8(samples, declared_bits=bits, missing=None if missing is None else float(missing))


def _composite(file: tifffile.TiffFile, request: Request) -> Image.Image | None:
    """Return the channels of an ImageJ composite, each in its own colour, one over the other."""
    told: dict[str, Any] = file.imagej_metadata or {}
    if int(told.get("channels", 1)) < 2 or told.get("mode") == "grayscale":
        return None
    series = file.series[0]
    if "C" not in series.axes or series.size > 4 * request.max_pixels:
        raise request.unread("TIFF: a stack of ImageJ")
    stack = np.asarray(series.asarray())
    for axis in [axis for axis in series.axes if axis not in "CYX"]:
        stack = stack.take(0, axis=series.axes.index(axis)) if stack.ndim == len(series.axes) else stack[0]
    shown = 1 if told.get("mode") == "color" else len(stack)
    tables, ranges = told.get("LUTs") or [], told.get("Ranges") or ()
    laid = np.zeros((*stack.shape[1:], 3), dtype=np.float32)
    for number, channel in enumerate(stack[:shown]):
        if len(ranges) >= 2 * number + 2 and ranges[2 * number] < ranges[2 * number + 1]:
            low, high = ranges[2 * number : 2 * number + 2]
            share = np.clip((channel.astype(np.float32) - low) / (high - low), 0, 1)
            grey = np.rint(share * 255).astype(np.uint8)
        else:
            grey = to_uint8(channel)
        if number < len(tables):
            table = np.asarray(tables[number], dtype=np.float32).T
        else:
            table = np.outer(np.arange(256) / 255, _COLOURS[number % len(_COLOURS)]).astype(np.float32)
        laid += table[grey]
    return Image.fromarray(np.clip(laid, 0, 255).astype(np.uint8))
