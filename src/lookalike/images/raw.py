"""Photographs as the sensor saw them, by LibRaw: their largest preview, or a picture made of the sensor's numbers."""

from __future__ import annotations

import io

import numpy as np
from PIL import ExifTags, Image

from lookalike.images.formats import open_picture
from lookalike.images.request import Loaded, Request

_FLIPS = {3: 3, 5: 8, 6: 6}
"""The orientation of EXIF for each flip of LibRaw."""


def load(data: bytes, request: Request) -> Loaded:
    """Return a raw photograph: its largest preview, where that is large enough for `request.side`, or developed.

    A preview is what the camera itself made of the photograph, and is there at once. It may be smaller than the
    photograph, whose own size is told.

    Raises:
        PictureFormatError: rawpy is not installed, or LibRaw does not know the camera.
        Exception: whatever LibRaw raises, of a damaged one.
    """
    request.need("rawpy", "raw", "a raw photograph")
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as photograph:
            sizes = photograph.sizes
            request.check_size(sizes.raw_width, sizes.raw_height)
            found = _preview(photograph, request)
            if found is not None:
                image, orientation = found
            else:
                half = min(sizes.width, sizes.height) >= 2 * request.side
                developed = photograph.postprocess(use_camera_wb=True, half_size=half, user_flip=0)
                image, orientation = Image.fromarray(np.asarray(developed)), None
    except (rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError) as error:
        raise request.unread("a raw photograph of a camera that LibRaw does not know") from error
    if orientation is None:
        orientation = _FLIPS.get(sizes.flip, 1)
    return Loaded(image, sizes.width, sizes.height, orientation=orientation)


def _preview(photograph: object, request: Request) -> tuple[Image.Image, int | None] | None:
    """Return the largest preview that LibRaw finds, and the orientation that it tells itself; None if it is small."""
    import rawpy

    try:
        preview = photograph.extract_thumb()  # type: ignore[attr-defined]
        if preview.format != rawpy.ThumbFormat.JPEG:
            image, told = Image.fromarray(np.asarray(preview.data)), None
        else:
            with open_picture(io.BytesIO(preview.data), "JPEG") as opened:
                request.check_size(*opened.size)
                opened.load()
                image, told = opened, opened.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # there is none, or it is damaged, and the photograph is developed
        return None
    return (image, told) if min(image.size) >= request.side else None
