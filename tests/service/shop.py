"""What a small shop has: drawn pictures, and what is told of each."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

COUNT = 63
COLOURS = {"red": (200, 40, 40), "green": (40, 150, 70), "blue": (40, 70, 190)}
KINDS = ("shoe", "hat", "bag")


def picture(number: int) -> bytes:
    """Return a picture as PNG: its kind is the shape, its colour the colour."""
    random = np.random.default_rng(number)
    colour = list(COLOURS.values())[number % 3]
    image = Image.new("RGB", (96, 80), (240, 240, 235))
    pen = ImageDraw.Draw(image)
    x, y = (int(value) for value in random.integers(5, 25, 2))
    shade = tuple(int(part + random.integers(-30, 30)) for part in colour)
    kind = KINDS[number // 3 % 3]
    if kind == "shoe":
        pen.polygon([(x, 60), (x + 50, 60), (x + 50, 45), (x + 20, 40), (x, y)], fill=shade)
    elif kind == "hat":
        pen.ellipse((x, y, x + 40, y + 30), fill=shade)
    else:
        pen.rectangle((x, y, x + 45, y + 40), fill=shade)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def fields(number: int) -> dict[str, Any]:
    """Return the metadata of a picture."""
    colour, kind = list(COLOURS)[number % 3], KINDS[number // 3 % 3]
    return {
        "title": f"{colour.capitalize()} {kind} number {number}",
        "colour": colour,
        "kind": kind,
        "price": 10 + number,
        "tags": [colour, kind],
    }
