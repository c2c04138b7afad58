"""Small pictures for HTML pages."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from lookalike.images import MAX_PIXELS
from lookalike.images.decode import decode


def thumbnail_data_uri(source: bytes | Path, side: int = 160, *, max_pixels: int = MAX_PIXELS) -> str:
    """Return `thumbnail` as a `data:` URI. Raises PictureError."""
    data = thumbnail(source, side, max_pixels=max_pixels)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")


def thumbnail(source: bytes | Path, side: int = 160, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return a picture as a JPEG that fits a square of `side` pixels; small ones stay small.

    Raises:
        PictureError: as `decode` does.
    """
    image = decode(source, side=side, max_pixels=max_pixels).image
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    stream = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0).save(
        stream, "JPEG", quality=82, optimize=True
    )
    return stream.getvalue()
