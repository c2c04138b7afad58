"""The windows of a spatial pyramid: Lazebnik, Schmid & Ponce, "Beyond Bags of Features", CVPR 2006."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.arrays import Array

WINDOWS = 21


def windows(values: Array) -> Iterator[Array]:
    """Yield the whole of values (h, w, ...), its quarters row by row, and its sixteenths column by column.

    Quarters are h div 2 x w div 2, sixteenths h div 4 x w div 4; what remains at the right and the bottom is in none of
    them. A side of less than 4 has a remainder only, so its windows are empty.
    """
    height, width = values.shape[:2]
    yield values
    for y in range(2):
        for x in range(2):
            yield _window(values, height // 2, width // 2, y, x)
    for x in range(4):
        for y in range(4):
            yield _window(values, height // 4, width // 4, y, x)


def _window(values: Array, height: int, width: int, y: int, x: int) -> Array:
    return values[y * height : (y + 1) * height, x * width : (x + 1) * width]
