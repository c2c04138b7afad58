"""Pictures with edges, textures and colours, the same for the same seed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw


def drawn(seed: int, size: tuple[int, int] = (120, 100)) -> Image.Image:
    """Return a picture of shapes, with some noise."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(one) for one in random.integers(0, 256, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(8):
        x, y, w, h = (int(one) for one in random.integers(5, 80, 4))
        pen.ellipse((x, y, x + w, y + h), fill=tuple(int(one) for one in random.integers(0, 256, 3)))
    noise = random.integers(-6, 7, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def drawn_file(seed: int) -> bytes:
    """Return such a picture as PNG."""
    stream = io.BytesIO()
    drawn(seed).save(stream, "PNG")
    return stream.getvalue()
