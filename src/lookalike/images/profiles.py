"""ICC colour profiles: numbers of any colour space to sRGB, by LittleCMS."""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image, ImageCms, features

from lookalike.images.cicp import Cicp

_MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
"""The mode of pictures that a profile of a colour space, named as in its header, is for."""

_INVISIBLE = 3
"""A profile that moves no colour by more than this, of 255, is sRGB; rounding in LittleCMS alone moves some by 2."""

_LARGEST = 16 << 20
"""Bytes of a profile; a larger one is passed over."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return `image`, of mode L, RGB, CMYK or LAB, in sRGB, of mode RGB; the same object if the profile says nothing.

    A profile of another colour space than the picture's, or a damaged one, says nothing: the pixels are sound.
    """
    transform = _transform(profile, image.mode)
    if transform is None:
        return image
    return ImageCms.applyTransform(image, transform) or image


def cicp_of(profile: bytes) -> Cicp | None:
    """Return the code points of a profile that has them (ICC.1:2022, 9.2.17), as those of HDR pictures do."""
    try:
        count = struct.unpack_from(">I", profile, 128)[0]
        for place in range(132, 132 + 12 * min(count, 100), 12):
            name, offset = struct.unpack_from(">4sI", profile, place)
            if name == b"cicp":
                return Cicp(*struct.unpack_from(">BB", profile, offset + 8))
    except struct.error:
        pass
    return None


@functools.lru_cache(maxsize=16)  # a folder's pictures have few profiles among them
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what brings pictures of `mode` to sRGB; None where nothing is to be done, or cannot be."""
    if not features.check("littlecms2"):  # Pillow may be built without it
        return None
    if len(profile) > _LARGEST or _MODES.get(profile[16:20]) != mode:
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            _srgb(),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode in {"RGB", "L"} and _is_srgb(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a transform leaves all colours of a lattice where they are, as far as an eye can tell."""
    if mode == "L":
        pixels = np.arange(256, dtype=np.uint8)[np.newaxis]
    else:
        step = np.arange(0, 256, 17, dtype=np.uint8)
        pixels = np.stack(np.meshgrid(step, step, step), axis=-1).reshape(1, -1, 3)
    before = Image.fromarray(pixels)
    after = ImageCms.applyTransform(before, transform)
    if after is None:
        return True
    moved = np.asarray(after).astype(int) - np.asarray(before.convert("RGB")).astype(int)
    return bool(np.abs(moved).max() <= _INVISIBLE)
