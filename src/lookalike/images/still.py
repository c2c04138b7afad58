"""Pictures by Pillow and its plug-ins, but JPEG and TIFF, which have ways of their own."""

from __future__ import annotations

import io

from PIL import Image, ImageFile

from lookalike.images import frames, jxl, png
from lookalike.images.deep import brightened
from lookalike.images.formats import open_picture
from lookalike.images.isobmff import PrimaryItem, jpeg_2000_profile
from lookalike.images.request import Loaded, Request, orientation_of


def load(data: bytes, format_name: str, request: Request) -> Loaded:
    """Return a picture; of an animation, the frame that `frames.telling_frame` chooses.

    Raises:
        PictureError: it is too large.
        Exception: whatever Pillow raises, of a damaged one.
    """
    if format_name == "PNG":
        return _png(data, request)
    if format_name == "JXL":
        declared = jxl.declared_size(data)
        if declared is None:  # the plug-in would make room for its pixels before anybody knew how many
            raise ValueError("no size is where it is to be")
        request.check_size(*declared)
    image = _load(data, format_name, request)
    if format_name == "JPEG2000":
        image.info.setdefault("icc_profile", jpeg_2000_profile(data))
    if format_name not in ("AVIF", "HEIF"):
        return Loaded(image, image.width, image.height, orientation=orientation_of(image))
    item = PrimaryItem(data)
    orientation = orientation_of(image)
    if format_name == "HEIF" and not item.turns:
        # Some phones turn by EXIF alone. The plug-in takes that away, as it belongs to pictures that turn themselves.
        orientation = image.info.get("original_orientation") or orientation
    return Loaded(image, image.width, image.height, item.cicp, orientation=orientation)


def _png(data: bytes, request: Request) -> Loaded:
    try:
        image = _load(data, "PNG", request)
    except ValueError:  # of texts and profiles that unpack to more than Pillow's limits, too
        lighter = png.without_texts(data)
        if len(lighter) == len(data):
            raise
        data = lighter
        image = _load(data, "PNG", request)
    header = png.Header(data)
    if header.bits == 16 and isinstance(image, ImageFile.ImageFile):  # no later frame of an animation
        image = brightened(image, lambda: open_picture(io.BytesIO(data), "PNG"), header.significant_bits)
    return Loaded(
        image, image.width, image.height, header.cicp, header.significant_bits, orientation_of(image)
    )


def _load(data: bytes, format_name: str, request: Request) -> Image.Image:
    with open_picture(io.BytesIO(data), format_name) as image:
        request.check_size(image.width, image.height)
        image.load()
        return frames.telling_frame(image) if format_name in frames.FORMATS else image
