"""Colour of 16 bits a channel, of which Pillow keeps the high byte only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from lookalike.images.depth import to_uint8

_HIGHEST = 64
"""High bytes that are all below this are of 14 bits at most."""

_OTHER_BYTE = {"L": "B", "B": "L", "N": "B" if np.little_endian else "L"}


def brightened(
    image: Image.Image, reopen: Callable[[], ImageFile.ImageFile], declared_bits: int | None
) -> Image.Image:
    """Return a loaded picture of 16 bits a channel, scaled by the bits in use (`depth.bits_in_use`).

    Only the high bytes are in `image`; where these are low throughout, as those of 12 bits in 16 are, `reopen` is
    called and the picture is decoded again for its low bytes.
    """
    if image.mode not in {"RGB", "RGBA"} or declared_bits == 16:
        return image
    high = np.asarray(image)
    if high[..., :3].max(initial=0) >= _HIGHEST:
        return image
    with reopen() as again:
        again.tile = [tile._replace(args=_for_low_bytes(tile.args)) for tile in again.tile]
        again.load()
        low = np.asarray(again)
    samples = high.astype(np.uint16) << 8 | low
    pixels = to_uint8(samples[..., :3], declared_bits=declared_bits)
    if samples.shape[2] == 4:
        pixels = np.concatenate([pixels, to_uint8(samples[..., 3:], declared_bits=declared_bits)], axis=2)
    deep = Image.fromarray(np.ascontiguousarray(pixels))
    deep.info = image.info
    return deep


def _for_low_bytes(args: Any) -> Any:
    if isinstance(args, tuple):
        return (_for_low_bytes(args[0]), *args[1:])
    mode, _, order = str(args).rpartition("16")
    return f"{mode}16{_OTHER_BYTE[order]}"
