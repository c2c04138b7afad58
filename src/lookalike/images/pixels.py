"""Pixels of any kind to RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from lookalike.images import cicp as code_points
from lookalike.images.cicp import Cicp
from lookalike.images.depth import to_uint8

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE_VALUE, _GDAL_NO_DATA = 258, 262, 281, 42113  # TIFF tags
_WHITE_IS_ZERO = 0

_SEEN = 16
"""By how much, of 255, a pixel has to differ from its ground to be seen."""

_LEAST_SEEN = 0.02
"""The share of what is not transparent that has to be seen over white; a drawing of which less is, is a white one."""


def to_rgb(image: Image.Image, *, declared_bits: int | None = None, cicp: Cicp | None = None) -> Image.Image:
    """Return a loaded `image` as sRGB, 8 bits a channel.

    - Colour profiles are applied, and so is `cicp`, HDR included; a picture without either is taken for sRGB.
    - Transparent parts (an alpha channel, or a transparent colour of a palette) lie over white; over black where
      nothing would be seen over white.
    - Grey of more than 8 bits, 32 and floating too, is scaled as `lookalike.images.depth.to_uint8` says.
    - CMYK and YCbCr without a profile are converted by Pillow's formulas.

    Args:
        declared_bits: how many of 16 bits the picture says that its samples have.
        cicp: what the picture says that its numbers mean, by code points.

    Raises:
        ValueError: Pillow cannot convert this mode (LAB, in its older versions).
    """
    if image.mode in {"RGBA", "RGBa", "LA", "La", "PA"} or "transparency" in image.info:
        return _over_ground(image, cicp)
    if image.mode.startswith("I;16"):
        image = _sixteen_bits(image, declared_bits)
    elif image.mode in {"I", "F"}:
        return Image.fromarray(to_uint8(np.asarray(image), missing=_missing(image))).convert("RGB")
    return _in_srgb(image, cicp)


def _over_ground(image: Image.Image, cicp: Cicp | None) -> Image.Image:
    if image.mode.startswith("I;16"):  # with a transparent grey
        transparent = np.asarray(image) == image.info["transparency"]
        alpha = Image.fromarray(to_uint8(~transparent))
        base: Image.Image = _sixteen_bits(image, None)
    else:
        straight = image
        if image.mode not in {"LA", "RGBA"}:
            straight = image.convert("LA" if image.mode == "La" else "RGBA")
        alpha = straight.getchannel("A")
        base = straight.getchannel("L") if straight.mode == "LA" else straight.convert("RGB")
    base.info = {name: value for name, value in image.info.items() if name != "transparency"}
    base = _in_srgb(base, cicp)
    laid = Image.new("RGB", base.size, "white")
    laid.paste(base, mask=alpha)
    visible = sum(alpha.histogram()[_SEEN + 1 :])
    seen = sum(laid.convert("L").histogram()[: 255 - _SEEN])
    if seen < _LEAST_SEEN * visible:
        laid = Image.new("RGB", base.size, "black")
        laid.paste(base, mask=alpha)
    return laid


def _in_srgb(image: Image.Image, cicp: Cicp | None) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode not in {"RGB", "L", "CMYK", "LAB"}:
        image = image.convert("L" if image.mode == "1" else "RGB")
    if profile and isinstance(profile, bytes):
        from lookalike.images import profiles

        cicp = profiles.cicp_of(profile) or cicp
        if cicp is None or not cicp.is_hdr:
            return _as_rgb(profiles.to_srgb(image, profile))
    image = _as_rgb(image)
    return image if cicp is None or cicp.is_srgb else code_points.to_srgb(image, cicp)


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _sixteen_bits(image: Image.Image, declared_bits: int | None) -> Image.Image:
    tags: Any = getattr(image, "tag_v2", {})  # only TIFF has less than 16 bits in this mode, or white as zero
    if tags:
        bits = int(tags.get(_BITS_PER_SAMPLE, (16,))[0])
        largest = tags.get(_MAX_SAMPLE_VALUE)
        if bits < 16:
            declared_bits = bits
        elif largest:
            declared_bits = int(largest[0] if isinstance(largest, tuple) else largest).bit_length()
    pixels = to_uint8(np.asarray(image).astype(np.uint16), declared_bits=declared_bits)
    grey = Image.fromarray(np.invert(pixels) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else pixels)
    grey.info = image.info
    return grey


def _missing(image: Image.Image) -> float | None:
    """Return the value that stands for nothing in a TIFF, as GDAL tells it."""
    try:
        tags: Any = getattr(image, "tag_v2", {})
        return float(tags[_GDAL_NO_DATA])
    except (KeyError, TypeError, ValueError):
        return None
