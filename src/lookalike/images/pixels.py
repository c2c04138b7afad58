"""Pixels of any kind to RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_BITS_PER_SAMPLE = 258  # TIFF tag
_PHOTOMETRIC = 262  # TIFF tag
_WHITE_IS_ZERO = 0


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a loaded `image` as RGB, 8 bits a channel.

    - Transparent parts (an alpha channel, or a transparent colour of a palette) lie over white.
    - Grey of 16 bits loses its low byte, as colour of 16 bits does within Pillow.
    - Grey of 32 bits, whole or floating, has no agreed white: its own least and greatest values become black
      and white; NaN becomes black. A picture of one value is mid-grey.
    - CMYK and YCbCr are converted by Pillow's formulas; colour profiles are not applied.

    Raises:
        ValueError: Pillow cannot convert this mode (LAB, in its older versions).
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return _grey(_sixteen_bits(image)).convert("RGB")
    if image.mode in {"I", "F"}:
        return _grey(_stretched(np.asarray(image, dtype=np.float64))).convert("RGB")
    if image.mode in {"RGBA", "RGBa", "LA", "La", "PA"} or "transparency" in image.info:
        image = image.convert("LA") if image.mode == "La" else image
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _grey(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels)


def _sixteen_bits(image: Image.Image) -> npt.NDArray[np.uint8]:
    tags: Any = getattr(image, "tag_v2", {})  # only TIFF has less than 16 bits in this mode, or white as zero
    bits = int(tags.get(_BITS_PER_SAMPLE, (16,))[0])
    pixels = (np.asarray(image) >> max(bits - 8, 0)).astype(np.uint8)
    return np.invert(pixels) if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else pixels


def _stretched(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    finite = np.isfinite(pixels)
    if not finite.any():
        return np.zeros(pixels.shape, dtype=np.uint8)
    low, high = float(pixels[finite].min()), float(pixels[finite].max())
    if low == high:
        return np.full(pixels.shape, 128, dtype=np.uint8)
    # Halves, since the difference of two floats of opposite sign may overflow.
    share = (np.nan_to_num(pixels, nan=low, posinf=high, neginf=low) / 2 - low / 2) / (high / 2 - low / 2)
    return np.rint(share * 255).astype(np.uint8)
